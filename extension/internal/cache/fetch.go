package cache

import (
	"context"
	"errors"
	"strconv"
	"time"

	"larder/extension/internal/source"
)

// fetching is one call to AWS, and what becomes of its result.
type fetching struct {
	query   source.Query
	outcome Outcome
	ttl     time.Duration // before jitter
	held    bool          // there is a value to serve in the meantime, or if it fails
	era     uint64        // a fetch from before a Clear is not joined after it
}

// reply is what a fetch brought that a read may have waited for.
type reply struct {
	answer Answer
	err    error
}

// fetch asks AWS, together with all others that read the same at this time.
func (c *Cache) fetch(f fetching) (Answer, error) {
	result, err, shared := c.flights.Do(flightKey(f.query, f.held, f.era), func() (any, error) {
		// Between this read's look and its turn here, another's call may have ended.
		if answer, err := c.meanwhile(f); answer.Outcome != 0 {
			return answer, err
		}
		return c.ask(f)
	})
	answer := result.(Answer)
	answer.Shared = shared
	if answer.Outcome != Hit && answer.Outcome != Negative {
		answer.Outcome = f.outcome
	}
	return answer, err
}

// meanwhile finds what another's call has brought since f was decided on; the outcome is 0 if that is nothing.
func (c *Cache) meanwhile(f fetching) (Answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	e := c.entries.find(f.query)
	if e != nil && e.fresh(now) {
		c.asked(f)
		return e.answer(Hit, now), nil
	}
	if e == nil && f.outcome == Miss {
		if err := c.failures.find(f.query, now, c.config.NegativeTTL); err != nil {
			return Answer{Outcome: Negative}, err
		}
	}
	return Answer{}, nil
}

// refetch begins a fetch in place of a stale value. It goes on whether its result is waited for or not.
func (c *Cache) refetch(q source.Query, ttl time.Duration, era uint64) <-chan reply {
	c.mu.Lock()
	c.behind++
	c.mu.Unlock()
	done := make(chan reply, 1)
	go func() {
		defer c.ended()
		answer, err := c.fetch(fetching{query: q, outcome: Expired, ttl: ttl, held: true, era: era})
		done <- reply{answer, err}
	}()
	return done
}

func (c *Cache) ended() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.behind--
	if c.behind == 0 && c.none != nil {
		close(c.none)
		c.none = nil
	}
}

// await waits for a fetch as long as the stale value lets it, and then answers with that.
func (c *Cache) await(q source.Query, ttl time.Duration, found found) (Answer, error) {
	begin := time.Now()
	done := c.refetch(q, ttl, found.era)
	timer := time.NewTimer(found.wait)
	defer timer.Stop()
	var got reply
	var reason error
	select {
	case got = <-done:
		if got.err == nil || definitive(got.err) {
			return got.answer, got.err
		}
		reason = got.err
	case <-timer.C:
		reason = errSlow
	}
	if answer, served := c.instead(q, codeOf(reason)); served {
		answer.Upstream = time.Since(begin)
		return answer, nil
	}
	if reason == errSlow { // what there was may not be served any more
		got = <-done
	}
	return got.answer, got.err
}

// instead answers from memory after a fetch that failed or takes too long.
func (c *Cache) instead(q source.Query, reason string) (Answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	e := c.entries.find(q)
	if e == nil {
		return Answer{}, false
	}
	e.steppedBack(now)
	if e.fresh(now) { // a refresh came first
		return e.answer(Hit, now), true
	}
	outage := &c.outages[q.Service]
	if e.asking {
		outage.suspect(now)
	}
	if !c.servable(e, now) {
		return Answer{}, false
	}
	return c.stale(outage, e, reason, now).answer, true
}

// ask makes the call and remembers its result. A bug that it runs into costs those alone who wait for it.
func (c *Cache) ask(f fetching) (answer Answer, err error) {
	number, begin := c.begun.Add(1), time.Now()
	defer func() {
		if reason := recover(); reason != nil {
			answer, err = Answer{Outcome: f.outcome}, errPanicked
			c.failed(f, number, begin, err)
			if c.config.Panicked != nil {
				c.config.Panicked(reason)
			}
		}
	}()
	read := c.source.Read
	if f.held {
		read = c.source.Probe
	}
	value, took, err := call(read, f.query)
	answer = Answer{Outcome: f.outcome, Upstream: took}
	if err != nil {
		c.failed(f, number, askedAt(err, begin), err)
		return answer, err
	}
	if value.Asked.IsZero() {
		value.Asked = begin
	}
	answer.Body, answer.VersionID = value.Body, value.VersionID
	if life := c.shortened(f.ttl); c.remember(f, value, number, life) {
		answer.TTL = life
	}
	return answer, nil
}

// askedAt is when the attempt began that failed, or else the fetch.
func askedAt(err error, begin time.Time) time.Time {
	var failed *source.Error
	if errors.As(err, &failed) && !failed.Asked.IsZero() {
		return failed.Asked
	}
	return begin
}

// bypass asks the source and remembers nothing.
func (c *Cache) bypass(q source.Query) (Answer, error) {
	value, took, err := call(c.source.Read, q)
	return Answer{Outcome: Bypassed, Body: value.Body, VersionID: value.VersionID, Upstream: took}, err
}

// call says how long the source took. It has its own deadline, not that of whoever came first.
func call(read func(context.Context, source.Query) (source.Value, error), q source.Query) (source.Value, time.Duration, error) {
	begin := time.Now()
	value, err := read(context.Background(), q)
	return value, time.Since(begin), err
}

// shortened takes up to a tenth off, so that what was read at one time does not expire at one time.
func (c *Cache) shortened(ttl time.Duration) time.Duration {
	return ttl - time.Duration(c.config.Jitter()*float64(ttl/10))
}

// flightKey tells queries apart as their comparison does. No part holds a NUL: no request with one is let in. A fetch
// for which there is a value makes fewer attempts, and is none to join for who has nothing.
func flightKey(q source.Query, held bool, era uint64) string {
	return strconv.Itoa(int(q.Service)) + "\x00" + q.Name + "\x00" + q.VersionID + "\x00" + q.VersionStage + "\x00" +
		q.Selector + "\x00" + strconv.FormatBool(q.WithDecryption) + strconv.FormatBool(held) + strconv.FormatUint(era, 10)
}
