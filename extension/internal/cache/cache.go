// Package cache decides for each read whether it is answered from memory or goes to AWS, and remembers what
// came back.
//
// It holds keys, entries and the rules of expiry (terms as in RFC 9111): a value lives for its TTL by the wall
// clock, the least recently used make room, and concurrent reads of one value share one call. It must not know
// how a request or an answer looks on the wire, nor what AWS is: it knows a [source.Source].
package cache

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"larder/extension/internal/source"
)

// Config says how much is remembered, and for how long.
type Config struct {
	// MaxItems and MaxBytes bound what is remembered; either at 0 or less sends every read to the source.
	MaxItems int
	MaxBytes int64
	// SecretTTL and ParameterTTL are how long a value is served from memory; 0 sends every read of that kind to
	// the source.
	SecretTTL    time.Duration
	ParameterTTL time.Duration
	// Held starts a cache that remembers nothing until it is opened.
	Held bool
	// Now is the clock; nil stands for time.Now.
	Now func() time.Time
	// Jitter draws a number in [0, 1), by which a TTL is shortened within its last tenth; nil stands for
	// math/rand's.
	Jitter func() float64
}

// Cache answers reads. It is safe for concurrent use.
type Cache struct {
	source  source.Source
	config  Config
	flights singleflight.Group
	held    atomic.Bool
	begun   atomic.Uint64 // fetches so far, which puts them in an order

	mu      sync.Mutex
	entries *entries
}

// New returns an empty cache in front of src.
func New(cfg Config, src source.Source) *Cache {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Jitter == nil {
		cfg.Jitter = rand.Float64
	}
	c := &Cache{source: src, config: cfg, entries: newEntries(cfg.MaxItems, cfg.MaxBytes)}
	c.held.Store(cfg.Held)
	return c
}

// Outcome is how a read was answered.
type Outcome uint8

const (
	// Hit: from memory.
	Hit Outcome = iota + 1
	// Miss: by AWS, since nothing was remembered.
	Miss
	// Expired: by AWS, since what was remembered is past its TTL.
	Expired
	// Refreshed: by AWS, since the caller asked for that.
	Refreshed
	// Bypassed: by AWS, since nothing of this kind is remembered.
	Bypassed
)

// Answer is what a read gets.
type Answer struct {
	Outcome Outcome
	// Body is the JSON document; nobody changes it. It is nil if there was an error.
	Body []byte
	// VersionID is the secret's version or the parameter's version number.
	VersionID string
	// Age is how long ago AWS gave the value; 0 for one that was just fetched.
	Age time.Duration
	// TTL is how long it will still be served from memory; 0 if it is not remembered.
	TTL time.Duration
	// Upstream is how long AWS took, retries included, also for a read that failed; 0 if AWS was not asked.
	Upstream time.Duration
	// Shared says that other reads waited for the same call.
	Shared bool
}

// Get answers one read; refresh sends it to AWS whatever is remembered. The strings of q may be borrowed: what
// Get keeps, it copies. The error is the source's, and Outcome and Upstream are set with it, too.
func (c *Cache) Get(q source.Query, refresh bool) (Answer, error) {
	ttl := c.ttl(q)
	if ttl <= 0 || c.held.Load() {
		return c.bypass(q.Clone())
	}
	if refresh {
		// It shares no call: one that is under way may have begun before the change that the caller wants to see.
		return c.ask(q.Clone(), Refreshed, ttl)
	}
	answer, outcome := c.lookUp(q)
	if outcome == Hit {
		return answer, nil
	}
	return c.fetch(q.Clone(), outcome, ttl)
}

// Open ends Held: from now on values are remembered.
func (c *Cache) Open() { c.held.Store(false) }

// Clear forgets everything, as after a snapshot was restored. A call under way is not remembered either.
func (c *Cache) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries.clear()
	c.entries.oldest = c.begun.Load()
}

// ttl is how long an answer to q is remembered, before jitter; 0 for not at all.
func (c *Cache) ttl(q source.Query) time.Duration {
	switch {
	case c.config.MaxItems <= 0 || c.config.MaxBytes <= 0:
		return 0
	case q.Service == source.SecretsManager:
		return c.config.SecretTTL
	}
	return c.config.ParameterTTL
}

// now is the wall clock without Go's monotonic reading, which stands still in a snapshot and may do so in a
// frozen environment: an entry that went by it would outlive its TTL by as long.
func (c *Cache) now() time.Time { return c.config.Now().Round(0) }

// lookUp finds a value that may be served. A clock that stepped back makes a value expired, not immortal.
func (c *Cache) lookUp(q source.Query) (Answer, Outcome) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries.find(q)
	switch {
	case e == nil:
		return Answer{}, Miss
	case !e.fresh(now):
		return Answer{}, Expired
	}
	return Answer{
		Outcome:   Hit,
		Body:      e.body,
		VersionID: e.versionID,
		Age:       now.Sub(e.fetched),
		TTL:       e.expires.Sub(now),
	}, Hit
}

// bypass asks the source and remembers nothing.
func (c *Cache) bypass(q source.Query) (Answer, error) {
	value, took, err := c.read(q)
	return Answer{Outcome: Bypassed, Body: value.Body, VersionID: value.VersionID, Upstream: took}, err
}

// read asks the source, and says how long it took. The call has the source's own deadline, not that of whoever
// came first.
func (c *Cache) read(q source.Query) (source.Value, time.Duration, error) {
	begin := time.Now()
	value, err := c.source.Read(context.Background(), q)
	return value, time.Since(begin), err
}
