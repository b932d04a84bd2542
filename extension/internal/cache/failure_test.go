package cache_test

import (
	"errors"
	"testing"

	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

var (
	definitive = []source.Class{source.Invalid, source.NotFound, source.Denied}
	transient  = []source.Class{
		source.Throttled, source.Failing, source.Unreachable, source.Unreadable, source.Unauthenticated, source.TimedOut,
	}
)

// fail lets every call fail from now on.
func (s *stock) fail(class source.Class) *source.Error {
	failure := &source.Error{Class: class, Code: "Test"}
	s.answer(func(int, source.Query) (source.Value, error) { return source.Value{}, failure })
	return failure
}

// checkFailure reads, and proves that the error is the source's own and no body comes with it.
func (s *scene) checkFailure(t *testing.T, q source.Query, refresh bool, outcome cache.Outcome, want error) {
	t.Helper()
	answer, err := s.Get(q, refresh)
	if !errors.Is(err, want) || answer.Body != nil || answer.Outcome != outcome || answer.TTL != 0 || answer.VersionID != "" {
		t.Errorf("got %+v and %v, want outcome %s and %v", answer, err, nameOf(outcome), want)
	}
	s.checkInside(t)
}

// A failure is returned as it is; where it is not to be remembered, the next read asks again.
func TestFailureIsReturned(t *testing.T) {
	for _, class := range append(definitive, transient...) {
		s := newScene(nil)
		failure := s.stock.fail(class)
		s.checkFailure(t, secret("a"), false, cache.Miss, failure)
		s.checkFailure(t, secret("a"), false, cache.Miss, failure)
		s.checkFailure(t, secret("a"), true, cache.Refreshed, failure)
		s.checkCalls(t, 3)
		s.stock.answer(numbered)
		s.checkRead(t, secret("a"), cache.Miss, 4)
	}
}

// When AWS says for certain that an expired value is not to be had any more, it is forgotten under all its keys.
func TestDefinitiveFailureForgets(t *testing.T) {
	for _, class := range definitive {
		s := newScene(nil)
		s.checkRead(t, secret("a"), cache.Miss, 1)
		s.advance(secretTTL)
		failure := s.stock.fail(class)
		s.checkFailure(t, secret("a"), false, cache.Expired, failure)
		s.checkFailure(t, secret("a"), false, cache.Miss, failure)
		s.checkFailure(t, secret(arnOf("a")), false, cache.Miss, failure)
	}
}

// Where nothing may be served stale, an expired value goes when a read finds it, whatever AWS says then.
func TestFailureAfterExpiry(t *testing.T) {
	for _, class := range transient {
		s := newScene(nil)
		s.checkRead(t, secret("a"), cache.Miss, 1)
		s.advance(secretTTL)
		failure := s.stock.fail(class)
		s.checkFailure(t, secret("a"), false, cache.Expired, failure)
		s.checkFailure(t, secret("a"), false, cache.Miss, failure)
		s.checkFailure(t, secret(arnOf("a")), false, cache.Miss, failure)
		s.checkCalls(t, 4)
	}
}

// An error that is not the source's own is returned as it is, too.
func TestUnknownFailureIsReturned(t *testing.T) {
	s := newScene(nil)
	unknown := errors.New("unknown")
	s.stock.answer(func(int, source.Query) (source.Value, error) { return source.Value{}, unknown })
	s.checkFailure(t, secret("a"), false, cache.Miss, unknown)
	s.checkFailure(t, secret("a"), true, cache.Refreshed, unknown)
}

// A refresh that fails leaves the value that is there, whatever the reason, and its TTL as it was.
func TestFailedRefreshKeeps(t *testing.T) {
	for _, class := range append(definitive, transient...) {
		s := newScene(nil)
		s.checkRead(t, secret("a"), cache.Miss, 1)
		s.advance(secretTTL / 2)
		failure := s.stock.fail(class)
		s.checkFailure(t, secret("a"), true, cache.Refreshed, failure)
		s.checkRead(t, secret("a"), cache.Hit, 1)
		s.advance(secretTTL/2 - 1)
		s.checkRead(t, secret("a"), cache.Hit, 1)
		s.advance(1)
		s.checkFailure(t, secret("a"), false, cache.Expired, failure)
	}
}

// A read that goes past the cache has the source's error, too.
func TestBypassFails(t *testing.T) {
	s := newScene(func(cfg *cache.Config) { cfg.MaxItems = 0 })
	failure := s.stock.fail(source.Denied)
	s.checkFailure(t, secret("a"), false, cache.Bypassed, failure)
}
