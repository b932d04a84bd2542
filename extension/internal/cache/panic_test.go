package cache_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

// panicked counts what the cache tells of bugs.
type panicked struct {
	mu      sync.Mutex
	reasons []any
}

func (p *panicked) take(reason any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reasons = append(p.reasons, reason)
}

// check proves that the bug was told, by its own words.
func (p *panicked) check(t *testing.T, times int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.reasons) != times {
		t.Errorf("told %d times, want %d", len(p.reasons), times)
	}
	for _, reason := range p.reasons {
		if err, is := reason.(error); is && !strings.Contains(err.Error(), "a bug") {
			t.Errorf("told %q", err)
		}
	}
	p.reasons = nil
}

// buggy lets every call panic after so long.
func (s *stock) buggy(latency time.Duration) {
	s.answer(func(int, source.Query) (source.Value, error) {
		time.Sleep(latency)
		panic("a bug")
	})
}

// A bug that a fetch in place of a stale value runs into ends neither the process nor the reads that wait for it: they
// get the stale value, and the service counts as one that cannot be read until it is tried again.
func TestPanicWithinTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &panicked{}
		s := newLive(func(cfg *cache.Config) { lenient(cfg); wary(cfg); cfg.Panicked = p.take })
		s.checkRead(t, secret("a"), cache.Miss, 1)
		s.checkRead(t, secret("b"), cache.Miss, 2)
		time.Sleep(secretTTL)
		s.stock.buggy(100 * time.Millisecond)
		begin := time.Now()
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { s.checkStale(t, secret("a"), 1, "InternalError") })
		}
		all.Wait()
		checkTook(t, begin, 100*time.Millisecond)
		s.settle(t)
		p.check(t, 1)
		s.checkCalls(t, 3)
		s.checkStale(t, secret("b"), 2, "InternalError")
		s.settle(t)
		s.checkCalls(t, 3)
		s.stock.answer(numbered)
		time.Sleep(time.Minute)
		s.checkStale(t, secret("a"), 1, "InternalError")
		s.settle(t)
		s.checkRead(t, secret("a"), cache.Hit, 4)
		s.checkRead(t, secret("b"), cache.Expired, 5)
	})
}

// The same behind a read that has its answer already.
func TestPanicBehind(t *testing.T) {
	for _, change := range []func(*cache.Config){lenient, eager} {
		for _, told := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				p := &panicked{}
				s := newLive(func(cfg *cache.Config) {
					if change(cfg); told {
						cfg.Panicked = p.take
					}
				})
				s.checkRead(t, secret("a"), cache.Miss, 1)
				time.Sleep(secretTTL)
				s.stock.buggy(time.Second)
				s.mustGet(t, secret("a"), false)
				s.settle(t)
				if told {
					p.check(t, 1)
				}
				s.checkStale(t, secret("a"), 1, "InternalError")
				s.stock.answer(numbered)
				time.Sleep(time.Second)
				s.checkStale(t, secret("a"), 1, "InternalError")
				s.settle(t)
				s.checkRead(t, secret("a"), cache.Hit, 3)
			})
		}
	}
}

// If there is nothing to serve any more, the read gets an error that is no source's, and that is not remembered.
func TestPanicWithNothingToServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLive(func(cfg *cache.Config) { lenient(cfg); wary(cfg) })
		s.checkRead(t, secret("a"), cache.Miss, 1)
		time.Sleep(secretTTL + staleIfError - 1)
		s.stock.buggy(time.Second)
		answer, err := s.Get(secret("a"), false)
		if err == nil || errors.As(err, new(*source.Error)) || answer.Outcome != cache.Expired || answer.Body != nil {
			t.Errorf("got %+v and %v", answer, err)
		}
		s.settle(t)
		s.stock.answer(numbered)
		s.checkRead(t, secret("a"), cache.Miss, 3)
	})
	synctest.Test(t, func(t *testing.T) {
		s := newLive(func(cfg *cache.Config) { lenient(cfg); wary(cfg); cfg.MaxItems = 1 })
		s.checkRead(t, secret("a"), cache.Miss, 1)
		time.Sleep(secretTTL)
		s.stock.buggy(time.Second)
		s.checkStale(t, secret("a"), 1, "Timeout")
		s.stock.answer(numbered)
		s.checkRead(t, secret("b"), cache.Miss, 3)
		s.settle(t)
		s.checkRead(t, secret("a"), cache.Miss, 4)
	})
}

// A bug in a call that a read makes itself is that read's, and that of all who share it; it is told once for each call,
// and the next read asks again.
func TestPanicInARead(t *testing.T) {
	for refresh, calls := range map[bool]int{false: 1, true: 3} {
		synctest.Test(t, func(t *testing.T) {
			p := &panicked{}
			s := newScene(func(cfg *cache.Config) { wary(cfg); cfg.Panicked = p.take })
			s.stock.buggy(time.Second)
			for range 3 {
				go func() {
					answer, err := s.Get(secret("a"), refresh)
					if err == nil || errors.As(err, new(*source.Error)) || answer.Body != nil {
						t.Errorf("got %+v and %v", answer, err)
					}
				}()
			}
			time.Sleep(time.Second)
			synctest.Wait()
			s.settle(t)
			p.check(t, calls)
			s.stock.answer(numbered)
			s.mustGet(t, secret("a"), refresh)
		})
	}
}

// A bug from before the cache was cleared is told and not held against the service.
func TestPanicAfterClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, p := &news{}, &panicked{}
		s := newLive(func(cfg *cache.Config) { lenient(cfg); cfg.Outage, cfg.Panicked = n.take, p.take })
		s.checkRead(t, secret("a"), cache.Miss, 1)
		time.Sleep(secretTTL)
		s.stock.buggy(time.Second)
		s.checkStale(t, secret("a"), 1, "Timeout")
		s.Clear()
		s.settle(t)
		p.check(t, 1)
		n.check(t)
	})
}
