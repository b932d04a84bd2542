// Package cache decides for each read whether it is answered from memory or goes to AWS, and remembers what
// came back.
//
// It holds keys, entries and the rules of expiry (terms as in RFC 9111 and RFC 5861): a value lives for its TTL by
// the wall clock, the least recently used make room, concurrent reads of one value share one call, and while AWS
// cannot be read a value is served past its TTL. It must not know how a request or an answer looks on the wire,
// nor what AWS is: it knows a [source.Source].
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
	// StaleIfError is how long past its TTL a value is served while AWS cannot be read; 0 for not at all.
	StaleIfError time.Duration
	// StaleWait is how long a read waits for AWS while it holds a value for that case.
	StaleWait time.Duration
	// StaleWhileRevalidate is how long past its TTL a value is served at once and fetched behind; 0 for not at all.
	StaleWhileRevalidate time.Duration
	// NegativeTTL is how long a failure is remembered; 0 for not at all.
	NegativeTTL time.Duration
	// Held starts a cache that remembers nothing until it is opened.
	Held bool
	// Outage is told when a service cannot be read any more, and when it can be again; nil ignores it.
	Outage func(Outage)
	// Panicked is told of a bug that a fetch ran into; nil ignores it.
	Panicked func(reason any)
	// Now is the clock; nil stands for time.Now.
	Now func() time.Time
	// Jitter draws a number in [0, 1), by which a TTL is shortened within its last tenth and a back-off within its
	// second half; nil stands for math/rand's.
	Jitter func() float64
}

// Cache answers reads. It is safe for concurrent use.
type Cache struct {
	source  source.Source
	config  Config
	flights singleflight.Group
	held    atomic.Bool
	begun   atomic.Uint64 // fetches so far, which puts them in an order

	mu       sync.Mutex
	entries  *entries
	failures *failures
	outages  [source.ParameterStore + 1]outage // by service
	oldest   uint64                            // the result of fetches up to this one is not remembered any more
	behind   int                               // fetches that go on whether a read waits for them or not
	none     chan struct{}                     // closed when there are none any more; nil while nobody waits for that
}

// New returns an empty cache in front of src.
func New(cfg Config, src source.Source) *Cache {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Jitter == nil {
		cfg.Jitter = rand.Float64
	}
	c := &Cache{source: src, config: cfg, entries: newEntries(cfg.MaxItems, cfg.MaxBytes), failures: newFailures()}
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
	// Stale: from memory, past the TTL.
	Stale
	// Negative: with a failure that is remembered.
	Negative
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
	// TTL is how long it will still be served from memory; 0 if it is not remembered, less for a stale value.
	TTL time.Duration
	// Reason is the code of the failure for which a stale value is served; empty if it is being fetched, and for
	// all other outcomes.
	Reason string
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
		return c.ask(fetching{query: q.Clone(), outcome: Refreshed, ttl: ttl})
	}
	found := c.lookUp(q)
	switch found.next {
	case fetch:
		return c.fetch(fetching{query: q.Clone(), outcome: found.answer.Outcome, ttl: ttl, era: found.era})
	case fetchBehind:
		c.refetch(q.Clone(), ttl, found.era)
	case await:
		return c.await(q.Clone(), ttl, found)
	}
	return found.answer, found.err
}

// Open ends Held: from now on values are remembered.
func (c *Cache) Open() { c.held.Store(false) }

// Clear forgets everything, as after a snapshot was restored. A call under way is not remembered either.
func (c *Cache) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries.clear()
	c.failures.clear()
	clear(c.outages[:])
	c.oldest = c.begun.Load()
}

// Settle waits until no fetch is under way that a read may not have waited for, or ctx is done.
func (c *Cache) Settle(ctx context.Context) {
	c.mu.Lock()
	if c.behind == 0 {
		c.mu.Unlock()
		return
	}
	if c.none == nil {
		c.none = make(chan struct{})
	}
	none := c.none
	c.mu.Unlock()
	select {
	case <-none:
	case <-ctx.Done():
	}
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
