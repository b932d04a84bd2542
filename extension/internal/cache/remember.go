package cache

import (
	"errors"
	"time"

	"larder/extension/internal/source"
)

var (
	// errSlow is why a read does not wait any longer.
	errSlow = &source.Error{Class: source.TimedOut, Code: "Timeout"}
	// errPanicked ends a fetch that ran into a bug.
	errPanicked = errors.New("a fetch ran into a bug")
)

// definitive says that AWS has answered, and that the value is not to be had any more.
func definitive(err error) bool {
	var failed *source.Error
	return errors.As(err, &failed) && !failed.Transient()
}

// codeOf is what a record calls the error.
func codeOf(err error) string {
	var failed *source.Error
	if errors.As(err, &failed) {
		return failed.Code
	}
	return "InternalError"
}

// remember keeps a value for so long; number is that of its fetch. It says no if there is no room for it, or if it
// came too late.
func (c *Cache) remember(f fetching, value source.Value, number uint64, life time.Duration) bool {
	kept, ended := c.keep(f, value, number, life)
	c.tell(f.query.Service, ended)
	return kept
}

func (c *Cache) keep(f fetching, value source.Value, number uint64, life time.Duration) (kept bool, ended *Outage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if number <= c.oldest {
		return false, nil
	}
	c.asked(f)
	ended = c.outages[f.query.Service].end(now)
	c.failures.drop(f.query)
	e := &entry{
		body:      value.Body,
		arn:       value.ARN,
		versionID: value.VersionID,
		place:     place{value.Asked, number},
		fetched:   now,
		expires:   now.Add(life),
	}
	if kept = c.entries.add(f.query, e); kept {
		// No read that comes later is to get an older value, by joining a fetch that began before this one.
		for _, key := range e.keys {
			c.flights.Forget(flightKey(key, false, c.oldest))
			c.flights.Forget(flightKey(key, true, c.oldest))
		}
	}
	return kept, ended
}

// failed takes note of a fetch that failed. If there is a value to serve it says that the service cannot be read; any
// other failure is remembered by itself, since it may be that of one name.
func (c *Cache) failed(f fetching, number uint64, asked time.Time, err error) {
	ended, began := c.note(f, place{asked, number}, err)
	c.tell(f.query.Service, ended)
	c.tell(f.query.Service, began)
}

func (c *Cache) note(f fetching, at place, err error) (ended, began *Outage) {
	latest, gone := c.begun.Load(), definitive(err)
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if at.number <= c.oldest {
		return nil, nil
	}
	outage := &c.outages[f.query.Service]
	e := c.asked(f)
	if e != nil && f.outcome != Refreshed && (gone && at.after(e.place) || c.useless(e, now)) {
		c.entries.remove(e)
		e = nil
	}
	switch {
	case gone:
		ended = outage.end(now)
	case f.held:
		began = outage.failed(at.number, latest, codeOf(err), c.config.Jitter(), now)
		if e != nil {
			e.failed(codeOf(err), c.config.Jitter(), now)
		}
	}
	if e == nil && c.config.NegativeTTL > 0 && err != errPanicked {
		c.failures.add(f.query, err, now.Add(c.config.NegativeTTL))
	}
	return ended, began
}

// asked marks that a fetch in place of a value has ended, whatever it brought. It returns the value, if there is one.
// The lock is held.
func (c *Cache) asked(f fetching) *entry {
	e := c.entries.byKey[f.query]
	if f.held {
		c.outages[f.query.Service].probing = false
		if e != nil {
			e.asking = false
		}
	}
	return e
}

// tell passes a change on, if there is one. The lock is not held: it is not known how long that takes.
func (c *Cache) tell(service source.Service, change *Outage) {
	if change != nil && c.config.Outage != nil {
		change.Service = service
		c.config.Outage(*change)
	}
}
