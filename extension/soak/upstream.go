// This file holds the rules on how often AWS may be called. Each is about calls that follow each other, so that one
// too many is seen, however many there may be in all. Calls of a read with refreshNow are its own, and not judged.

package main

import (
	"slices"
	"time"

	"larder/extension/internal/awstest"
)

// checkFreshCalls: after AWS has given a value, it is not asked for it again for nine tenths of the TTL. Only answers
// count that the extension has surely got: AWS was quick, and had been for as long as a call may last.
func checkFreshCalls(v *view, report report) {
	for i, calls := range v.calls {
		n := v.names[i]
		if n.fate != steady {
			continue // In a call for several names, AWS does not tell of the call that one was missing.
		}
		for at := range max(0, len(calls)-1) {
			given, next := calls[at], calls[at+1]
			p := v.phaseAt(given.at)
			sure := given.status == 200 && p.latency == calmLatency &&
				given.at > p.from+v.settings.budget && given.at < p.to-noise
			if !sure || v.refreshed(i, given.at, given.at) || v.refreshed(i, next.at, next.at) {
				continue
			}
			if life := v.settings.ttl(n.service) * 9 / 10; next.at < given.at+life-tolerance {
				report("AWS gave %s at %v and was asked for it again at %v, %v later; the TTL is %v", n.text,
					rounded(given.at), rounded(next.at), rounded(next.at-given.at), v.settings.ttl(n.service))
			}
		}
	}
}

// checkNegativeCalls: after a read has failed at AWS for want of any value, AWS is not asked for that name while the
// failure is remembered.
func checkNegativeCalls(v *view, report report) {
	for i, reads := range v.reads {
		for _, r := range reads {
			until := r.end + v.settings.negativeTTL - noise - v.stalled(r.begin, r.end)
			if r.status == 200 || r.outcome != asked || r.refresh || v.refreshed(i, r.begin, until) {
				continue
			}
			for _, c := range v.callsBetween(i, r.end, until) {
				report("%s; AWS was asked for it again at %v, and the negative TTL is %v",
					v.tell(r), rounded(c.at), v.settings.negativeTTL)
			}
		}
	}
}

// shortestBackoff is the least time between two attempts to fetch a value that is held, and lies past its TTL.
const shortestBackoff = time.Second

// checkRetries: after a call failed for a value that is held, the next one for it waits for the back-off, but for one
// at once if the connection broke. That the value is held is told by a later read, which got one that is older than
// the call.
func checkRetries(v *view, report report) {
	for i, calls := range v.calls {
		for at, failed := range calls {
			until := failed.at + shortestBackoff
			if failed.status == 200 || v.names[i].fate != steady ||
				v.refreshed(i, failed.at-v.settings.budget, until) || !v.heldFrom(i, failed.at, until) {
				continue
			}
			allowed := 0
			if failed.status == 0 { // it may be the second itself; then the first one is judged
				allowed = 1
			}
			again := v.callsBetween(i, failed.at, until-tolerance)
			if at > 0 && calls[at-1].at > failed.at-shortestBackoff {
				continue
			}
			if len(again) > allowed {
				report("AWS was asked in vain for %s at %v (status %d), while a value was held, and again at %v",
					v.names[i].text, rounded(failed.at), failed.status, rounded(again[allowed].at))
			}
		}
	}
}

// heldFrom says that a value was held between two moments which AWS gave before the first.
func (v *view) heldFrom(name int, from, to moment) bool {
	for _, r := range v.overlapping(name, from, to) {
		if r.outcome != fresh && r.outcome != stale {
			return false
		}
	}
	for _, r := range v.overlapping(name, to, to+time.Second) {
		if r.begin >= to {
			return (r.outcome == fresh || r.outcome == stale) && r.end-time.Duration(r.age)*time.Second <= from
		}
	}
	return false
}

// checkProbes: while every call to a service fails, the first that fails for a held value makes the outage known, and
// from then on there is one probe at a time, with a back-off that doubles. What began before the weather may end the
// outage once more, so what is judged begins when that is over. Where calls hang or are spaced out, those that stood
// in the queue by then go on to come for a while: there each held name may have been asked for once.
func checkProbes(v *view, report report) {
	for _, p := range v.phases {
		if !p.weather.faulty() {
			continue
		}
		for _, service := range []awstest.Service{awstest.SecretsManager, awstest.ParameterStore} {
			if !p.strikes(service) {
				continue
			}
			held := v.heldThrough(p, service)
			calls := v.callsFor(held, p.from+longestLatency+noise, p.to)
			if len(calls) == 0 {
				continue
			}
			known := calls[0].at + noise
			calls = slices.DeleteFunc(calls, func(c call) bool { return c.at < known })
			bound := probes(p.to - known) // and the failure that made it known is one of them, which leaves one to spare
			if p.weather == hang || p.weather == throttled {
				bound += len(held)
			}
			if p.weather.breaks() {
				bound *= 2
			}
			if len(calls) > bound {
				report("%d calls to %s for %d held names from %v to %v, and that it was out (%v) was known; the bound is %d",
					len(calls), service, len(held), rounded(known), rounded(p.to), p.weather, bound)
			}
		}
	}
}

// heldThrough lists a service's names whose reads were all answered from memory through a phase.
func (v *view) heldThrough(p phase, service awstest.Service) []int {
	var held []int
	for i, n := range v.names {
		reads := v.overlapping(i, p.from, p.to)
		if n.service == service && n.fate == steady && len(reads) > 0 && !slices.ContainsFunc(reads, func(r read) bool {
			return !r.refresh && r.outcome != fresh && r.outcome != stale
		}) {
			held = append(held, i)
		}
	}
	return held
}

// callsFor lists the calls between two moments for any of these names.
func (v *view) callsFor(names []int, from, to moment) (calls []call) {
	for _, c := range v.history.calls {
		if c.at >= from && c.at < to && slices.ContainsFunc(c.names, func(name int) bool {
			return slices.Contains(names, name) && !v.refreshed(name, c.at, c.at)
		}) {
			calls = append(calls, c)
		}
	}
	return calls
}

// probes is how many there can be in a time, with the shortest back-off that doubles.
func probes(length time.Duration) (count int) {
	for wait := shortestBackoff; length >= 0; wait *= 2 {
		count++
		length -= wait
	}
	return count
}
