package api

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	// receiveTime bounds how long a request may take to come in, once it has begun.
	receiveTime = 10 * time.Second
	// sendTime bounds how long a part of an answer may wait for its client to take it.
	sendTime = 10 * time.Second
)

// conn is a connection that no slow client can hold: a request that has begun and an answer have to get on. While
// nothing is asked there is no limit. Clients keep a connection through a freeze of hours, and one that was closed
// as the environment thaws would cost them the next request; and nothing is lost by waiting, since a client that is
// gone has closed its end, being a process on this machine.
//
// A deadline for every request and answer, as the HTTP server would set them, makes a cached read 4 % slower. So one
// is set only where there is something to wait for. Most requests come whole, and most answers fit into the socket's
// buffer.
//
// The goroutine that serves the connection is the only one to touch the fields.
type conn struct {
	net.Conn
	raw  syscall.RawConn       // nil if there is none; every write has a deadline then
	send func(fd uintptr) bool // sendOnce, made once

	asking    bool // from the begin of a request until it is answered
	received  bool // anything at all
	receiving bool // the deadline for reads is set
	deadline  time.Time
	unsent    []byte // for sendOnce
}

// timed is a listener of such connections.
type timed struct{ net.Listener }

func (t timed) Accept() (net.Conn, error) {
	accepted, err := t.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: accepted}
	c.send = c.sendOnce
	if socket, is := accepted.(syscall.Conn); is {
		if raw, err := socket.SyscallConn(); err == nil {
			c.raw = raw
		}
	}
	return c, nil
}

// follow is told by the HTTP server where its connections stand.
func follow(nc net.Conn, state fasthttp.ConnState) {
	c, is := nc.(*conn)
	if !is {
		return
	}
	switch state {
	case fasthttp.StateActive: // a request has begun, but for the first one, which has not
		c.asking = true
	case fasthttp.StateIdle:
		c.rest()
	}
}

// rest ends the time of a request. Taking a deadline back fails only on a closed connection, and the next read says so.
func (c *conn) rest() {
	c.asking = false
	if c.receiving {
		c.receiving = false
		_ = c.SetReadDeadline(time.Time{})
	}
}

// Read begins the request's time when a part of it is missing.
func (c *conn) Read(p []byte) (int, error) {
	if c.asking && c.received && !c.receiving {
		c.receiving, c.deadline = true, time.Now().Add(receiveTime)
		if err := c.SetReadDeadline(c.deadline); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) && thawed(c.deadline) {
		c.receiving = false
		return c.Read(p)
	}
	c.received = c.received || n > 0
	return n, err
}

// Write gives what the socket does not take at once its time.
func (c *conn) Write(p []byte) (int, error) {
	c.unsent = p
	if c.raw != nil {
		if err := c.raw.Write(c.send); err != nil {
			return 0, err
		}
	}
	rest := c.unsent
	c.unsent = nil // it may be a value of the cache, which is not to be kept from being forgotten
	sent := len(p) - len(rest)
	if len(rest) == 0 {
		return sent, nil
	}
	for {
		deadline := time.Now().Add(sendTime)
		if err := c.SetWriteDeadline(deadline); err != nil {
			return sent, err
		}
		more, err := c.Conn.Write(rest)
		sent, rest = sent+more, rest[more:]
		late := errors.Is(err, os.ErrDeadlineExceeded)
		if late && thawed(deadline) {
			continue
		}
		if late {
			c.abort()
		}
		_ = c.SetWriteDeadline(time.Time{}) // it fails on a closed connection alone
		return sent, err
	}
}

// thawed says that a deadline struck so late that the process was frozen meanwhile, and its client with it.
func thawed(deadline time.Time) bool { return time.Since(deadline) > time.Second }

// sendOnce sends what the socket takes without waiting. What goes wrong is met again by the write that follows.
func (c *conn) sendOnce(fd uintptr) bool {
	if n, err := syscall.Write(int(fd), c.unsent); err == nil {
		c.unsent = c.unsent[n:]
	}
	return true
}

// abort lets Close drop what the client does not take, which the kernel would keep for it otherwise.
func (c *conn) abort() {
	if socket, is := c.Conn.(interface{ SetLinger(seconds int) error }); is {
		_ = socket.SetLinger(0)
	}
}
