package cache_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

// What is served stale for a name's own trouble, while the service can be read, is not of the next outage.
func TestStaleCountIsOfTheOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := newOutage(t, secret("a"), secret("b"))
		s.checkStale(t, secret("a"), 1, "Test")
		s.stock.answer(numbered)
		s.mustGet(t, secret("c"), false) // ends it
		for range 3 {
			s.checkStale(t, secret("a"), 1, "Test") // a's own back-off
		}
		n.told = nil
		s.stock.fail(source.Failing)
		s.checkStale(t, secret("b"), 2, "Test")
		s.stock.answer(numbered)
		s.mustGet(t, secret("d"), false)
		n.check(t, cache.Outage{Service: source.SecretsManager, Reason: "Test"}, cache.Outage{
			Service: source.SecretsManager, Over: true, Reason: "Test", Stale: 1,
		})
	})
}

// With a clock that runs, too, who comes too late for the call that brings the value makes no call of its own.
func TestLateReadsOfManyValues(t *testing.T) {
	for _, change := range []func(*cache.Config){func(*cache.Config) {}, lenient} {
		s := newScene(func(cfg *cache.Config) { change(cfg); cfg.Now = nil })
		const rounds, readers = 3000, 8
		for round := range rounds {
			q := secret(fmt.Sprint(round))
			start := make(chan struct{})
			var all sync.WaitGroup
			for range readers {
				all.Go(func() {
					<-start
					if _, err := s.Get(q, false); err != nil {
						t.Error(err)
					}
				})
			}
			close(start)
			all.Wait()
		}
		s.checkCalls(t, rounds)
	}
}

// The value that is brought between a read's look at the clock and its turn is no value of the future.
func TestValueThatComesBetween(t *testing.T) {
	var s *scene
	fetched := make(chan struct{})
	between := false
	s = newScene(func(cfg *cache.Config) {
		now := cfg.Now
		cfg.Now = func() time.Time {
			at := now()
			if between {
				between = false
				s.advance(1)
				go func() { s.Get(secret("a"), true); close(fetched) }()
				select {
				case <-fetched:
				case <-time.After(time.Second): // the clock is read with the lock held: nothing can come between
				}
			}
			return at
		}
	})
	s.checkRead(t, secret("a"), cache.Miss, 1)
	between = true
	s.mustGet(t, secret("a"), false)
	<-fetched
	s.checkCalls(t, 2)
}

// A read that comes after Clear does not join a call from before it.
func TestReadAfterClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(nil)
		g := s.gated()
		s.goGet(secret("a"), false)
		synctest.Wait()
		s.Clear()
		after := s.goGet(secret("a"), false)
		synctest.Wait()
		s.checkCalls(t, 2)
		g.open(1, nil)
		g.open(2, nil)
		if got := <-after; got.VersionID != "v2" || got.TTL == 0 {
			t.Errorf("got %+v", got)
		}
	})
}

// A read after a refresh never gets an older value than that brought, though a call from before it hangs on.
func TestOlderAfterNewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLive(lenient)
		s.stock.slow(10*time.Second, nil)
		first := s.goGet(secret("a"), false)
		synctest.Wait()
		s.stock.answer(numbered)
		s.check(t, s.mustGet(t, secret("a"), true), cache.Refreshed, 2)
		s.advance(secretTTL) // frozen for a while
		time.Sleep(10*time.Second - 100*time.Millisecond)
		s.checkRead(t, secret("a"), cache.Expired, 3)
		<-first
	})
}

// A clock that steps back between the look and the fetch leaves nothing that is said to be asked for.
func TestClockStepsBackDuringALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int64 // at the clock
		s := newScene(func(cfg *cache.Config) {
			eager(cfg)
			now := cfg.Now
			cfg.Now = func() time.Time {
				at := now()
				if looks.Add(1) == 2 { // the first is the read's, the second is the fetch's
					return at.Add(-time.Minute)
				}
				return at
			}
		})
		s.checkRead(t, secret("a"), cache.Miss, 1)
		s.advance(secretTTL)
		looks.Store(0)
		answer, _ := s.Get(secret("a"), false)
		s.check(t, answer, cache.Stale, 1)
		s.settle(t)
		s.advance(2 * time.Minute)
		s.mustGet(t, secret("a"), false)
		s.settle(t)
		s.checkCalls(t, 2)
	})
}

// A probe that joined a call of a read without a value, and whose value went to make room meanwhile, ends with that
// call: the service is tried again.
func TestProbeThatJoinsARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLive(func(cfg *cache.Config) { lenient(cfg); cfg.MaxItems = 2; cfg.StaleIfError = 48 * time.Hour })
		s.stock.slow(time.Hour, errTest)
		s.goGet(secret("a"), false)
		synctest.Wait()
		s.stock.answer(numbered)
		s.mustGet(t, secret("a"), true)
		s.mustGet(t, secret("b"), false)
		s.advance(secretTTL)
		s.stock.fail(source.Failing)
		s.checkStale(t, secret("b"), 3, "Test")
		s.advance(time.Minute)
		s.checkStale(t, secret("a"), 2, "Test")
		synctest.Wait()
		s.checkStale(t, secret("b"), 3, "Test")
		s.stock.answer(numbered)
		s.mustGet(t, parameter("p"), false) // drives a out
		s.settle(t)
		time.Sleep(time.Hour)
		s.advance(time.Minute)
		s.mustGet(t, secret("b"), false)
		s.settle(t)
		if got := s.mustGet(t, secret("b"), false); got.Outcome != cache.Hit {
			t.Errorf("got %+v", got)
		}
	})
}

// A bug that one fetch ran into is one failure and told once, however many wait.
func TestOnePanicIsOneFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &panicked{}
		s := newLive(func(cfg *cache.Config) { lenient(cfg); cfg.Panicked = p.take })
		s.checkRead(t, secret("a"), cache.Miss, 1)
		time.Sleep(secretTTL)
		s.stock.buggy(100 * time.Millisecond)
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { s.mustGet(t, secret("a"), false) })
		}
		all.Wait()
		p.check(t, 1)
		s.stock.answer(numbered)
		time.Sleep(time.Second)
		s.checkStale(t, secret("a"), 1, "InternalError")
		s.settle(t)
		s.checkRead(t, secret("a"), cache.Hit, 3)
	})
}

// No age is below zero, also if the clock steps back while a read waits.
func TestAgeAfterAStepBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLive(lenient)
		s.checkRead(t, secret("a"), cache.Miss, 1)
		time.Sleep(secretTTL)
		s.stock.slow(time.Second, nil)
		read := s.goGet(secret("a"), false)
		synctest.Wait()
		s.advance(-time.Hour)
		if got := <-read; got.Age != 0 || got.TTL != 0 || got.Outcome != cache.Stale {
			t.Errorf("got %+v", got)
		}
		s.settle(t)
	})
}

// Who comes too late for the call that fails makes no call of its own, while the failure is remembered.
func TestLateReadOfAFailure(t *testing.T) {
	s := newScene(wary)
	failure := s.stock.fail(source.NotFound)
	const rounds, readers = 3000, 8
	for round := range rounds {
		q := secret(fmt.Sprint(round))
		start := make(chan struct{})
		var all sync.WaitGroup
		for range readers {
			all.Go(func() {
				<-start
				if _, err := s.Get(q, false); err != failure {
					t.Error(err)
				}
			})
		}
		close(start)
		all.Wait()
	}
	s.checkCalls(t, rounds)
}

// A refresh that fails while a probe is under way does not let another begin.
func TestRefreshDuringAProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newOutage(t, secret("a"), secret("b"))
		s.checkStale(t, secret("a"), 1, "Test")
		time.Sleep(time.Second)
		s.stock.slow(time.Minute, errTest)
		s.checkProbe(t, secret("a"), 1, true)
		s.checkFailure(t, secret("a"), true, cache.Refreshed, s.stock.fail(source.Failing))
		time.Sleep(30 * time.Second)
		s.checkProbe(t, secret("b"), 2, false)
		s.settle(t)
	})
}

// What AWS was asked for last is what is kept, whichever fetch began first: one that had to try again may have got the
// newer value. So is a value not dropped by a failure that AWS gave before it.
func TestLastAskedIsKept(t *testing.T) {
	for _, firstBegun := range []string{"newer", "older"} {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(nil)
			s.stock.answer(func(n int, q source.Query) (source.Value, error) {
				begun := time.Now()
				kind := firstBegun
				if n == 2 {
					kind = map[string]string{"newer": "older", "older": "newer"}[firstBegun]
				}
				if kind == "newer" {
					begun = begun.Add(2 * time.Second) // after attempts that failed
				}
				time.Sleep(time.Duration(5-n) * time.Second) // the second one ends first
				return source.Value{Body: []byte(kind), VersionID: "v1", Asked: begun}, nil
			})
			first := s.goGet(secret("a"), true)
			synctest.Wait()
			time.Sleep(time.Millisecond)
			second := s.goGet(secret("a"), true)
			<-first
			<-second
			if got := s.mustGet(t, secret("a"), false); string(got.Body) != "newer" || got.Outcome != cache.Hit {
				t.Errorf("kept %q", got.Body)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := newScene(nil)
		begin := time.Now()
		s.checkRead(t, secret("a"), cache.Miss, 1)
		time.Sleep(time.Second)
		s.checkRead(t, secret("a"), cache.Hit, 1)
		s.advance(secretTTL)
		gone := &source.Error{Class: source.NotFound, Code: "Test", Asked: begin.Add(-time.Second)}
		s.stock.answer(func(n int, q source.Query) (source.Value, error) {
			if n == 2 {
				time.Sleep(time.Second)
				return source.Value{}, gone
			}
			return numbered(n, q)
		})
		read := s.goGet(secret("a"), false)
		synctest.Wait()
		s.mustGet(t, secret("a"), true)
		<-read
		s.checkRead(t, secret("a"), cache.Hit, 3)
	})
}

// A failure that comes when the value may not be served any more is remembered, as that of a name without a value.
func TestFailureAtTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLive(func(cfg *cache.Config) {
			cfg.StaleIfError, cfg.StaleWait, cfg.NegativeTTL = 10*time.Second, time.Second, time.Minute
		})
		s.checkRead(t, secret("a"), cache.Miss, 1)
		time.Sleep(secretTTL + 10*time.Second - time.Millisecond)
		failure := &source.Error{Class: source.Failing, Code: "Test"}
		s.stock.slow(500*time.Millisecond, failure)
		if _, err := s.Get(secret("a"), false); err != failure {
			t.Errorf("got %v", err)
		}
		for range 3 {
			if got, err := s.Get(secret("a"), false); err != failure || got.Outcome != cache.Negative {
				t.Errorf("got %s and %v", nameOf(got.Outcome), err)
			}
		}
		s.checkCalls(t, 2)
	})
}
