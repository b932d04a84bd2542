package api

import (
	"context"
	"sync/atomic"
)

// gauge counts the requests that are being answered, and lets one goroutine wait for none.
type gauge struct {
	count   atomic.Int64
	waiting atomic.Bool
	none    chan struct{}
}

func newGauge() gauge { return gauge{none: make(chan struct{}, 1)} }

// enter returns the count with the new one.
func (g *gauge) enter() int64 { return g.count.Add(1) }

func (g *gauge) leave() {
	if g.count.Add(-1) == 0 && g.waiting.Load() {
		select {
		case g.none <- struct{}{}:
		default:
		}
	}
}

func (g *gauge) wait(ctx context.Context) {
	g.waiting.Store(true) // before the count is looked at, so that whoever leaves last sees it
	defer g.waiting.Store(false)
	for g.count.Load() > 0 {
		select {
		case <-g.none:
		case <-ctx.Done():
			return
		}
	}
}
