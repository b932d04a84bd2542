// This file decides which calls are slow, wait, or fail.

package awstest

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Faults are the switches for what goes wrong. They may be turned while calls
// are under way.
type Faults struct {
	now func() time.Time

	mu        sync.Mutex
	rules     []*Rule
	latency   map[Operation]time.Duration
	holds     map[*hold]struct{}
	rateLimit map[Service]*bucket
}

// Rule says which calls fail and how. Its zero fields match everything.
type Rule struct {
	Operation Operation
	Name      string // a secret's or parameter's own name, or the name as the client sends it
	Times     int    // how many calls; zero: all, until Clear
	Fault     Fault
}

func newFaults(now func() time.Time) *Faults {
	return &Faults{
		now:       now,
		latency:   make(map[Operation]time.Duration),
		holds:     make(map[*hold]struct{}),
		rateLimit: make(map[Service]*bucket),
	}
}

// Add puts a rule after those that are there; the first that matches a call and
// is not used up decides on it.
func (f *Faults) Add(rule Rule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, &rule)
}

// All lets every call fail until Clear.
func (f *Faults) All(fault Fault) { f.Add(Rule{Fault: fault}) }

// Next lets the next n calls fail, of whichever operation.
func (f *Faults) Next(n int, fault Fault) {
	if n > 0 {
		f.Add(Rule{Times: n, Fault: fault})
	}
}

// Clear takes all rules back. Latencies, holds and rates stay.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

// SetLatency delays the answers of an operation; of all that have none of their
// own where operation is empty. Zero: no delay.
func (f *Faults) SetLatency(operation Operation, latency time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.latency[operation] = latency
}

type hold struct {
	operation Operation
	released  chan struct{}
}

// Hold keeps the calls of an operation (empty: all) unanswered from now on,
// those that come later too, until the function that it returns is called. It is
// for tests of what happens while a call is under way, which need no clock then.
func (f *Faults) Hold(operation Operation) (release func()) {
	h := &hold{operation, make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.holds[h] = struct{}{}
	return sync.OnceFunc(func() {
		f.mu.Lock()
		delete(f.holds, h)
		f.mu.Unlock()
		close(h.released)
	})
}

// bucket is a token bucket: n calls at once, refilled at n a second.
type bucket struct {
	perSecond int
	tokens    float64
	at        time.Time
}

// SetRate limits a service to n calls a second in bursts of n, as Parameter
// Store does with 40 by default for all its reads together. What is over it is
// throttled. Zero: no limit.
func (f *Faults) SetRate(service Service, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n <= 0 {
		delete(f.rateLimit, service)
		return
	}
	f.rateLimit[service] = &bucket{perSecond: n, tokens: float64(n), at: f.now()}
}

func (f *Faults) overRate(service Service) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.rateLimit[service]
	if b == nil {
		b = f.rateLimit[""]
	}
	if b == nil {
		return false
	}
	now := f.now()
	full := float64(b.perSecond)
	b.tokens = min(full, b.tokens+full*now.Sub(b.at).Seconds())
	b.at = now
	if b.tokens < 1 {
		return true
	}
	b.tokens--
	return false
}

// meet takes a call through latency and holds and returns the fault that is due
// for it, if any.
func (f *Faults) meet(ctx context.Context, call Call) *Fault {
	f.mu.Lock()
	latency, own := f.latency[call.Operation]
	if !own {
		latency = f.latency[""]
	}
	var held []*hold
	for h := range f.holds {
		if h.operation == "" || h.operation == call.Operation {
			held = append(held, h)
		}
	}
	fault := f.take(call)
	f.mu.Unlock()

	if latency > 0 {
		over := make(chan struct{})
		defer time.AfterFunc(latency, func() { close(over) }).Stop()
		f.await(ctx, over)
	}
	for _, h := range held {
		f.await(ctx, h.released)
	}
	return fault
}

// take finds the rule for a call and uses it up by one. The caller holds the
// lock.
func (f *Faults) take(call Call) *Fault {
	for i, rule := range f.rules {
		if rule.Operation != "" && rule.Operation != call.Operation {
			continue
		}
		if rule.Name != "" && !slices.Contains(call.Names, rule.Name) && !slices.Contains(call.canonical, rule.Name) {
			continue
		}
		if rule.Times > 0 {
			if rule.Times--; rule.Times == 0 {
				f.rules = slices.Delete(f.rules, i, i+1)
			}
		}
		return &rule.Fault
	}
	return nil
}
