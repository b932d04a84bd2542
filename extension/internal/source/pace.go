package source

import "time"

const (
	// firstPace is what is tried once AWS has throttled a call, in calls a second: a little less than the 40 that
	// Parameter Store lets an account make by default. Another limit is found from there.
	firstPace = 36
	// slowestPace and fastestPace bound it; what is faster is no pace at all. With a slower one the reads that wait
	// would not get their turn within their budgets, once AWS takes calls again.
	slowestPace = 5
	fastestPace = 1000
	// A pace is lowered by slowdown when a call is throttled all the same, and doubled when none was for so long.
	slowdown  = 0.7
	untilRise = time.Second
)

// pace spaces calls out, once AWS has throttled one. The zero value lets all go. Not safe for concurrent use.
type pace struct {
	perSecond float64   // 0 for no pace
	next      time.Time // no call before
	lowered   time.Time
	changed   time.Time // lowered or raised
}

// wait is how long the next call has to wait; not more than 0 if it may go.
func (p *pace) wait(now time.Time) time.Duration {
	for p.perSecond > 0 && now.Sub(p.changed) >= untilRise {
		p.perSecond *= 2
		p.changed = p.changed.Add(untilRise)
		if p.perSecond > fastestPace {
			p.perSecond = 0
		}
	}
	if p.perSecond == 0 {
		return 0
	}
	return p.next.Sub(now)
}

// took counts a call that goes now.
func (p *pace) took(now time.Time) {
	if p.perSecond > 0 {
		p.next = now.Add(p.gap())
	}
}

// throttled lowers the pace, unless the call began before it was lowered last: that one says nothing new.
func (p *pace) throttled(begin, now time.Time) {
	switch {
	case p.perSecond == 0:
		p.perSecond = firstPace
	case begin.Before(p.lowered):
		return
	default:
		p.perSecond = max(p.perSecond*slowdown, slowestPace)
	}
	p.lowered, p.changed = now, now
	p.next = now.Add(p.gap())
}

func (p *pace) gap() time.Duration { return time.Duration(float64(time.Second) / p.perSecond) }
