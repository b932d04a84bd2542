package cache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

// rotation is how often everything gets a new value.
const rotation = 500 * time.Millisecond

// storm is many readers at once before an AWS that takes its time, fails and comes back, with what each read has to
// keep to.
type storm struct {
	*scene
	seed     uint64
	world    *world
	settings cache.Config
	slowest  time.Duration
	news     news

	mu   sync.Mutex
	born map[string]time.Time // each value, by its version: when AWS gave it
}

func newStorm(seed uint64) *storm {
	random := rand.New(rand.NewPCG(seed, 1))
	s := &storm{
		seed: seed, world: newWorld(random), slowest: time.Duration(100+random.IntN(5000)) * time.Millisecond,
		born: make(map[string]time.Time),
	}
	s.world.lasting = random.IntN(2) == 0
	among := func(times ...time.Duration) time.Duration { return times[random.IntN(len(times))] }
	s.scene = newLive(func(cfg *cache.Config) {
		cfg.MaxItems = map[bool]int{false: []int{3, 1000}[random.IntN(2)], true: 1000}[s.world.lasting]
		cfg.SecretTTL, cfg.ParameterTTL = among(20*time.Second, time.Minute), among(20*time.Second, time.Minute)
		cfg.StaleIfError, cfg.StaleWait = among(0, time.Minute, time.Hour), among(0, staleWait)
		cfg.StaleWhileRevalidate, cfg.NegativeTTL = among(0, 0, 30*time.Second), among(0, negativeTTL)
		cfg.Jitter, cfg.Outage = nil, s.news.take
		s.settings = *cfg
	})
	s.stock.answer(s.serve)
	return s
}

// serve is one call: what it brings is decided when it begins, and comes some time later.
func (s *storm) serve(_ int, q source.Query) (source.Value, error) {
	value, err := s.world.answer(q)
	s.mu.Lock()
	if err == nil {
		if _, known := s.born[value.VersionID]; !known {
			s.born[value.VersionID] = time.Now()
		}
	}
	s.mu.Unlock()
	s.world.mu.Lock()
	latency := time.Duration(s.world.random.Int64N(int64(s.slowest)))
	if s.world.random.IntN(3) > 0 {
		latency /= 50
	}
	s.world.mu.Unlock()
	time.Sleep(latency)
	return value, err
}

// reader reads one after the other, and checks each answer by what it saw itself.
type reader struct {
	*storm
	random *rand.Rand
	last   map[source.Query]time.Time // when the value was born that came last
}

func (r *reader) read(t *testing.T) {
	q, refresh := r.world.query(), r.random.IntN(20) == 0
	begin := time.Now()
	answer, err := r.Get(q, refresh)
	took := time.Since(begin)
	complain := func(format string, args ...any) {
		answer.Body = nil
		t.Errorf("%+v, refresh %t, after %v: %s %+v and %v: %s",
			q, refresh, took, nameOf(answer.Outcome), answer, err, fmt.Sprintf(format, args...))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	born, known := r.born[answer.VersionID]
	switch {
	case (err == nil) != (answer.Body != nil), err == nil && !known:
		complain("value or error?")
	case err == nil && checkBody(q, string(answer.Body)) != nil:
		complain("%v", checkBody(q, string(answer.Body)))
	case err == nil && born.Before(r.last[q]) && r.world.lasting: // what was dropped is not known any more
		complain("an older value than the last")
	case took > r.slowest:
		complain("too late")
	case took > r.settings.StaleWait && answer.Outcome == cache.Stale,
		took > 0 && answer.Outcome == cache.Negative,
		took > 0 && answer.Outcome == cache.Stale && answer.Upstream == 0 && r.settings.StaleWait > 0:
		complain("this should not have waited so long")
	}
	ttl := r.settings.SecretTTL
	if q.Service == source.ParameterStore {
		ttl = r.settings.ParameterTTL
	}
	bound := max(r.settings.StaleIfError, r.settings.StaleWhileRevalidate)
	old := time.Since(born) - r.slowest - rotation // at least: another name may have had it first, and it came later
	switch {
	case err != nil:
		return
	case answer.Outcome == cache.Hit && (old > ttl || answer.TTL <= 0):
		complain("a hit of %v", old)
	case answer.Outcome == cache.Stale && (old > ttl+bound || answer.TTL > 0 || -answer.TTL >= bound):
		complain("stale for longer than %v", bound)
	case answer.Age > time.Since(born) || answer.Age < old:
		complain("the age is about %v", old)
	}
	r.last[q] = born
}

// run lets some read for so long, while others change the world, clear the cache, and wait for what goes on behind.
func (s *storm) run(t *testing.T, long time.Duration) {
	end := time.Now().Add(long)
	var all sync.WaitGroup
	for i := range uint64(16) {
		random := rand.New(rand.NewPCG(s.seed, 2+i))
		all.Go(func() {
			r := &reader{storm: s, random: random, last: make(map[source.Query]time.Time)}
			for time.Now().Before(end) && !t.Failed() {
				r.read(t)
				time.Sleep(time.Duration(r.random.Int64N(int64(4 * time.Second))))
			}
		})
	}
	all.Go(func() {
		for time.Now().Before(end) {
			s.world.change()
			time.Sleep(rotation)
		}
	})
	all.Go(func() {
		for time.Now().Before(end) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			s.Settle(ctx)
			cancel()
			s.checkInside(t)
			time.Sleep(time.Second)
		}
	})
	all.Wait()
}

// recover lets AWS be well, and reads everything until it is fresh.
func (s *storm) recover(t *testing.T) {
	s.world.mu.Lock()
	clear(s.world.broken)
	s.world.mu.Unlock()
	s.settle(t)
	time.Sleep(negativeTTL)
	end := time.Now().Add(30*time.Second + s.slowest)
	for old := true; old; time.Sleep(100 * time.Millisecond) {
		old = false
		for i := range names {
			for _, q := range []source.Query{secret(nameAt(i)), parameter(nameAt(i))} {
				if answer, err := s.Get(q, false); err != nil || answer.Outcome == cache.Stale {
					old = true
				}
			}
		}
		if old && time.Now().After(end) {
			t.Error("something is still not fresh")
			break
		}
	}
	s.settle(t)
}

// While faults come and go and all read at once, no read gets a wrong value, an older one than before, one past its
// bound, or waits too long. When AWS is back, everything that is read comes fresh within the longest back-off, nothing
// goes on behind, and no goroutine is left.
func TestStorm(t *testing.T) {
	for seed := range uint64(12) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorm(seed)
			s.run(t, 5*time.Minute)
			s.recover(t)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		})
	}
}
