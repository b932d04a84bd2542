package cache

import (
	"context"
	"sync"
)

// underWay counts the calls to the source.
type underWay struct {
	mu    sync.Mutex
	calls int
	none  chan struct{} // closed when the count is back at 0; nil if nobody waits
}

func (u *underWay) begin() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.calls++
}

func (u *underWay) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.calls--
	if u.calls == 0 && u.none != nil {
		close(u.none)
		u.none = nil
	}
}

// Settle waits until no call to the source is under way, or ctx is done.
func (c *Cache) Settle(ctx context.Context) {
	c.calls.mu.Lock()
	if c.calls.calls == 0 {
		c.calls.mu.Unlock()
		return
	}
	if c.calls.none == nil {
		c.calls.none = make(chan struct{})
	}
	none := c.calls.none
	c.calls.mu.Unlock()
	select {
	case <-none:
	case <-ctx.Done():
	}
}
