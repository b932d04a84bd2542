// This file is the load: clients that each read one name after the other.

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// client is one of the function's.
type client struct {
	*stage
	label      string
	random     *rand.Rand
	names      []int       // that it reads
	connection *connection // nil before the first read, and after one that ended it
	reads      []read
}

func newClient(s *stage, number int) *client {
	c := &client{stage: s, label: fmt.Sprintf("soak-%d", number), random: rand.New(rand.NewPCG(s.plan.seed, uint64(number)))}
	for i, n := range s.plan.names {
		if seeks := number%seekers == 0; seeks == (n.fate != steady) {
			c.names = append(c.names, i)
		}
	}
	return c
}

// seekers: one client in so many reads the names that are not always there. A read of one of these may wait for AWS as
// long as its budget lasts; a client that waits finds out nothing of the names that are held.
const seekers = 4

// newLoad is all clients, each with what it does time and again.
func newLoad(s *stage) map[*client]func(context.Context) {
	const polite, rude = 10, 4
	load := make(map[*client]func(context.Context))
	for i := range polite + rude + 1 {
		c := newClient(s, i+1)
		switch {
		case i < polite:
			load[c] = c.polite
		case i < polite+rude:
			load[c] = c.rude
		default:
			load[c] = c.crowd
		}
	}
	return load
}

// run reads until ctx is done; a read that has begun by then is finished.
func (c *client) run(ctx context.Context, once func(context.Context)) {
	defer c.hangUp()
	for ctx.Err() == nil {
		once(ctx)
		pauses := []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond}
		time.Sleep(pauses[c.random.IntN(len(pauses))])
	}
}

// polite is one read as nearly all are: over a connection that is kept, and rarely over a new one.
func (c *client) polite(context.Context) {
	if c.random.IntN(50) == 0 {
		c.hangUp()
	}
	r := c.next()
	r.refresh = c.random.IntN(60) == 0
	if c.dialled(&r) {
		_, err := c.connection.Write(request(c.plan.names[r.name], r.refresh, c.token, r.id))
		c.await(&r, err)
	}
	c.reads = append(c.reads, r)
}

// next begins a read of some name. Half of all are of a few names.
func (c *client) next() read {
	among := len(c.names)
	if c.random.IntN(2) == 0 {
		among = max(among/3, 1)
	}
	return read{id: fmt.Sprintf("%s-%d", c.label, len(c.reads)+1), name: c.names[c.random.IntN(among)], begin: c.now()}
}

// dialled says that there is a connection now.
func (c *client) dialled(r *read) bool {
	if c.connection == nil {
		var err error
		if c.connection, err = dial(context.Background(), c.address); err != nil {
			r.end, r.broken = c.now(), err.Error()
			time.Sleep(10 * time.Millisecond) // that are not many, if the extension is gone
			return false
		}
	}
	r.begin = c.now()
	c.connection.SetDeadline(time.Now().Add(patient))
	return true
}

// await waits for the answer, if the request was sent without an error.
func (c *client) await(r *read, err error) {
	if err == nil {
		err = c.connection.receive(c.plan.names[r.name], r)
	}
	r.end = c.now()
	if err != nil {
		r.broken = err.Error()
		c.hangUp()
	}
}

func (c *client) hangUp() {
	if c.connection != nil {
		c.connection.Close()
		c.connection = nil
	}
}
