package cache_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

// reply is what a read in another goroutine got.
type reply struct {
	cache.Answer
	err error
}

// goGet reads in another goroutine.
func (s *scene) goGet(q source.Query, refresh bool) <-chan reply {
	got := make(chan reply, 1)
	go func() {
		answer, err := s.Get(q, refresh)
		got <- reply{answer, err}
	}()
	return got
}

// gates lets each call wait until it is let go on, by its number. The tests below run in a bubble of
// testing/synctest, where Wait returns when every goroutine stands still: at a gate, or in a shared call.
type gates struct {
	mu    sync.Mutex
	gates map[int]chan error
}

func (s *scene) gated() *gates {
	g := &gates{gates: make(map[int]chan error)}
	s.stock.answer(func(n int, q source.Query) (source.Value, error) {
		if err := <-g.of(n); err != nil {
			return source.Value{}, err
		}
		return numbered(n, q)
	})
	return g
}

func (g *gates) of(n int) chan error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gates[n] == nil {
		g.gates[n] = make(chan error, 1)
	}
	return g.gates[n]
}

// open lets the n-th call end, with an error unless it is nil.
func (g *gates) open(n int, err error) {
	g.of(n) <- err
	synctest.Wait()
}

// Concurrent reads of one value share one call, and all get its answer; reads of another do not wait for it.
func TestConcurrentReadsShareOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(nil)
		g := s.gated()
		var replies []<-chan reply
		for range 50 {
			replies = append(replies, s.goGet(secret("a"), false))
		}
		other := s.goGet(secret("b"), false)
		synctest.Wait()
		s.checkCalls(t, 2)
		byName := 1
		if s.stock.queries()[0].Name == "b" {
			byName = 2
		}
		g.open(3-byName, nil)
		if got := <-other; got.Shared || got.Outcome != cache.Miss {
			t.Errorf("the other: %+v", got)
		}
		g.open(byName, nil)
		for _, got := range replies {
			got := <-got
			s.check(t, got.Answer, cache.Miss, byName)
			if got.err != nil || !got.Shared || got.TTL != secretTTL || string(got.Body) != fmt.Sprintf("%d a", byName) {
				t.Errorf("got %+v", got)
			}
		}
		s.checkRead(t, secret("a"), cache.Hit, byName)
	})
}

// Reads that share a call are told each for itself why they came to it.
func TestSharedCallOfTwoOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(nil)
		s.checkRead(t, secret("a"), cache.Miss, 1)
		s.advance(secretTTL)
		g := s.gated()
		first := s.goGet(secret("a"), false) // finds an old value, and drops it
		synctest.Wait()
		second := s.goGet(secret("a"), false)
		synctest.Wait()
		g.open(2, nil)
		s.check(t, (<-first).Answer, cache.Expired, 2)
		s.check(t, (<-second).Answer, cache.Miss, 2)
	})
}

// Queries that only look alike when their parts are put together do not share a call.
func TestFlightsAreToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(nil)
		g := s.gated()
		queries := []source.Query{
			{Service: source.SecretsManager, Name: "abc"},
			{Service: source.SecretsManager, Name: "ab", VersionID: "c"},
			{Service: source.SecretsManager, Name: "a", VersionID: "bc"},
			{Service: source.SecretsManager, Name: "ab", VersionStage: "c"},
			{Service: source.SecretsManager, Name: "a", VersionID: "b", VersionStage: "c"},
			{Service: source.ParameterStore, Name: "abc"},
			{Service: source.ParameterStore, Name: "ab", Selector: "c"},
			{Service: source.ParameterStore, Name: "ab", Selector: "c", WithDecryption: true},
			{Service: source.ParameterStore, Name: "a", Selector: "bc"},
			{Service: source.ParameterStore, Name: "11abc"},
		}
		for _, q := range queries {
			s.goGet(q, false)
			s.goGet(q, false)
		}
		synctest.Wait()
		s.checkCalls(t, len(queries))
		for n := range queries {
			g.open(n+1, nil)
		}
	})
}

// A failure is shared as a value is, and the next read makes a new call.
func TestConcurrentReadsShareAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(nil)
		g := s.gated()
		first, second := s.goGet(secret("a"), false), s.goGet(secret("a"), false)
		synctest.Wait()
		failure := &source.Error{Class: source.Throttled}
		g.open(1, failure)
		for _, got := range []reply{<-first, <-second} {
			if !errors.Is(got.err, failure) || got.Outcome != cache.Miss || got.Body != nil {
				t.Errorf("got %+v", got)
			}
		}
		s.stock.answer(numbered)
		s.checkRead(t, secret("a"), cache.Miss, 2)
	})
}

// Who has missed but comes too late for the call that brings the value makes no call of its own.
func TestLateReadMakesNoCall(t *testing.T) {
	s := newScene(nil)
	const rounds, readers = 3000, 4
	for round := range rounds {
		q := secret(fmt.Sprint(round % 500))
		if round%500 == 0 {
			s.Clear()
		}
		start := make(chan struct{})
		var all sync.WaitGroup
		for range readers {
			all.Go(func() {
				<-start
				answer, err := s.Get(q, false)
				if err != nil || (answer.Outcome == cache.Miss) != (answer.Upstream > 0) {
					t.Errorf("got %+v and %v", answer, err)
				}
			})
		}
		close(start)
		all.Wait()
	}
	s.checkCalls(t, rounds)
}

// A refresh makes its own call while a read's is under way, which may have begun before the change that the
// caller wants to see, and so does a second refresh. The older call that ends later does not replace the newer value.
func TestRefreshDuringARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(nil)
		g := s.gated()
		read := s.goGet(secret("a"), false)
		synctest.Wait()
		refresh := s.goGet(secret("a"), true)
		synctest.Wait()
		another := s.goGet(secret("a"), true) // comes later, and may want to see a later change
		synctest.Wait()
		s.checkCalls(t, 3)
		g.open(2, nil)
		s.check(t, (<-refresh).Answer, cache.Refreshed, 2)
		g.open(3, nil)
		s.check(t, (<-another).Answer, cache.Refreshed, 3)
		s.checkRead(t, secret("a"), cache.Hit, 3)
		g.open(1, nil)
		late := <-read
		s.check(t, late.Answer, cache.Miss, 1)
		if late.TTL != 0 {
			t.Errorf("the older value is said to be stored for %v", late.TTL)
		}
		s.checkRead(t, secret("a"), cache.Hit, 3)
		s.checkRead(t, secret(arnOf("a")), cache.Hit, 3)
	})
}

// The order of calls counts across keys, too: an older answer to the ARN does not replace a newer one to the name.
func TestOlderFetchByAnotherKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(nil)
		g := s.gated()
		older := s.goGet(secret(arnOf("a")), false)
		synctest.Wait()
		newer := s.goGet(secret("a"), false)
		synctest.Wait()
		g.open(2, nil)
		s.check(t, (<-newer).Answer, cache.Miss, 2)
		g.open(1, nil)
		s.check(t, (<-older).Answer, cache.Miss, 1)
		s.checkRead(t, secret("a"), cache.Hit, 2)
		s.checkRead(t, secret(arnOf("a")), cache.Hit, 2)
	})
}

// An older call that ends later with "there is no such secret" does not make a newer value forgotten.
func TestOlderFailureKeepsNewerValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(nil)
		g := s.gated()
		older := s.goGet(secret("a"), false)
		synctest.Wait()
		newer := s.goGet(secret("a"), true)
		synctest.Wait()
		g.open(2, nil)
		s.check(t, (<-newer).Answer, cache.Refreshed, 2)
		g.open(1, &source.Error{Class: source.NotFound})
		if got := <-older; got.err == nil {
			t.Errorf("got %+v", got)
		}
		g.of(3) <- nil
		s.checkRead(t, secret("a"), cache.Hit, 2)
	})
}

// The call goes on when whoever came first is gone; it is said how long AWS took, for a failure too.
func TestUpstreamTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(nil)
		for _, failure := range []error{nil, &source.Error{Class: source.Failing}} {
			s.stock.answer(func(n int, q source.Query) (source.Value, error) {
				time.Sleep(120 * time.Millisecond) // by the bubble's clock
				value, _ := numbered(n, q)
				return value, failure
			})
			first, second := s.goGet(secret("a"), true), s.goGet(secret("a"), true)
			for _, got := range []reply{<-first, <-second} {
				if got.Upstream != 120*time.Millisecond || !errors.Is(got.err, failure) {
					t.Errorf("got %v, %v", got.Upstream, got.err)
				}
			}
		}
	})
}

// What is under way while the cache is cleared, as after a snapshot was restored, is answered and not remembered.
func TestClearDuringAFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(nil)
		g := s.gated()
		read, refresh := s.goGet(secret("a"), false), s.goGet(secret("b"), true)
		synctest.Wait()
		s.Clear()
		g.open(1, nil)
		g.open(2, nil)
		for _, got := range []reply{<-read, <-refresh} {
			if got.err != nil || got.TTL != 0 {
				t.Errorf("got %+v", got)
			}
		}
		s.stock.answer(numbered)
		s.checkRead(t, secret("a"), cache.Miss, 3)
		s.checkRead(t, secret("b"), cache.Miss, 4)
		s.checkRead(t, secret("a"), cache.Hit, 3)
	})
}
