// This file is a crowd: many clients that read one name at the same time, each over a connection of its own.

package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const crowdSize = 24

// crowd is one read by each of them, and a pause.
func (c *client) crowd(ctx context.Context) {
	name := c.names[c.random.IntN(len(c.names))]
	members := make([]client, crowdSize)
	var all sync.WaitGroup
	for i := range members {
		m := &members[i]
		m.stage = c.stage
		m.reads = []read{{id: fmt.Sprintf("%s-%d", c.label, len(c.reads)+i+1), name: name}}
		all.Go(func() {
			defer m.hangUp()
			r := &m.reads[0]
			if m.dialled(r) {
				_, err := m.connection.Write(request(m.plan.names[name], false, m.token, r.id))
				m.await(r, err)
			}
		})
	}
	all.Wait()
	for _, m := range members {
		c.reads = append(c.reads, m.reads...)
	}
	c.sleepUntil(ctx, c.now()+between(c.random, 100*time.Millisecond, time.Second))
}
