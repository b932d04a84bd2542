package cache

import (
	"errors"
	"strconv"
	"time"

	"larder/extension/internal/source"
)

// fetch asks AWS, together with all others that read the same at this time.
func (c *Cache) fetch(q source.Query, outcome Outcome, ttl time.Duration) (Answer, error) {
	result, err, shared := c.flights.Do(flightKey(q), func() (any, error) {
		// Between this read's look and its turn here, another's call may have ended.
		if answer, found := c.lookUp(q); found == Hit {
			return answer, nil
		}
		return c.ask(q, outcome, ttl)
	})
	answer := result.(Answer)
	answer.Shared = shared
	if answer.Outcome != Hit {
		answer.Outcome = outcome
	}
	return answer, err
}

// ask makes the call and remembers its result.
func (c *Cache) ask(q source.Query, outcome Outcome, ttl time.Duration) (Answer, error) {
	number := c.begun.Add(1)
	value, took, err := c.read(q)
	answer := Answer{Outcome: outcome, Upstream: took}
	if err != nil {
		if outcome != Refreshed && definitive(err) {
			c.forget(q, number)
		}
		return answer, err
	}
	answer.Body, answer.VersionID = value.Body, value.VersionID
	if life := c.shortened(ttl); c.remember(q, value, number, life) {
		answer.TTL = life
	}
	return answer, nil
}

// definitive says that AWS has answered, and that the value is not to be had any more.
func definitive(err error) bool {
	var failed *source.Error
	return errors.As(err, &failed) && !failed.Transient()
}

// shortened takes up to a tenth off, so that what was read at one time does not expire at one time.
func (c *Cache) shortened(ttl time.Duration) time.Duration {
	return ttl - time.Duration(c.config.Jitter()*float64(ttl/10))
}

func (c *Cache) remember(q source.Query, value source.Value, number uint64, life time.Duration) bool {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries.add(q, &entry{
		body:      value.Body,
		arn:       value.ARN,
		versionID: value.VersionID,
		number:    number,
		fetched:   now,
		expires:   now.Add(life),
	})
}

func (c *Cache) forget(q source.Query, number uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries.drop(q, number)
}

// flightKey tells queries apart as their comparison does. No part holds a NUL: no request with one is let in.
func flightKey(q source.Query) string {
	return strconv.Itoa(int(q.Service)) + "\x00" + q.Name + "\x00" + q.VersionID + "\x00" + q.VersionStage + "\x00" +
		q.Selector + "\x00" + strconv.FormatBool(q.WithDecryption)
}
