package cache

import (
	"time"

	"larder/extension/internal/source"
)

// Outage is a change in whether a service can be read.
type Outage struct {
	Service source.Service
	// Over is false when it begins and true when it ends.
	Over bool
	// Reason is the code of the failure with which it began.
	Reason string
	// Stale is how many reads were answered with a value past its TTL, and Lasted how long it went on; both 0 when it
	// begins.
	Stale  int
	Lasted time.Duration
}

const (
	// firstBackoff and longestBackoff bound the time between two attempts to read what cannot be read: it doubles from
	// the one to the other, and the half of it is left to chance.
	firstBackoff   = 2 * time.Second
	longestBackoff = 30 * time.Second
)

// backoff is the time until the next attempt after so many failures; jitter is in [0, 1).
func backoff(failures int, jitter float64) time.Duration {
	full := longestBackoff
	if doubled := failures - 1; doubled < 4 { // after that it is longer, and some time it would overflow
		full = firstBackoff << doubled
	}
	return full/2 + time.Duration(jitter*float64(full/2))
}

// due says that the time of the next attempt has come. A clock that stepped back does not put it off.
func due(at, now time.Time) bool { return !at.After(now) || at.Sub(now) > longestBackoff }

// outage is what is known of one service while its remembered values cannot be fetched anew. Not safe for
// concurrent use.
type outage struct {
	known    bool
	told     bool // to whoever writes the log
	since    time.Time
	reason   string // code of the first failure
	failures int    // in a row
	counted  uint64 // fetches up to this one say nothing new if they fail
	next     time.Time
	probing  bool // a fetch is under way
	served   int  // reads that were answered with a stale value
}

// due says that the service may be tried again: by one read at a time, and not before its back-off is over.
func (o *outage) due(now time.Time) bool { return !o.probing && due(o.next, now) }

// suspect makes others not wait for a service of which a fetch under way takes too long.
func (o *outage) suspect(now time.Time) {
	if !o.known {
		o.known, o.since, o.reason, o.probing = true, now, errSlow.Code, true
	}
}

// failed takes note of a fetch that failed, by its number; latest is that of the last one that has begun. It returns
// what is to be told, if anything.
func (o *outage) failed(number, latest uint64, reason string, jitter float64, now time.Time) *Outage {
	if number > o.counted { // one that began after the failure before, and not at the same time
		o.failures++
		o.counted = latest
		o.next = now.Add(backoff(o.failures, jitter))
	}
	if !o.known {
		o.known, o.since = true, now
	}
	if o.told {
		return nil
	}
	o.told, o.reason = true, reason
	return &Outage{Reason: reason}
}

// end forgets the outage, since AWS has answered. It returns what is to be told, if anything.
func (o *outage) end(now time.Time) *Outage {
	was := *o
	*o = outage{counted: was.counted}
	if !was.told {
		return nil
	}
	return &Outage{Over: true, Reason: was.reason, Stale: was.served, Lasted: max(now.Sub(was.since), 0)}
}
