package cache_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

const revalidate = 10 * time.Minute

// eager lets a value be served past its TTL while it is fetched anew.
func eager(cfg *cache.Config) { cfg.StaleWhileRevalidate = revalidate }

// Within its time a value past its TTL is served at once, without a reason, while one call goes on behind; what that
// brings is what the next read gets.
func TestStaleWhileRevalidate(t *testing.T) {
	for _, past := range []time.Duration{0, revalidate - 1} {
		synctest.Test(t, func(t *testing.T) {
			s := newLive(func(cfg *cache.Config) { lenient(cfg); eager(cfg) })
			s.checkRead(t, secret("a"), cache.Miss, 1)
			time.Sleep(secretTTL + past)
			s.stock.slow(time.Second, nil)
			begin := time.Now()
			for range 3 {
				got := s.checkStale(t, secret("a"), 1, "")
				if got.Age != secretTTL+past || got.TTL != -past || got.Upstream != 0 || got.Shared {
					t.Errorf("got %+v", got)
				}
				synctest.Wait()
			}
			checkTook(t, begin, 0)
			s.checkCalls(t, 2)
			s.settle(t)
			checkTook(t, begin, time.Second)
			s.checkRead(t, secret("a"), cache.Hit, 2)
			s.settle(t)
			checkTook(t, begin, time.Second)
		})
	}
}

// After its time a read waits: where the value may be served if AWS fails, for a while, and else as long as it takes.
func TestAfterRevalidation(t *testing.T) {
	for _, change := range []func(*cache.Config){lenient, func(*cache.Config) {}} {
		synctest.Test(t, func(t *testing.T) {
			s := newLive(func(cfg *cache.Config) { change(cfg); eager(cfg) })
			s.checkRead(t, secret("a"), cache.Miss, 1)
			time.Sleep(secretTTL + revalidate)
			s.stock.slow(staleWait-1, nil)
			begin := time.Now()
			s.checkRead(t, secret("a"), cache.Expired, 2)
			checkTook(t, begin, staleWait-1)
		})
	}
}

// A call that hangs from within that time into the time after is not waited for.
func TestRevalidationHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLive(func(cfg *cache.Config) { lenient(cfg); eager(cfg) })
		s.checkRead(t, secret("a"), cache.Miss, 1)
		time.Sleep(secretTTL + revalidate - 1)
		s.stock.slow(time.Minute, nil)
		s.checkStale(t, secret("a"), 1, "")
		time.Sleep(time.Nanosecond)
		begin := time.Now()
		s.checkStale(t, secret("a"), 1, "Timeout")
		checkTook(t, begin, 0)
		s.checkCalls(t, 2)
		s.settle(t)
		s.checkRead(t, secret("a"), cache.Hit, 2)
	})
}

// Each of the two times counts by itself: a value is served for the longer of them, as its rule says, and not beyond.
func TestRevalidationAndStaleIfError(t *testing.T) {
	const short, long = 10 * time.Second, time.Hour
	settings := []struct{ revalidate, ifError time.Duration }{{0, 0}, {short, 0}, {0, short}, {short, long}, {long, short}}
	for _, setting := range settings {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(func(cfg *cache.Config) {
				cfg.StaleWhileRevalidate, cfg.StaleIfError, cfg.StaleWait = setting.revalidate, setting.ifError, staleWait
			})
			s.checkRead(t, secret("a"), cache.Miss, 1)
			failure := s.stock.fail(source.Failing)
			s.advance(secretTTL)
			if bound := max(setting.revalidate, setting.ifError); bound > 0 {
				reason := map[bool]string{false: "Test"}[setting.revalidate > 0]
				s.checkStale(t, secret("a"), 1, reason)
				s.settle(t)
				s.advance(short)
				if bound == long {
					s.checkStale(t, secret("a"), 1, "Test")
					s.settle(t)
					s.advance(long - short - 1)
					s.checkStale(t, secret("a"), 1, "Test")
					s.settle(t)
					s.advance(1)
				}
			}
			s.checkFailure(t, secret("a"), false, cache.Expired, failure)
			s.checkFailure(t, secret("a"), false, cache.Miss, failure)
		})
	}
}

// A call behind that fails begins an outage, with its reason and its back-off; one that says for certain that there is
// nothing drops the value.
func TestRevalidationFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &news{}
		s := newLive(func(cfg *cache.Config) { eager(cfg); cfg.Outage = n.take })
		s.checkRead(t, secret("a"), cache.Miss, 1)
		s.checkRead(t, secret("b"), cache.Miss, 2)
		time.Sleep(secretTTL)
		s.stock.fail(source.Failing)
		s.checkStale(t, secret("a"), 1, "")
		synctest.Wait()
		n.check(t, cache.Outage{Service: source.SecretsManager, Reason: "Test"})
		time.Sleep(time.Second - 1)
		s.checkProbe(t, secret("a"), 1, false)
		s.checkProbe(t, secret("b"), 2, false)
		time.Sleep(time.Nanosecond)
		s.checkProbe(t, secret("b"), 2, true)
		failure := s.stock.fail(source.NotFound)
		time.Sleep(2 * time.Second)
		s.checkProbe(t, secret("a"), 1, true)
		n.check(t, cache.Outage{
			Service: source.SecretsManager, Over: true, Reason: "Test", Stale: 4, Lasted: 3 * time.Second,
		})
		s.checkFailure(t, secret("a"), false, cache.Miss, failure)
	})
}

// Settle waits for all that goes on behind, and no longer than it is let; several may wait at one time.
func TestSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLive(eager)
		begin := time.Now()
		s.settle(t)
		checkTook(t, begin, 0)
		s.checkRead(t, secret("a"), cache.Miss, 1)
		s.checkRead(t, secret("b"), cache.Miss, 2)
		time.Sleep(secretTTL)
		begin = time.Now()
		s.stock.slow(time.Second, nil)
		s.checkStale(t, secret("a"), 1, "")
		time.Sleep(500 * time.Millisecond)
		s.checkStale(t, secret("b"), 2, "")
		for range 3 {
			go func() {
				s.settle(t)
				checkTook(t, begin, 1500*time.Millisecond)
			}()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
		defer cancel()
		s.Settle(ctx)
		checkTook(t, begin, 750*time.Millisecond)
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		s.Settle(cancelled)
		checkTook(t, begin, 750*time.Millisecond)
		s.settle(t)
		checkTook(t, begin, 1500*time.Millisecond)
	})
}

// A read that waits for AWS in front keeps Settle from nothing: it is no fetch that goes on by itself.
func TestSettleIgnoresReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(lenient)
		s.stock.slow(time.Second, nil)
		read, refresh := s.goGet(secret("a"), false), s.goGet(secret("b"), true)
		synctest.Wait()
		begin := time.Now()
		s.settle(t)
		checkTook(t, begin, 0)
		<-read
		<-refresh
	})
}
