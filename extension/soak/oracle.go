// This file holds the rules against the history of a run.

package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"larder/extension/internal/awstest"
)

const (
	// noise is what the machine may add to a time that is bounded, beside the stalls that were noticed.
	noise = 250 * time.Millisecond
	// tolerance is what two clocks, or two looks at one, may differ by.
	tolerance = 10 * time.Millisecond
)

// broken is a rule that was broken.
type broken struct {
	rule      string
	count     int
	witnesses []string // the first few
}

// report tells of one case in which a rule was broken.
type report func(format string, arguments ...any)

// judge returns the rules that were broken.
func judge(h *history) []broken {
	const few = 5
	v := newView(h)
	var all []broken
	for _, rule := range []struct {
		text  string
		check func(*view, report)
	}{
		{"the process lives until it is told to end, and then ends in time", checkLife},
		{"every read gets an answer", checkAnswers},
		{"no wrong value", checkValues},
		{"no value past its bound", checkBounds},
		{"no value newer-then-older", checkOrder},
		{"no read past its budget, and none with a stale value past its wait", checkTimes},
		{"no wait for a service that is known to be out", checkPatience},
		{"no failure while a value may be served", checkHeld},
		{"no failure without a cause", checkErrors},
		{"no call for a fresh value", checkFreshCalls},
		{"no call for a remembered failure", checkNegativeCalls},
		{"no call for a held value before the back-off is over", checkRetries},
		{"one probe at a time while AWS cannot be read", checkProbes},
		{"every read in the record, once and as it was answered", checkLines},
		{"no value and no credential in what is written", checkExposure},
		{"nothing leaks", checkLeaks},
		{"the next event is waited for in time", checkInvocations},
	} {
		b := broken{rule: rule.text}
		rule.check(v, func(format string, arguments ...any) {
			if b.count++; b.count <= few {
				b.witnesses = append(b.witnesses, fmt.Sprintf(format, arguments...))
			}
		})
		if b.count > 0 {
			all = append(all, b)
		}
	}
	return all
}

// view is a history, put into the orders that the rules need.
type view struct {
	*history
	reads   [][]read // that were not abandoned, and whose answer was understood, by name and then by begin
	calls   [][]call // by name and then by time
	refresh [][]span // by name: when a client had asked for a call of its own
}

// span is some time.
type span struct{ from, to moment }

func (s span) overlaps(from, to moment) bool { return s.from <= to && s.to >= from }

func newView(h *history) *view {
	v := &view{
		history: h,
		reads:   make([][]read, len(h.names)),
		calls:   make([][]call, len(h.names)),
		refresh: make([][]span, len(h.names)),
	}
	for _, r := range h.inOrder() {
		if r.refresh {
			v.refresh[r.name] = append(v.refresh[r.name], span{r.begin - tolerance, r.end + tolerance})
		}
		if !r.abandoned && r.broken == "" {
			v.reads[r.name] = append(v.reads[r.name], r)
		}
	}
	for _, c := range h.calls {
		for _, name := range c.names {
			v.calls[name] = append(v.calls[name], c)
		}
	}
	return v
}

// inOrder returns the reads in the order of their beginnings.
func (h *history) inOrder() []read {
	slices.SortStableFunc(h.reads, func(a, b read) int { return cmp.Compare(a.begin, b.begin) })
	return h.reads
}

// refreshed says that a client had asked for a call of its own between two moments.
func (v *view) refreshed(name int, from, to moment) bool {
	return slices.ContainsFunc(v.refresh[name], func(s span) bool { return s.overlaps(from, to) })
}

// overlapping returns the reads of a name that were under way between two moments.
func (v *view) overlapping(name int, from, to moment) []read {
	all := v.reads[name]
	// None takes longer than a client is patient, so only those have to be looked at that began so long before.
	first, _ := slices.BinarySearchFunc(all, from-patient, func(r read, at moment) int { return cmp.Compare(r.begin, at) })
	var found []read
	for _, r := range all[first:] {
		if r.begin > to {
			break
		}
		if r.end >= from {
			found = append(found, r)
		}
	}
	return found
}

// callsBetween returns the calls for a name after one moment and not after another.
func (v *view) callsBetween(name int, after, to moment) []call {
	all := v.calls[name]
	first, _ := slices.BinarySearchFunc(all, after+1, func(c call, at moment) int { return cmp.Compare(c.at, at) })
	last, _ := slices.BinarySearchFunc(all, to+1, func(c call, at moment) int { return cmp.Compare(c.at, at) })
	return all[first:max(first, last)]
}

// phaseAt returns the phase of a moment.
func (h *history) phaseAt(at moment) phase {
	for _, p := range h.phases {
		if at < p.to {
			return p
		}
	}
	return h.phases[len(h.phases)-1]
}

// weatherAt is for witnesses.
func (h *history) weatherAt(at moment, service awstest.Service) weather {
	if p := h.phaseAt(at); p.strikes(service) {
		return p.weather
	}
	return healthy
}

// tell is a read as a witness.
func (h *history) tell(r read) string {
	n := h.names[r.name]
	what := string(r.outcome)
	if r.reason != "" {
		what += " (" + r.reason + ")"
	}
	if r.refresh {
		what += " by refreshNow"
	}
	if r.code != "" {
		what += " " + r.code
	} else {
		what += fmt.Sprintf(", value %d, age %d s, ttl %d s", r.number, r.age, r.ttl)
	}
	return fmt.Sprintf("at %v read %s of %s took %v: %d %s (weather: %v)",
		rounded(r.begin), r.id, n.text, rounded(r.took()), r.status, what, h.weatherAt(r.begin, n.service))
}
