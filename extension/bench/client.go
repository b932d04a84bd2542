// This file reads from a server over one keep-alive connection, by hand: an HTTP client would cost more than the
// server that is measured.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// client is one connection.
type client struct {
	conn   net.Conn
	buffer []byte
}

// dial connects to a port of 127.0.0.1. The connection can be used until ctx is done.
func dial(ctx context.Context, port int) (*client, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	if deadline, has := ctx.Deadline(); has {
		conn.SetDeadline(deadline)
	}
	return &client{conn: conn, buffer: make([]byte, 16<<10)}, nil
}

func (c *client) close() { c.conn.Close() }

// get sends a request and returns the answer's body, and all of the answer, which stay good until the next get. An
// answer that is not 200 is an error.
func (c *client) get(request []byte) (body, answer []byte, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return nil, nil, err
	}
	read := 0
	for {
		n, err := c.conn.Read(c.buffer[read:])
		if err != nil {
			return nil, nil, fmt.Errorf("reading an answer: %w", err)
		}
		read += n
		header, body, err := split(c.buffer[:read])
		if err != nil {
			return nil, nil, err
		}
		if header != nil {
			return body, c.buffer[:read], nil
		}
		if read == len(c.buffer) {
			c.buffer = append(c.buffer, make([]byte, len(c.buffer))...)
		}
	}
}

// split takes a whole answer apart, which is 200 and has a Content-Length; both parts are nil while some is missing.
func split(answer []byte) (header, body []byte, err error) {
	const ok, length = "HTTP/1.1 200 ", "\r\nContent-Length: "
	end := bytes.Index(answer, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, nil, nil
	}
	header, body = answer[:end], answer[end+4:]
	if !bytes.HasPrefix(header, []byte(ok)) {
		status, _, _ := bytes.Cut(header, []byte("\r\n"))
		return nil, nil, fmt.Errorf("the answer is %q: %.200q", status, body)
	}
	at := bytes.Index(header, []byte(length))
	if at < 0 {
		return nil, nil, errors.New("the answer has no Content-Length")
	}
	digits, _, _ := bytes.Cut(header[at+len(length):], []byte("\r"))
	size, err := strconv.Atoi(string(digits))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("reading Content-Length: %w", err)
	case len(body) > size:
		return nil, nil, fmt.Errorf("the answer has %d bytes more than its Content-Length", len(body)-size)
	case len(body) < size:
		return nil, nil, nil
	}
	return header, body, nil
}

// dialWhenOpen dials until a process that just started listens.
func dialWhenOpen(ctx context.Context, port int) (*client, error) {
	const patience, pause = 15 * time.Second, 50 * time.Microsecond
	for begun := time.Now(); ; time.Sleep(pause) {
		c, err := dial(ctx, port)
		if err == nil {
			return c, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if time.Since(begun) > patience {
			return nil, fmt.Errorf("the port is not open after %v: %w", patience, err)
		}
	}
}
