package cache

import (
	"time"

	"larder/extension/internal/source"
)

// found is what memory has for a read, and what is to be done beside it.
type found struct {
	next   next
	answer Answer        // if next is answered or fetchBehind; of any other, the outcome alone
	err    error         // a failure that is remembered
	wait   time.Duration // if next is await: for how long
	era    uint64        // which Clear ends
}

type next uint8

const (
	answered    next = iota
	fetch            // there is nothing that could be served
	fetchBehind      // and answer with the stale value now
	await            // a fetch for a while, and then answer with the stale value
)

// lookUp decides on a read from what is remembered.
func (c *Cache) lookUp(q source.Query) found {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.decide(q)
	found.era = c.oldest
	return found
}

func (c *Cache) decide(q source.Query) found {
	now := c.now() // not before it is this read's turn: a value that came meanwhile would be one of the future
	e := c.entries.find(q)
	if e == nil {
		if err := c.failures.find(q, now, c.config.NegativeTTL); err != nil {
			return found{answer: Answer{Outcome: Negative}, err: err}
		}
		return found{next: fetch, answer: Answer{Outcome: Miss}}
	}
	e.steppedBack(now)
	if now.Before(e.expires) {
		return found{answer: e.answer(Hit, now)}
	}
	return c.expired(q, e, now)
}

// expired decides on a read of a value that is past its TTL.
func (c *Cache) expired(q source.Query, e *entry, now time.Time) found {
	outage := &c.outages[q.Service]
	revalidate := now.Sub(e.expires) < c.config.StaleWhileRevalidate
	switch {
	case c.useless(e, now):
		c.entries.remove(e)
		return found{next: fetch, answer: Answer{Outcome: Expired}}
	case e.asking && !revalidate && e.patience.After(now):
		return found{next: await, wait: min(e.patience.Sub(now), c.config.StaleWait)}
	case e.asking && revalidate:
		return found{answer: e.answer(Stale, now)}
	case e.asking && outage.known:
		return c.stale(outage, e, outage.reason, now)
	case e.asking:
		return c.stale(outage, e, errSlow.Code, now)
	case !due(e.retry, now):
		return c.stale(outage, e, e.reason, now)
	case outage.known && !outage.due(now):
		return c.stale(outage, e, outage.reason, now)
	}
	e.asking = true
	if outage.known {
		outage.probing = true
		found := c.stale(outage, e, outage.reason, now)
		found.next = fetchBehind
		return found
	}
	if revalidate {
		return found{next: fetchBehind, answer: e.answer(Stale, now)}
	}
	e.patience = now.Add(c.config.StaleWait)
	return found{next: await, wait: c.config.StaleWait}
}

// useless says that a value will never be served again.
func (c *Cache) useless(e *entry, now time.Time) bool {
	return now.Sub(e.expires) >= max(c.config.StaleIfError, c.config.StaleWhileRevalidate)
}

// servable says that a value past its TTL may be served if AWS cannot be read.
func (c *Cache) servable(e *entry, now time.Time) bool {
	return now.Sub(e.expires) < c.config.StaleIfError
}

// stale answers with a value past its TTL, since AWS cannot be read for this reason.
func (c *Cache) stale(outage *outage, e *entry, reason string, now time.Time) found {
	if outage.known {
		outage.served++
	}
	answer := e.answer(Stale, now)
	answer.Reason = reason
	return found{answer: answer}
}
