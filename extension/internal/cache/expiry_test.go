package cache_test

import (
	"testing"
	"time"
	"unsafe"

	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

// A value is fetched once and served from memory up to its TTL, which is each service's own; then it is fetched
// anew.
func TestHitUntilTTL(t *testing.T) {
	for q, ttl := range map[source.Query]time.Duration{secret("a"): secretTTL, parameter("a"): parameterTTL} {
		s := newScene(nil)
		first := s.mustGet(t, q, false)
		s.check(t, first, cache.Miss, 1)
		if first.Age != 0 || first.TTL != ttl {
			t.Errorf("age %v and TTL %v of a miss, want 0 and %v", first.Age, first.TTL, ttl)
		}
		s.checkRead(t, q, cache.Hit, 1)
		s.advance(ttl - 1)
		hit := s.mustGet(t, q, false)
		s.check(t, hit, cache.Hit, 1)
		if hit.Age != ttl-1 || hit.TTL != 1 || hit.Upstream != 0 || hit.Shared {
			t.Errorf("a hit is %+v", hit)
		}
		if string(hit.Body) != string(first.Body) {
			t.Errorf("got %q, want %q", hit.Body, first.Body)
		}
		s.advance(1)
		s.checkRead(t, q, cache.Expired, 2)
		s.checkRead(t, q, cache.Hit, 2)
		s.advance(ttl - 1)
		s.checkRead(t, q, cache.Hit, 2)
		s.checkCalls(t, 2)
	}
}

// A hit does not lengthen a value's life.
func TestHitsDoNotProlong(t *testing.T) {
	s := newScene(nil)
	s.checkRead(t, secret("a"), cache.Miss, 1)
	for range 299 {
		s.advance(time.Second)
		s.checkRead(t, secret("a"), cache.Hit, 1)
	}
	s.advance(time.Second)
	s.checkRead(t, secret("a"), cache.Expired, 2)
}

// Jitter takes at most a tenth off the TTL and never adds to it.
func TestJitter(t *testing.T) {
	for jitter, want := range map[float64]time.Duration{0: secretTTL, 0.5: secretTTL * 95 / 100, 0.9999999999: secretTTL * 90 / 100} {
		s := newScene(nil)
		s.setJitter(jitter)
		ttl := s.mustGet(t, secret("a"), false).TTL
		if ttl > secretTTL || ttl < secretTTL*9/10 || (ttl-want).Abs() > time.Millisecond {
			t.Errorf("jitter %v: TTL %v, want %v", jitter, ttl, want)
		}
		s.advance(ttl - 1)
		s.checkRead(t, secret("a"), cache.Hit, 1)
		s.advance(1)
		s.checkRead(t, secret("a"), cache.Expired, 2)
	}
}

// The jitter that is drawn without a clock of the test's stays in its bounds, and does differ.
func TestJitterDrawn(t *testing.T) {
	s := newScene(func(cfg *cache.Config) { cfg.Jitter = nil })
	seen := make(map[time.Duration]bool)
	for range 1000 {
		ttl := s.mustGet(t, secret("a"), true).TTL
		if ttl > secretTTL || ttl < secretTTL*9/10 {
			t.Fatalf("TTL %v", ttl)
		}
		seen[ttl] = true
	}
	if len(seen) < 900 {
		t.Errorf("%d different TTLs of 1000", len(seen))
	}
}

// A clock that stepped back to before the fetch makes a value expired: else it would live longer by the step.
func TestClockStepsBack(t *testing.T) {
	s := newScene(nil)
	s.checkRead(t, secret("a"), cache.Miss, 1)
	s.advance(-1)
	s.checkRead(t, secret("a"), cache.Expired, 2)
	s.advance(secretTTL)
	s.checkRead(t, secret("a"), cache.Expired, 3)
}

// A clock that jumped ahead, as after a freeze, makes a value expired, however far.
func TestClockJumpsAhead(t *testing.T) {
	for _, jump := range []time.Duration{secretTTL, time.Hour, 14 * 24 * time.Hour, 200 * 365 * 24 * time.Hour} {
		s := newScene(nil)
		s.checkRead(t, secret("a"), cache.Miss, 1)
		s.advance(jump)
		s.checkRead(t, secret("a"), cache.Expired, 2)
		s.checkRead(t, secret("a"), cache.Hit, 2)
	}
}

// Only the wall clock counts: a monotonic reading that stood still while the wall clock went on, as in a
// snapshot, does not keep a value alive.
func TestMonotonicClockIsIgnored(t *testing.T) {
	begin := time.Now()
	now := begin
	s := newScene(func(cfg *cache.Config) { cfg.Now = func() time.Time { return now } })
	s.checkRead(t, secret("a"), cache.Miss, 1)
	// Nothing in package time sets one clock apart from the other: the seconds of the wall clock are in the upper
	// bits of a Time's first word, the monotonic reading is in the second.
	const hour = 3600 << 30
	*(*uint64)(unsafe.Pointer(&now)) += hour
	if now.Sub(begin) != 0 || now.Round(0).Sub(begin.Round(0)) != time.Hour {
		t.Fatal("a Time is not made as it was when this test was written")
	}
	s.checkRead(t, secret("a"), cache.Expired, 2)
}

// A refresh goes to AWS though a value is fresh, and begins its TTL anew.
func TestRefresh(t *testing.T) {
	s := newScene(nil)
	s.check(t, s.mustGet(t, secret("a"), true), cache.Refreshed, 1)
	s.checkRead(t, secret("a"), cache.Hit, 1)
	s.advance(secretTTL / 2)
	s.check(t, s.mustGet(t, secret("a"), true), cache.Refreshed, 2)
	s.advance(secretTTL - 1)
	s.checkRead(t, secret("a"), cache.Hit, 2)
	s.advance(1)
	s.check(t, s.mustGet(t, secret("a"), true), cache.Refreshed, 3)
}

// Each way to switch the cache off sends every read to AWS, and says that nothing was stored.
func TestBypass(t *testing.T) {
	off := map[string]func(*cache.Config){
		"no items":       func(cfg *cache.Config) { cfg.MaxItems = 0 },
		"negative items": func(cfg *cache.Config) { cfg.MaxItems = -1 },
		"no bytes":       func(cfg *cache.Config) { cfg.MaxBytes = 0 },
		"no TTL":         func(cfg *cache.Config) { cfg.SecretTTL, cfg.ParameterTTL = 0, 0 },
		"held":           func(cfg *cache.Config) { cfg.Held = true },
	}
	for name, change := range off {
		t.Run(name, func(t *testing.T) {
			s := newScene(change)
			call := 0
			for _, q := range []source.Query{secret("a"), parameter("a")} {
				for _, refresh := range []bool{false, false, true} {
					call++
					answer, err := s.Get(q, refresh)
					if err != nil {
						t.Fatal(err)
					}
					s.check(t, answer, cache.Bypassed, call)
					if answer.TTL != 0 || answer.Age != 0 {
						t.Errorf("got %+v", answer)
					}
				}
			}
			s.checkCalls(t, call)
		})
	}
}

// A TTL of 0 is for its own service alone.
func TestBypassOfOneService(t *testing.T) {
	s := newScene(func(cfg *cache.Config) { cfg.ParameterTTL = 0 })
	s.checkRead(t, secret("a"), cache.Miss, 1)
	s.checkRead(t, parameter("a"), cache.Bypassed, 2)
	s.checkRead(t, secret("a"), cache.Hit, 1)
	s.checkRead(t, parameter("a"), cache.Bypassed, 3)
}

// A held cache forgets nothing of its rules: once it is opened it remembers what comes then, and nothing of
// what came before.
func TestHeldAndOpen(t *testing.T) {
	s := newScene(func(cfg *cache.Config) { cfg.Held = true })
	s.checkRead(t, secret("a"), cache.Bypassed, 1)
	s.Open()
	s.checkRead(t, secret("a"), cache.Miss, 2)
	s.checkRead(t, secret("a"), cache.Hit, 2)
	s.Open()
	s.checkRead(t, secret("a"), cache.Hit, 2)
}

// A cleared cache fetches everything anew, and remembers that.
func TestClear(t *testing.T) {
	s := newScene(nil)
	s.checkRead(t, secret("a"), cache.Miss, 1)
	s.checkRead(t, parameter("a"), cache.Miss, 2)
	s.Clear()
	s.checkInside(t)
	s.checkRead(t, secret("a"), cache.Miss, 3)
	s.checkRead(t, parameter("a"), cache.Miss, 4)
	s.checkRead(t, secret("a"), cache.Hit, 3)
	s.checkRead(t, secret(arnOf("a")), cache.Hit, 3)
}
