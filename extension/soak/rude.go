// This file is the clients that behave badly.

package main

import (
	"context"
	"net"
	"time"
)

// rude is one read of a client that goes away, is slow, or closes its half of the connection at once.
func (c *client) rude(ctx context.Context) {
	c.hangUp()
	r := c.next()
	if !c.dialled(&r) {
		c.reads = append(c.reads, r)
		return
	}
	sent := request(c.plan.names[r.name], r.refresh, c.token, r.id)
	switch c.random.IntN(5) {
	case 0:
		c.leave(&r, sent)
	case 1:
		c.leave(&r, sent[:c.random.IntN(len(sent))])
	case 2:
		c.dawdle(ctx, sent[:len(sent)/2])
		r.abandoned, r.end = true, c.now()
	case 3:
		rest := c.dawdle(ctx, sent)
		r.begin = c.now() // the last byte is what makes it a request
		_, err := c.connection.Write(rest)
		c.await(&r, err)
	case 4:
		_, err := c.connection.Write(sent)
		if tcp, is := c.connection.Conn.(*net.TCPConn); is && err == nil {
			err = tcp.CloseWrite()
		}
		c.await(&r, err)
	}
	c.hangUp()
	c.reads = append(c.reads, r)
}

// leave sends something and is gone after a moment, with a reset if not all was read that had come by then.
func (c *client) leave(r *read, sent []byte) {
	c.connection.Write(sent) // an error would be no news to who leaves
	time.Sleep(time.Duration(c.random.IntN(40)) * time.Millisecond)
	r.abandoned, r.end = true, c.now()
}

// dawdle sends all but the end of a request in small pieces, and returns that.
func (c *client) dawdle(ctx context.Context, sent []byte) (rest []byte) {
	const piece = 40
	for len(sent) > piece && ctx.Err() == nil {
		if _, err := c.connection.Write(sent[:piece]); err != nil {
			break
		}
		sent = sent[piece:]
		time.Sleep(time.Duration(c.random.IntN(40)) * time.Millisecond)
	}
	return sent
}
