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
func (c *Cache) remember(q source.Query, value source.Value, number uint64, life time.Duration) bool {
	now := c.now()
	c.mu.Lock()
	c.asked(q)
	if number <= c.oldest {
		c.mu.Unlock()
		return false
	}
	ended := c.outages[q.Service].end(now)
	c.failures.drop(q)
	kept := c.entries.add(q, &entry{
		body:      value.Body,
		arn:       value.ARN,
		versionID: value.VersionID,
		number:    number,
		fetched:   now,
		expires:   now.Add(life),
	})
	c.mu.Unlock()
	c.tell(q.Service, ended)
	return kept
}

// failed takes note of a fetch that failed. If there is a value it says that the service cannot be read; any other
// failure is remembered by itself, since it may be that of one name.
func (c *Cache) failed(f fetching, number uint64, err error) {
	now, latest, gone := c.now(), c.begun.Load(), definitive(err)
	c.mu.Lock()
	outage := &c.outages[f.query.Service]
	e, held := c.asked(f.query)
	if held = held || f.held; held {
		outage.probing = false
	}
	if number <= c.oldest {
		c.mu.Unlock()
		return
	}
	if gone && e != nil && f.outcome != Refreshed && e.number < number {
		c.entries.remove(e)
		e = nil
	}
	var ended, began *Outage
	switch {
	case gone:
		ended = outage.end(now)
	case held:
		began = outage.failed(number, latest, codeOf(err), c.config.Jitter(), now)
		if e != nil {
			e.failed(codeOf(err), c.config.Jitter(), now)
		}
	}
	if e == nil && c.config.NegativeTTL > 0 && err != errPanicked {
		c.failures.add(f.query, err, now.Add(c.config.NegativeTTL))
	}
	c.mu.Unlock()
	c.tell(f.query.Service, ended)
	c.tell(f.query.Service, began)
}

// asked marks that the call for q has ended, whatever it brought. It returns the entry, if there is one, and whether
// that waited for the call. The lock is held.
func (c *Cache) asked(q source.Query) (e *entry, waited bool) {
	if e = c.entries.byKey[q]; e != nil {
		waited, e.asking = e.asking, false
	}
	return e, waited
}

// tell passes a change on, if there is one. The lock is not held: it is not known how long that takes.
func (c *Cache) tell(service source.Service, change *Outage) {
	if change != nil && c.config.Outage != nil {
		change.Service = service
		c.config.Outage(*change)
	}
}
