package cache

import "fmt"

// Check says what is inconsistent inside: the keys, the order of use, and the count of bytes must tell of the same
// entries, within their bounds.
func (c *Cache) Check() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.entries
	keys, bytes := 0, int64(0)
	for _, e := range s.recent.Keys() {
		counted, _ := s.recent.Peek(e)
		if counted != e.bytes() {
			return fmt.Errorf("an entry of %d bytes was counted with %d", e.bytes(), counted)
		}
		bytes += counted
		keys += len(e.keys)
		for _, key := range e.keys {
			if s.byKey[key] != e {
				return fmt.Errorf("%+v leads to another entry, or to none", key)
			}
		}
	}
	switch {
	case keys != len(s.byKey):
		return fmt.Errorf("%d keys lead to entries that have %d", len(s.byKey), keys)
	case bytes != s.bytes:
		return fmt.Errorf("%d bytes are counted, and there are %d", s.bytes, bytes)
	case bytes > s.maxBytes || s.recent.Len() > c.config.MaxItems:
		return fmt.Errorf("%d entries of %d bytes are too many", s.recent.Len(), bytes)
	}
	return nil
}

// CheckSettled is Check when nothing is read or fetched any more: then no value may be taken for one that is being
// fetched, and no service for one that is being tried. It would never be fetched again.
func (c *Cache) CheckSettled() error {
	c.mu.Lock()
	if c.behind != 0 || c.none != nil {
		c.mu.Unlock()
		return fmt.Errorf("%d fetches go on, and somebody waits: %t", c.behind, c.none != nil)
	}
	for _, e := range c.entries.recent.Keys() {
		if e.asking {
			c.mu.Unlock()
			return fmt.Errorf("%+v is said to be asked for", e.keys)
		}
	}
	for service, outage := range c.outages {
		if outage.probing {
			c.mu.Unlock()
			return fmt.Errorf("service %d is said to be tried: %+v", service, outage)
		}
	}
	c.mu.Unlock()
	return c.Check()
}
