package cache_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

const (
	staleIfError = time.Hour
	staleWait    = 250 * time.Millisecond
)

// lenient lets a value be served stale.
func lenient(cfg *cache.Config) { cfg.StaleIfError, cfg.StaleWait = staleIfError, staleWait }

var errTest = &source.Error{Class: source.Failing, Code: "Test"}

// slow lets every call take so long from now on, by the bubble's clock, and fail unless the error is nil.
func (s *stock) slow(latency time.Duration, failure error) {
	s.answer(func(n int, q source.Query) (source.Value, error) {
		time.Sleep(latency)
		if failure != nil {
			return source.Value{}, failure
		}
		return numbered(n, q)
	})
}

// settle waits for what goes on behind, while nobody reads.
func (s *scene) settle(t *testing.T) {
	t.Helper()
	s.Settle(context.Background())
	if err := s.CheckSettled(); err != nil {
		t.Error(err)
	}
}

// checkStale reads, and proves that a value past its TTL comes, from which call and for what reason.
func (s *scene) checkStale(t *testing.T, q source.Query, call int, reason string) cache.Answer {
	t.Helper()
	answer := s.mustGet(t, q, false)
	s.check(t, answer, cache.Stale, call)
	if answer.Reason != reason {
		t.Errorf("the reason is %q, want %q", answer.Reason, reason)
	}
	return answer
}

// checkTook proves how long something took, by the bubble's clock.
func checkTook(t *testing.T, begin time.Time, want time.Duration) {
	t.Helper()
	if took := time.Since(begin); took != want {
		t.Errorf("it took %v, want %v", took, want)
	}
}

// Whatever says nothing for certain lets the old value be served, with the code of the failure, its age, and how long
// ago it should have been fetched anew. The reads after it make no call.
func TestStaleIfError(t *testing.T) {
	failures := map[error]string{errors.New("unknown"): "InternalError"}
	for _, class := range transient {
		failures[&source.Error{Class: class, Code: "Test"}] = "Test"
	}
	for failure, reason := range failures {
		for q, ttl := range map[source.Query]time.Duration{secret("a"): secretTTL, parameter("a"): parameterTTL} {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(lenient)
				fetched := s.mustGet(t, q, false)
				s.advance(ttl + 7*time.Second)
				s.stock.slow(100*time.Millisecond, failure)
				begin := time.Now()
				got := s.checkStale(t, q, 1, reason)
				checkTook(t, begin, 100*time.Millisecond)
				if got.Age != ttl+7*time.Second || got.TTL != -7*time.Second || got.Upstream != 100*time.Millisecond {
					t.Errorf("got %+v", got)
				}
				if string(got.Body) != string(fetched.Body) {
					t.Errorf("got %q, want %q", got.Body, fetched.Body)
				}
				if got = s.checkStale(t, q, 1, reason); got.Upstream != 0 {
					t.Errorf("AWS took %v for a read that did not ask it", got.Upstream)
				}
				s.checkCalls(t, 2)
			})
		}
	}
}

// A read that finds AWS hanging waits exactly as long as it may, and so do those that join it: not longer than the
// first. Later ones do not wait at all. The call goes on behind, and what it brings is remembered.
func TestStaleWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLive(lenient)
		s.checkRead(t, secret("a"), cache.Miss, 1)
		time.Sleep(secretTTL)
		s.stock.slow(10*time.Second, nil)
		begin := time.Now()
		for _, after := range []time.Duration{0, 1, 100 * time.Millisecond, staleWait - 1} {
			go func() {
				time.Sleep(after)
				got := s.checkStale(t, secret("a"), 1, "Timeout")
				checkTook(t, begin, staleWait)
				if got.Upstream != staleWait-after {
					t.Errorf("AWS took %v of %v", got.Upstream, staleWait-after)
				}
			}()
		}
		for _, after := range []time.Duration{staleWait, time.Second, 10*time.Second - 1} {
			time.Sleep(after - time.Since(begin))
			synctest.Wait()
			s.checkStale(t, secret("a"), 1, "Timeout")
			checkTook(t, begin, after)
		}
		s.settle(t)
		checkTook(t, begin, 10*time.Second)
		s.checkRead(t, secret("a"), cache.Hit, 2)
		s.checkCalls(t, 2)
	})
}

// Where there is a value to fall back on, AWS is asked with few attempts; where there is none, with all of them.
func TestFewAttemptsBesideAValue(t *testing.T) {
	for _, rule := range []struct {
		change func(*cache.Config)
		probes int
	}{{lenient, 1}, {eager, 1}, {nil, 0}} {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(rule.change)
			s.mustGet(t, secret("a"), false)
			s.mustGet(t, secret("a"), true)
			s.advance(secretTTL)
			s.mustGet(t, secret("b"), false)
			s.mustGet(t, secret("b"), true)
			if s.stock.probes != 0 {
				t.Errorf("%d probes", s.stock.probes)
			}
			s.mustGet(t, secret("a"), false)
			s.settle(t)
			s.checkCalls(t, 5)
			if s.stock.probes != rule.probes {
				t.Errorf("%d probes, want %d", s.stock.probes, rule.probes)
			}
		})
	}
}

// A value that comes in time is what the reads get that wait for it, as without a stale one.
func TestValueWithinTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLive(lenient)
		s.checkRead(t, secret("a"), cache.Miss, 1)
		time.Sleep(secretTTL)
		s.stock.slow(staleWait-1, nil)
		first, second := s.goGet(secret("a"), false), s.goGet(secret("a"), false)
		for _, got := range []reply{<-first, <-second} {
			s.check(t, got.Answer, cache.Expired, 2)
			if got.Upstream != staleWait-1 || !got.Shared || got.TTL != secretTTL || got.Age != 0 || got.Reason != "" {
				t.Errorf("got %+v", got.Answer)
			}
		}
		s.checkRead(t, secret("a"), cache.Hit, 2)
	})
}

// A refresh that lands while a read waits is what that read gets, not the stale value, and the slower call behind
// does not replace it.
func TestRefreshDuringTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLive(lenient)
		s.checkRead(t, secret("a"), cache.Miss, 1)
		time.Sleep(secretTTL)
		s.stock.slow(time.Second, nil)
		read := s.goGet(secret("a"), false)
		synctest.Wait()
		s.stock.slow(100*time.Millisecond, nil)
		s.check(t, s.mustGet(t, secret("a"), true), cache.Refreshed, 3)
		begin := time.Now()
		got := <-read
		checkTook(t, begin, staleWait-100*time.Millisecond)
		s.check(t, got.Answer, cache.Hit, 3)
		if got.err != nil || got.Age != staleWait-100*time.Millisecond || got.Reason != "" {
			t.Errorf("got %+v", got)
		}
		s.settle(t)
		s.checkRead(t, secret("a"), cache.Hit, 3)
	})
}

// A value that a refresh has brought, and that is past its TTL before a call from before the refresh ends, is fetched
// anew after that, too.
func TestOlderCallOutlastsTheTTL(t *testing.T) {
	for _, failure := range []error{nil, errTest, &source.Error{Class: source.NotFound}} {
		synctest.Test(t, func(t *testing.T) {
			s := newLive(lenient)
			s.stock.slow(10*time.Second, failure)
			older := s.goGet(secret("a"), false)
			synctest.Wait()
			s.stock.answer(numbered)
			s.check(t, s.mustGet(t, secret("a"), true), cache.Refreshed, 2)
			s.advance(secretTTL)
			s.stock.slow(20*time.Second, nil)
			s.checkStale(t, secret("a"), 2, "Timeout")
			<-older
			s.settle(t)
			s.stock.answer(numbered)
			s.advance(time.Minute)
			s.mustGet(t, secret("a"), false)
			s.settle(t)
			if got := s.mustGet(t, secret("a"), false); got.Outcome != cache.Hit {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// When AWS says for certain that the value is not to be had any more, it goes, and who waits is told.
func TestDefinitiveFailureWithinTheWait(t *testing.T) {
	for _, class := range definitive {
		synctest.Test(t, func(t *testing.T) {
			s := newLive(lenient)
			s.checkRead(t, secret("a"), cache.Miss, 1)
			time.Sleep(secretTTL)
			failure := &source.Error{Class: class, Code: "Test"}
			s.stock.slow(100*time.Millisecond, failure)
			begin := time.Now()
			s.checkFailure(t, secret("a"), false, cache.Expired, failure)
			checkTook(t, begin, 100*time.Millisecond)
			s.checkFailure(t, secret("a"), false, cache.Miss, failure)
			s.checkFailure(t, secret(arnOf("a")), false, cache.Miss, failure)
		})
	}
}

// So it is when AWS says it after the wait: the next read gets the failure, from memory if that is remembered.
func TestDefinitiveFailureBehind(t *testing.T) {
	for outcome, ttl := range map[cache.Outcome]time.Duration{cache.Negative: 2 * time.Second, cache.Miss: 0} {
		synctest.Test(t, func(t *testing.T) {
			s := newLive(func(cfg *cache.Config) { lenient(cfg); cfg.NegativeTTL = ttl })
			s.checkRead(t, secret("a"), cache.Miss, 1)
			time.Sleep(secretTTL)
			failure := &source.Error{Class: source.NotFound, Code: "Test"}
			s.stock.slow(time.Second, failure)
			s.checkStale(t, secret("a"), 1, "Timeout")
			s.settle(t)
			s.checkFailure(t, secret("a"), false, outcome, failure)
			s.checkFailure(t, secret(arnOf("a")), false, cache.Miss, failure)
		})
	}
}

// A value is served up to its bound and not at it, however often it was served until then.
func TestStaleBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(lenient)
		s.checkRead(t, secret("a"), cache.Miss, 1)
		failure := s.stock.fail(source.Unreachable)
		s.advance(secretTTL)
		s.checkStale(t, secret("a"), 1, "Test")
		s.advance(staleIfError - 1)
		got := s.checkStale(t, secret("a"), 1, "Test")
		if got.TTL != 1-staleIfError {
			t.Errorf("TTL %v", got.TTL)
		}
		s.settle(t)
		s.advance(1)
		s.checkFailure(t, secret("a"), false, cache.Expired, failure)
		s.checkFailure(t, secret("a"), false, cache.Miss, failure)
		s.checkFailure(t, secret(arnOf("a")), false, cache.Miss, failure)
	})
}

// A value that reaches its bound while a read waits, or goes to make room, is not served: the read gets what comes.
func TestNothingToServeAfterTheWait(t *testing.T) {
	for _, failure := range []error{nil, errTest} {
		for _, evicted := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s := newLive(func(cfg *cache.Config) { lenient(cfg); cfg.MaxItems = 1 })
				s.checkRead(t, secret("a"), cache.Miss, 1)
				time.Sleep(secretTTL + staleIfError - staleWait)
				s.stock.slow(time.Second, failure)
				begin := time.Now()
				read := s.goGet(secret("a"), false)
				synctest.Wait()
				if s.stock.answer(numbered); evicted {
					s.advance(-time.Minute)
					s.checkRead(t, secret("b"), cache.Miss, 3)
				}
				got := <-read
				checkTook(t, begin, time.Second)
				if !errors.Is(got.err, failure) || got.Outcome != cache.Expired || got.Upstream != time.Second {
					t.Errorf("got %+v", got)
				}
				if failure == nil {
					s.check(t, got.Answer, cache.Expired, 2)
				}
				s.checkInside(t)
			})
		}
	}
}

// So it is with a call that fails within the wait, when the value has reached its bound by then.
func TestBoundWithinTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLive(lenient)
		s.checkRead(t, secret("a"), cache.Miss, 1)
		time.Sleep(secretTTL + staleIfError - 1)
		s.stock.slow(100*time.Millisecond, errTest)
		begin := time.Now()
		s.checkFailure(t, secret("a"), false, cache.Expired, errTest)
		checkTook(t, begin, 100*time.Millisecond)
	})
}

// Without stale-if-error a read waits for AWS as long as that takes, and an expired value is not kept.
func TestStaleIfErrorOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLive(func(cfg *cache.Config) { cfg.StaleWait = staleWait })
		s.checkRead(t, secret("a"), cache.Miss, 1)
		time.Sleep(secretTTL)
		s.stock.slow(10*time.Second, nil)
		begin := time.Now()
		s.checkRead(t, secret("a"), cache.Expired, 2)
		checkTook(t, begin, 10*time.Second)
		time.Sleep(secretTTL)
		s.stock.slow(10*time.Second, errTest)
		s.checkFailure(t, secret("a"), false, cache.Expired, errTest)
		s.checkFailure(t, secret("a"), false, cache.Miss, errTest)
	})
}

// Without a wait the stale value is served at once, and the call goes on behind.
func TestStaleWaitOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLive(func(cfg *cache.Config) { cfg.StaleIfError = staleIfError })
		s.checkRead(t, secret("a"), cache.Miss, 1)
		time.Sleep(secretTTL)
		s.stock.slow(20*time.Millisecond, nil)
		begin := time.Now()
		for range 3 {
			s.checkStale(t, secret("a"), 1, "Timeout")
		}
		checkTook(t, begin, 0)
		s.settle(t)
		checkTook(t, begin, 20*time.Millisecond)
		s.checkRead(t, secret("a"), cache.Hit, 2)
		s.checkCalls(t, 2)
	})
}
