package main

import (
	"sync"
	"time"
)

// restore notices that a snapshot was taken and restored, perhaps days later and in another machine, before Lambda
// tells it: the first thing an extension hears is the first invocation, and a request of the function may come before
// that.
type restore struct {
	reset func() // drops what is not good for anything after a restore

	mu   sync.Mutex
	over bool
	last time.Time // when the last request came, by both clocks
}

func newRestore(reset func()) *restore { return &restore{reset: reset, last: time.Now()} }

// arrived looks at the clocks when a request comes.
func (r *restore) arrived() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	now := time.Now()
	if jumped(r.last, now) {
		r.reset()
	}
	r.last = now
}

// invoked is the certain sign. From then on there is no other snapshot.
func (r *restore) invoked() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	r.reset()
}

// jumped says that the process may have stood still between the two times: the monotonic clock, which a snapshot
// stops, differs from the wall clock, or it was long.
func jumped(from, to time.Time) bool {
	const differs, long = time.Second, time.Minute
	monotonic := to.Sub(from)
	wall := to.Round(0).Sub(from.Round(0))
	return (wall-monotonic).Abs() > differs || wall > long
}
