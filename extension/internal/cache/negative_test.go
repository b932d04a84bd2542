package cache_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

const negativeTTL = 2 * time.Second

// wary lets failures be remembered.
func wary(cfg *cache.Config) { cfg.NegativeTTL = negativeTTL }

// A failure is remembered for its time exactly, whatever its class, and begins no longer by being read. Then AWS is
// asked again.
func TestFailureIsRemembered(t *testing.T) {
	failures := []error{errors.New("unknown")}
	for _, class := range append(definitive, transient...) {
		failures = append(failures, &source.Error{Class: class, Code: "Test"})
	}
	for _, failure := range failures {
		s := newScene(wary)
		s.stock.answer(func(int, source.Query) (source.Value, error) { return source.Value{}, failure })
		for _, q := range []source.Query{secret("a"), parameter("a")} {
			s.checkFailure(t, q, false, cache.Miss, failure)
			s.checkFailure(t, q, false, cache.Negative, failure)
			s.advance(negativeTTL - 1)
			s.checkFailure(t, q, false, cache.Negative, failure)
			s.advance(1)
			s.checkFailure(t, q, false, cache.Miss, failure)
			s.checkFailure(t, q, false, cache.Negative, failure)
		}
		s.checkCalls(t, 4)
		s.stock.answer(numbered)
		s.advance(negativeTTL)
		s.checkRead(t, secret("a"), cache.Miss, 5)
		s.checkRead(t, secret("a"), cache.Hit, 5)
	}
}

// AWS did not take any time for a failure from memory, and nobody shared it.
func TestRememberedFailureIsAnsweredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(wary)
		s.stock.slow(time.Second, errTest)
		first, second := s.goGet(secret("a"), false), s.goGet(secret("a"), false)
		if a, b := <-first, <-second; a.Upstream != time.Second || b.Upstream != time.Second {
			t.Errorf("got %+v and %+v", a, b)
		}
		s.checkCalls(t, 1)
		begin := time.Now()
		if got, err := s.Get(secret("a"), false); err != errTest || got.Upstream != 0 || got.Shared {
			t.Errorf("got %+v and %v", got, err)
		}
		checkTook(t, begin, 0)
	})
}

// Without a time nothing of the kind is remembered.
func TestFailureIsNotRemembered(t *testing.T) {
	for _, ttl := range []time.Duration{0, -1} {
		s := newScene(func(cfg *cache.Config) { cfg.NegativeTTL = ttl })
		failure := s.stock.fail(source.NotFound)
		for range 3 {
			s.checkFailure(t, secret("a"), false, cache.Miss, failure)
		}
		s.checkCalls(t, 3)
	}
}

// A refresh goes past a failure that is remembered, and what it brings is what the next read gets: a value, or
// another failure.
func TestRefreshGoesPastAFailure(t *testing.T) {
	s := newScene(wary)
	former := s.stock.fail(source.NotFound)
	s.checkFailure(t, secret("a"), false, cache.Miss, former)
	s.advance(negativeTTL - 1)
	latter := s.stock.fail(source.Denied)
	s.checkFailure(t, secret("a"), true, cache.Refreshed, latter)
	s.advance(negativeTTL - 1)
	s.checkFailure(t, secret("a"), false, cache.Negative, latter)
	s.stock.answer(numbered)
	s.check(t, s.mustGet(t, secret("a"), true), cache.Refreshed, 3)
	s.checkRead(t, secret("a"), cache.Hit, 3)
}

// A value drops the failure, and that does not come back when the value goes to make room.
func TestValueDropsAFailure(t *testing.T) {
	s := newScene(func(cfg *cache.Config) { wary(cfg); cfg.MaxItems = 1 })
	failure := s.stock.fail(source.NotFound)
	s.checkFailure(t, secret("a"), false, cache.Miss, failure)
	s.stock.answer(numbered)
	s.mustGet(t, secret("a"), true)
	s.mustGet(t, secret("b"), false)
	s.checkRead(t, secret("a"), cache.Miss, 4)
}

// A refresh that fails beside a value is remembered by nobody: the value goes on, and when it is gone, AWS is asked.
func TestFailedRefreshIsNotRemembered(t *testing.T) {
	for _, class := range append(definitive, transient...) {
		s := newScene(func(cfg *cache.Config) { wary(cfg); cfg.MaxItems = 1 })
		s.checkRead(t, secret("a"), cache.Miss, 1)
		s.checkFailure(t, secret("a"), true, cache.Refreshed, s.stock.fail(class))
		s.checkRead(t, secret("a"), cache.Hit, 1)
		s.stock.answer(numbered)
		s.checkRead(t, secret("b"), cache.Miss, 3)
		s.checkRead(t, secret("a"), cache.Miss, 4)
	}
}

// The value that a failure drives out leaves that failure behind; under its other key AWS is asked.
func TestDefinitiveFailureIsRemembered(t *testing.T) {
	for _, class := range definitive {
		s := newScene(func(cfg *cache.Config) { lenient(cfg); wary(cfg) })
		s.checkRead(t, secret("a"), cache.Miss, 1)
		s.advance(secretTTL)
		failure := s.stock.fail(class)
		s.checkFailure(t, secret("a"), false, cache.Expired, failure)
		s.checkFailure(t, secret("a"), false, cache.Negative, failure)
		s.checkFailure(t, secret(arnOf("a")), false, cache.Miss, failure)
		s.advance(negativeTTL)
		s.stock.answer(numbered)
		s.checkRead(t, secret("a"), cache.Miss, 4)
	}
}

// What is remembered of failures is bounded, the least recently asked for goes first, and no value makes room for it.
func TestFailuresAreBounded(t *testing.T) {
	s := newScene(func(cfg *cache.Config) { wary(cfg); cfg.MaxItems = 2 })
	s.checkRead(t, secret("a"), cache.Miss, 1)
	s.checkRead(t, secret("b"), cache.Miss, 2)
	failure := s.stock.fail(source.NotFound)
	const most = 256
	missing := func(i int) source.Query { return secret(fmt.Sprint(i)) }
	for i := range most {
		s.checkFailure(t, missing(i), false, cache.Miss, failure)
	}
	for i := range most {
		s.checkFailure(t, missing(i), false, cache.Negative, failure)
	}
	s.checkFailure(t, missing(most), false, cache.Miss, failure)
	s.checkFailure(t, missing(1), false, cache.Negative, failure)
	s.checkFailure(t, missing(0), false, cache.Miss, failure)
	s.checkRead(t, secret("a"), cache.Hit, 1)
	s.checkRead(t, secret("b"), cache.Hit, 2)
}

// A query that was made of borrowed memory leaves nothing of that in what is remembered.
func TestBorrowedQueryFails(t *testing.T) {
	s := newScene(wary)
	borrowed := []byte("aaaa")
	failure := s.stock.fail(source.NotFound)
	s.checkFailure(t, borrow(borrowed), false, cache.Miss, failure)
	copy(borrowed, "bbbb")
	s.checkFailure(t, borrow(borrowed), true, cache.Refreshed, failure)
	copy(borrowed, "cccc")
	for _, name := range []string{"aaaa", "bbbb"} {
		s.checkFailure(t, secret(name), false, cache.Negative, failure)
	}
	s.checkFailure(t, secret("cccc"), false, cache.Miss, failure)
}
