package access

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// mostTallies bounds what is counted before it is written.
const mostTallies = 1000

// value is what a summary is of.
type value struct {
	source, name, selector string
}

// tally counts the reads of one value from memory.
type tally struct {
	reads          int
	minAge, maxAge time.Duration
}

func (r *Recorder) tally(rec *Record) {
	of := value{rec.Source, rec.Name, rec.Selector}
	t := r.tallies[of]
	if t == nil {
		if len(r.tallies) == mostTallies {
			r.writeTallies()
		}
		if r.tallies == nil {
			r.tallies = make(map[value]*tally)
		}
		t = &tally{minAge: rec.Age}
		r.tallies[value{strings.Clone(of.source), strings.Clone(of.name), strings.Clone(of.selector)}] = t
	}
	t.reads++
	t.minAge, t.maxAge = min(t.minAge, rec.Age), max(t.maxAge, rec.Age)
}

// writeTallies writes a line for each value, in their order.
func (r *Recorder) writeTallies() {
	if len(r.tallies) == 0 {
		return
	}
	now, invocation := time.Now(), r.invocation.Load()
	values := slices.SortedFunc(maps.Keys(r.tallies), func(a, b value) int {
		return cmp.Or(strings.Compare(a.source, b.source), strings.Compare(a.name, b.name), strings.Compare(a.selector, b.selector))
	})
	for _, of := range values {
		t := r.tallies[of]
		rec := Record{
			Time: now, TraceID: invocation.TraceID,
			Source: of.source, Name: of.name, Selector: of.selector,
			Outcome: Hit, Status: 200, Reads: t.reads, MinAge: t.minAge, MaxAge: t.maxAge,
		}
		if invocation.RequestID != "" {
			rec.RequestID, rec.RequestIDFrom = invocation.RequestID, OfInvocation
		}
		r.write(&rec)
	}
	clear(r.tallies)
}
