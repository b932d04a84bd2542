// This file waits for calls to come in, or to be over.

package awstest

import (
	"context"
	"fmt"
)

// WaitCalls waits until an operation (empty: any) was called n times.
func (c *Counts) WaitCalls(ctx context.Context, operation Operation, n int) error {
	return c.wait(ctx, func() (int, bool) {
		seen := c.total[counted{operation: operation}]
		return seen, seen >= n
	}, fmt.Sprintf("%d calls of %q", n, operation))
}

// WaitInFlight waits until n calls of a service (empty: of both) or more are
// under way at once.
func (c *Counts) WaitInFlight(ctx context.Context, service Service, n int) error {
	return c.wait(ctx, func() (int, bool) {
		return c.inFlight[service], c.inFlight[service] >= n
	}, fmt.Sprintf("%d calls in flight", n))
}

// WaitOpen waits until exactly n connections are open. A connection that was
// closed by the client is noticed a moment later only.
func (c *Counts) WaitOpen(ctx context.Context, n int) error {
	return c.wait(ctx, func() (int, bool) { return len(c.open), len(c.open) == n }, fmt.Sprintf("%d open connections", n))
}

// WaitQuiet waits until no call is under way.
func (c *Counts) WaitQuiet(ctx context.Context) error {
	return c.wait(ctx, func() (int, bool) { return c.inFlight[""], c.inFlight[""] == 0 }, "no call in flight")
}

func (c *Counts) wait(ctx context.Context, holds func() (int, bool), what string) error {
	for {
		c.mu.Lock()
		seen, held := holds()
		changed := c.changed
		c.mu.Unlock()
		if held {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s, with %d so far: %w", what, seen, ctx.Err())
		}
	}
}

// notify wakes all who wait. The caller holds the lock.
func (c *Counts) notify() {
	close(c.changed)
	c.changed = make(chan struct{})
}
