// This file holds the rules on what a read may get: the right value, not too old a one, and none older than before.

package main

import (
	"cmp"
	"slices"
	"time"
)

func checkAnswers(v *view, report report) {
	for _, r := range v.history.reads {
		if !r.abandoned && r.broken != "" {
			report("%s; broken: %s", v.tell(r), r.broken)
		}
	}
}

// checkValues: a value is one that the name had, complete, under its own version, and a missing name is told as
// missing only if it was.
func checkValues(v *view, report report) {
	for i, reads := range v.reads {
		n := v.names[i]
		for _, r := range reads {
			switch {
			case r.notFound() && len(v.absences(r)) == 0:
				report("%s; there was a value", v.tell(r))
			case r.status != 200:
			case r.number <= 0 || r.number >= len(n.states):
				report("%s; that is no value of this name", v.tell(r))
			case n.states[r.number].from > r.end:
				report("%s; AWS got that value at %v", v.tell(r), rounded(n.states[r.number].from))
			case n.states[r.number].versionID != r.versionID:
				report("%s; it is told as version %s, and is %s", v.tell(r), r.versionID, n.states[r.number].versionID)
			}
		}
	}
}

// absences are the states without a value that a read may have been told of: a call may have begun before the read,
// and its failure is remembered for a while.
func (v *view) absences(r read) []int {
	since := r.begin - v.settings.budget - noise - v.stalled(r.begin-v.settings.budget, r.end)
	if r.outcome == negative {
		since -= v.settings.negativeTTL
	}
	var found []int
	for i, s := range v.names[r.name].states {
		if s.gone() && s.within(since, r.end) {
			found = append(found, i)
		}
	}
	return found
}

// checkBounds: a value that AWS does not have any more is served for as long as the settings say, by the clock of
// AWS's owners and not by what the answer says of itself. A call may take its whole budget after AWS was read.
func checkBounds(v *view, report report) {
	for i, reads := range v.reads {
		n := v.names[i]
		ttl := v.settings.ttl(n.service)
		for _, r := range reads {
			if r.status != 200 || r.number <= 0 || r.number >= len(n.states) {
				continue
			}
			bound := time.Duration(0)
			switch r.outcome {
			case fresh:
				bound = ttl
				if r.ttl == 0 { // A value that expired less than a second ago says the same of itself.
					bound += min(v.settings.revalidate, time.Second)
				}
			case stale:
				bound = ttl + v.settings.staleIfError
			}
			call := v.settings.budget + noise + v.stalled(r.begin-bound-v.settings.budget, r.end)
			if r.refresh { // Its call is its own, so it began after the read.
				bound, call = 0, tolerance
			}
			switch gone := n.states[r.number].to; {
			case gone < r.begin-bound-call:
				report("%s; AWS has not had that value since %v, and the bound is %v", v.tell(r), rounded(gone), bound)
			case time.Duration(r.age)*time.Second > bound:
				report("%s; the bound is %v", v.tell(r), bound)
			case r.outcome == stale && time.Duration(-r.ttl)*time.Second > v.settings.staleIfError:
				report("%s; stale-if-error is %v", v.tell(r), v.settings.staleIfError)
			}
		}
	}
}

// checkOrder: who reads after another's read has ended gets the same value or a later one. Reads at the same time may
// differ. That there is nothing of a name counts as a value of its own.
func checkOrder(v *view, report report) {
	for _, reads := range v.reads {
		ended := slices.Clone(reads)
		slices.SortFunc(ended, func(a, b read) int { return cmp.Compare(a.end, b.end) })
		newest, seen := read{}, 0 // the newest state that was seen by the moment
		for _, r := range reads { // in the order of their beginnings
			for len(ended) > 0 && ended[0].end < r.begin {
				if least, _, tells := v.seen(ended[0]); tells && least > seen {
					newest, seen = ended[0], least
				}
				ended = ended[1:]
			}
			if _, most, tells := v.seen(r); tells && most < seen {
				report("%s; before it, %s", v.tell(r), v.tell(newest))
			}
		}
	}
}

// seen returns between which states the one is that a read has seen.
func (v *view) seen(r read) (least, most int, tells bool) {
	if r.status == 200 {
		return r.number, r.number, r.number > 0
	}
	if !r.notFound() || r.refresh { // A refresh that fails leaves what is remembered as it is.
		return 0, 0, false
	}
	gone := v.absences(r)
	if len(gone) == 0 {
		return 0, 0, false
	}
	return gone[0], gone[len(gone)-1], true
}
