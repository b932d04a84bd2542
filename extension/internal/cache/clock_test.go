package cache_test

import (
	"testing"
	"testing/synctest"
	"time"

	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

// A stale value is fresh again if the clock steps back into its life, and expires where it did before.
func TestClockStepsBackIntoTheTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(lenient)
		s.checkRead(t, secret("a"), cache.Miss, 1)
		s.stock.fail(source.Failing)
		s.advance(secretTTL + time.Minute)
		s.checkStale(t, secret("a"), 1, "Test")
		s.advance(-time.Minute - 1)
		s.checkRead(t, secret("a"), cache.Hit, 1)
		s.advance(1)
		s.checkStale(t, secret("a"), 1, "Test")
	})
}

// A value that the clock makes one of the future is stale from now on: it is served up to its bound and not longer,
// by its new age.
func TestClockStepsBackBeforeTheFetch(t *testing.T) {
	for _, expired := range []time.Duration{0, secretTTL} {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(lenient)
			s.checkRead(t, secret("a"), cache.Miss, 1)
			failure := s.stock.fail(source.Failing)
			s.advance(expired)
			if expired > 0 {
				s.checkStale(t, secret("a"), 1, "Test")
			}
			s.advance(-24 * time.Hour)
			got := s.checkStale(t, secret("a"), 1, "Test")
			if got.Age != 0 || got.TTL != 0 {
				t.Errorf("got %+v", got)
			}
			s.settle(t)
			s.advance(staleIfError - 1)
			got = s.checkStale(t, secret("a"), 1, "Test")
			if got.Age != staleIfError-1 || got.TTL != 1-staleIfError {
				t.Errorf("got %+v", got)
			}
			s.settle(t)
			s.advance(1)
			s.checkFailure(t, secret("a"), false, cache.Expired, failure)
		})
	}
}

// A clock that jumps ahead past the bound ends a stale value, however far.
func TestClockJumpsPastTheBound(t *testing.T) {
	for _, jump := range []time.Duration{staleIfError, 14 * 24 * time.Hour, 200 * 365 * 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(func(cfg *cache.Config) { lenient(cfg); eager(cfg) })
			s.checkRead(t, secret("a"), cache.Miss, 1)
			s.advance(secretTTL + jump)
			s.checkRead(t, secret("a"), cache.Expired, 2)
		})
	}
}

// Neither the time of the next attempt for a name nor that of its service is put off by a clock that steps back: what
// is left may be the longest back-off, and not more. A clock that jumps ahead brings it on.
func TestClockStepsDuringABackoff(t *testing.T) {
	const longest = 30 * time.Second
	for _, q := range []source.Query{secret("a"), secret("b")} { // the one that failed, and another of the service
		for step, asks := range map[time.Duration]bool{
			-(longest - time.Second): false, -(longest - time.Second) - 1: true, -24 * time.Hour: true,
			time.Second - 1: false, time.Second: true, time.Hour: true,
		} {
			synctest.Test(t, func(t *testing.T) {
				s := newLive(func(cfg *cache.Config) { lenient(cfg); cfg.StaleIfError = 48 * time.Hour })
				s.checkRead(t, secret("a"), cache.Miss, 1)
				s.checkRead(t, secret("b"), cache.Miss, 2)
				time.Sleep(secretTTL + time.Minute)
				s.stock.fail(source.Failing)
				s.checkStale(t, secret("a"), 1, "Test") // the next attempt is in a second
				s.advance(step)
				s.checkProbe(t, q, map[string]int{"a": 1, "b": 2}[q.Name], asks)
			})
		}
	}
}

// A clock that steps while reads wait lets none wait longer than it may, and one that jumps ahead ends the wait of
// those that come after.
func TestClockStepsDuringTheWait(t *testing.T) {
	for _, step := range []time.Duration{-time.Minute, -100 * time.Millisecond, 100 * time.Millisecond, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			s := newLive(lenient)
			s.checkRead(t, secret("a"), cache.Miss, 1)
			time.Sleep(secretTTL + 2*time.Minute)
			s.stock.slow(10*time.Second, nil)
			first := s.goGet(secret("a"), false)
			synctest.Wait()
			s.advance(step)
			begin := time.Now()
			s.checkStale(t, secret("a"), 1, "Timeout")
			checkTook(t, begin, min(max(staleWait-step, 0), staleWait))
			got := <-first
			s.check(t, got.Answer, cache.Stale, 1)
			checkTook(t, begin, staleWait)
			s.settle(t)
			s.checkRead(t, secret("a"), cache.Hit, 2)
		})
	}
}

// A failure from the future, and one of long ago, is not believed.
func TestClockStepsBesideAFailure(t *testing.T) {
	for step, outcome := range map[time.Duration]cache.Outcome{
		-1: cache.Miss, -24 * time.Hour: cache.Miss, negativeTTL - 1: cache.Negative, negativeTTL: cache.Miss, 24 * time.Hour: cache.Miss,
	} {
		s := newScene(wary)
		failure := s.stock.fail(source.NotFound)
		s.checkFailure(t, secret("a"), false, cache.Miss, failure)
		s.advance(step)
		s.checkFailure(t, secret("a"), false, outcome, failure)
		if step.Abs() >= negativeTTL {
			s.checkFailure(t, secret("a"), false, cache.Negative, failure)
			s.advance(-step) // what is remembered now is by the new clock
			s.checkFailure(t, secret("a"), false, cache.Miss, failure)
		}
	}
}

// An outage never lasted less than no time.
func TestClockStepsBackDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := newOutage(t, secret("a"))
		s.checkStale(t, secret("a"), 1, "Test")
		s.advance(-time.Hour)
		s.stock.answer(numbered)
		s.checkStale(t, secret("a"), 1, "Test")
		s.settle(t)
		n.check(t, cache.Outage{Service: source.SecretsManager, Reason: "Test"}, cache.Outage{
			Service: source.SecretsManager, Over: true, Reason: "Test", Stale: 2,
		})
	})
}
