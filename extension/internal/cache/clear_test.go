package cache_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

// A cleared cache remembers no failure.
func TestClearDropsFailures(t *testing.T) {
	s := newScene(wary)
	failure := s.stock.fail(source.NotFound)
	s.checkFailure(t, secret("a"), false, cache.Miss, failure)
	s.Clear()
	s.checkFailure(t, secret("a"), false, cache.Miss, failure)
	s.checkFailure(t, secret("a"), false, cache.Negative, failure)
}

// A cleared cache knows of no outage: a read waits for AWS again, an outage that goes on is told again, and none is
// said to be over that was forgotten. The back-off is the first again.
func TestClearForgetsAnOutage(t *testing.T) {
	for _, failure := range []error{nil, errTest} {
		synctest.Test(t, func(t *testing.T) {
			s, n := newOutage(t, secret("a"))
			s.checkStale(t, secret("a"), 1, "Test")
			time.Sleep(time.Second)
			s.checkProbe(t, secret("a"), 1, true)
			s.Clear()
			s.settle(t)
			n.told = nil
			s.stock.answer(numbered)
			s.checkRead(t, secret("a"), cache.Miss, 4)
			n.check(t)
			time.Sleep(secretTTL)
			s.stock.slow(100*time.Millisecond, failure)
			begin := time.Now()
			got := s.mustGet(t, secret("a"), false)
			checkTook(t, begin, 100*time.Millisecond)
			if failure == nil {
				s.check(t, got, cache.Expired, 5)
				n.check(t)
				return
			}
			s.check(t, got, cache.Stale, 4)
			n.check(t, cache.Outage{Service: source.SecretsManager, Reason: "Test"})
			time.Sleep(time.Second - 1)
			s.checkProbe(t, secret("a"), 4, false)
			time.Sleep(time.Nanosecond)
			s.checkProbe(t, secret("a"), 4, true)
			s.settle(t)
		})
	}
}

// A read that waits for a value past its TTL while the cache is cleared gets what AWS says, late as that may be, and
// nothing of it is remembered or told.
func TestClearDuringTheWait(t *testing.T) {
	for _, failure := range []error{nil, errTest, &source.Error{Class: source.NotFound}} {
		synctest.Test(t, func(t *testing.T) {
			s, n := newOutage(t, secret("a"))
			s.stock.slow(time.Second, failure)
			begin := time.Now()
			read := s.goGet(secret("a"), false)
			time.Sleep(100 * time.Millisecond)
			s.Clear()
			got := <-read
			checkTook(t, begin, time.Second)
			if !errors.Is(got.err, failure) || got.Outcome != cache.Expired || got.TTL != 0 {
				t.Errorf("got %+v", got)
			}
			s.settle(t)
			s.stock.answer(numbered)
			s.checkRead(t, secret("a"), cache.Miss, 3)
			n.check(t)
		})
	}
}

// A read that waits while the cache is cleared and filled anew says nothing of the service as it is since then.
func TestClearAndFillDuringTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLive(lenient)
		s.checkRead(t, secret("a"), cache.Miss, 1)
		time.Sleep(secretTTL)
		s.stock.slow(time.Second, nil)
		read := s.goGet(secret("a"), false)
		synctest.Wait()
		s.Clear()
		s.stock.answer(numbered)
		s.check(t, s.mustGet(t, secret("a"), true), cache.Refreshed, 3)
		s.check(t, s.mustGet(t, secret("b"), true), cache.Refreshed, 4)
		s.advance(secretTTL)
		got := <-read
		s.check(t, got.Answer, cache.Stale, 3)
		s.checkRead(t, secret("b"), cache.Expired, 5)
		s.settle(t)
	})
}

// What goes on behind while the cache is cleared leaves nothing: neither a value, nor a failure, nor an outage. What
// was fetched since then is not touched by it.
func TestClearDuringAFetchBehind(t *testing.T) {
	for _, change := range []func(*cache.Config){lenient, eager} {
		for _, failure := range []error{nil, errTest, &source.Error{Class: source.NotFound}} {
			for _, anew := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					n := &news{}
					s := newLive(func(cfg *cache.Config) { change(cfg); wary(cfg); cfg.Outage = n.take })
					s.checkRead(t, secret("a"), cache.Miss, 1)
					time.Sleep(secretTTL)
					s.stock.slow(10*time.Second, failure)
					if got := s.mustGet(t, secret("a"), false); got.Outcome != cache.Stale {
						t.Errorf("got %+v", got)
					}
					synctest.Wait()
					s.Clear()
					s.checkInside(t)
					s.stock.answer(numbered)
					if anew {
						s.check(t, s.mustGet(t, secret("a"), true), cache.Refreshed, 3)
					}
					s.settle(t)
					n.check(t)
					outcome := map[bool]cache.Outcome{false: cache.Miss, true: cache.Hit}[anew]
					s.checkRead(t, secret("a"), outcome, 3)
					time.Sleep(secretTTL)
					s.stock.slow(100*time.Millisecond, errTest)
					begin := time.Now()
					s.mustGet(t, secret("a"), false) // it is asked for as if nothing had been
					s.settle(t)
					checkTook(t, begin, 100*time.Millisecond)
					n.check(t, cache.Outage{Service: source.SecretsManager, Reason: "Test"})
				})
			}
		}
	}
}

// A call that began before the cache was cleared and fails after it is remembered by nobody.
func TestClearDuringAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(wary)
		g := s.gated()
		read, refresh := s.goGet(secret("a"), false), s.goGet(secret("b"), true)
		synctest.Wait()
		s.Clear()
		g.open(1, errTest)
		g.open(2, errTest)
		for _, got := range []reply{<-read, <-refresh} {
			if got.err != errTest {
				t.Errorf("got %+v", got)
			}
		}
		s.stock.answer(numbered)
		s.checkRead(t, secret("a"), cache.Miss, 3)
		s.checkRead(t, secret("b"), cache.Miss, 4)
	})
}
