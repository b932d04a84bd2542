package cache_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

// news is what the cache tells of outages.
type news struct {
	mu   sync.Mutex
	told []cache.Outage
}

// newOutage is a scene whose source fails, with values of all the queries that are past their TTL.
func newOutage(t *testing.T, queries ...source.Query) (*scene, *news) {
	t.Helper()
	n := &news{}
	s := newLive(func(cfg *cache.Config) { lenient(cfg); cfg.Outage = n.take })
	for i, q := range queries {
		s.checkRead(t, q, cache.Miss, i+1)
	}
	time.Sleep(secretTTL)
	s.stock.fail(source.Failing)
	return s, n
}

func (n *news) take(o cache.Outage) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told = append(n.told, o)
}

// check compares what was told since the last time.
func (n *news) check(t *testing.T, want ...cache.Outage) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Equal(n.told, want) {
		t.Errorf("told %+v, want %+v", n.told, want)
	}
	n.told = nil
}

// checkProbe reads a value that is past its TTL during an outage, and proves whether that asks AWS, behind the answer.
func (s *scene) checkProbe(t *testing.T, q source.Query, call int, asks bool) {
	t.Helper()
	before, begin := s.stock.calls(), time.Now()
	s.checkStale(t, q, call, "Test")
	checkTook(t, begin, 0)
	synctest.Wait()
	if asked := s.stock.calls() - before; asked != map[bool]int{true: 1}[asks] {
		t.Errorf("%v: %d calls, want one: %t", time.Now(), asked, asks)
	}
	s.checkInside(t)
}

// An outage is told once when it begins and once when it ends, with how many reads got a stale value meanwhile and how
// long it went on. The other service has its own.
func TestOutageIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := newOutage(t, secret("a"), secret("b"), parameter("a"))
		s.checkStale(t, secret("a"), 1, "Test")
		n.check(t, cache.Outage{Service: source.SecretsManager, Reason: "Test"})
		time.Sleep(500 * time.Millisecond)
		s.checkStale(t, parameter("a"), 3, "Test")
		n.check(t, cache.Outage{Service: source.ParameterStore, Reason: "Test"})
		s.stock.answer(func(int, source.Query) (source.Value, error) {
			return source.Value{}, &source.Error{Class: source.Throttled, Code: "Other"}
		})
		time.Sleep(time.Minute)
		s.checkStale(t, secret("b"), 2, "Test")
		s.settle(t)
		s.checkStale(t, secret("b"), 2, "Other")
		s.checkStale(t, secret("a"), 1, "Test")
		n.check(t)
		s.stock.answer(numbered)
		time.Sleep(time.Minute)
		s.checkStale(t, secret("a"), 1, "Test")
		s.settle(t)
		n.check(t, cache.Outage{
			Service: source.SecretsManager, Over: true, Reason: "Test", Stale: 5, Lasted: 2*time.Minute + 500*time.Millisecond,
		})
		s.checkRead(t, secret("a"), cache.Hit, 7)
		s.checkRead(t, parameter("b"), cache.Miss, 8)
		n.check(t, cache.Outage{
			Service: source.ParameterStore, Over: true, Reason: "Test", Stale: 1, Lasted: 2 * time.Minute,
		})
		s.checkRead(t, secret("b"), cache.Expired, 9)
		n.check(t)
	})
}

// Once a service is known to fail, no read waits for it, and one at a time tries it again behind; the other service
// is tried on its own.
func TestOneProbeAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := newOutage(t, secret("a"), secret("b"), secret("c"), parameter("a"), parameter("b"))
		s.checkStale(t, secret("a"), 1, "Test")
		s.checkStale(t, parameter("a"), 4, "Test")
		n.told = nil
		s.stock.slow(10*time.Second, errTest)
		time.Sleep(30 * time.Second)
		for _, service := range [][]source.Query{
			{secret("b"), secret("c"), secret("a")}, {parameter("b"), parameter("a")},
		} {
			s.checkProbe(t, service[0], slices.Index(s.stock.queries(), service[0])+1, true)
			for _, q := range service[1:] {
				s.checkProbe(t, q, slices.Index(s.stock.queries(), q)+1, false)
			}
		}
		if got := s.checkStale(t, secret("b"), 2, "Test"); got.Upstream != 0 {
			t.Errorf("AWS took %v", got.Upstream)
		}
		s.checkCalls(t, 9)
		time.Sleep(10*time.Second + 2*time.Second - 1) // the second failure's back-off begins when the probe ends
		s.checkProbe(t, secret("c"), 3, false)
		time.Sleep(time.Nanosecond)
		s.checkProbe(t, secret("c"), 3, true)
		s.checkProbe(t, secret("a"), 1, false)
		s.settle(t)
		n.check(t)
	})
}

// A probe whose value goes to make room is over when its call is, and is a failure of the service all the same.
func TestProbeOfADroppedValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &news{}
		s := newLive(func(cfg *cache.Config) { lenient(cfg); cfg.MaxItems, cfg.Outage = 2, n.take })
		s.checkRead(t, secret("b"), cache.Miss, 1)
		s.checkRead(t, secret("a"), cache.Miss, 2)
		time.Sleep(secretTTL)
		s.stock.slow(10*time.Second, errTest)
		s.checkStale(t, secret("a"), 2, "Timeout")
		s.checkStale(t, secret("b"), 1, "Timeout")
		s.stock.answer(numbered)
		s.checkRead(t, parameter("a"), cache.Miss, 4)
		s.settle(t)
		n.check(t, cache.Outage{Service: source.SecretsManager, Reason: "Test"})
		time.Sleep(time.Second - 1)
		s.checkProbe(t, secret("b"), 1, false)
		time.Sleep(time.Nanosecond)
		s.checkProbe(t, secret("b"), 1, true)
		s.checkRead(t, secret("b"), cache.Hit, 5)
	})
}

// The time between probes doubles from 2 s to 30 s, with up to half of it taken off, and begins anew after a success.
// That of one name does the same, beside.
func TestBackoff(t *testing.T) {
	full := []time.Duration{2, 4, 8, 16, 30, 30, 30}
	for _, jitter := range []float64{0, 0.5, 0.9999999999} {
		for _, single := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var names []source.Query
				for i := range 30 {
					names = append(names, secret(fmt.Sprint(i)))
				}
				s, _ := newOutage(t, names...)
				s.setJitter(jitter)
				next := 0
				for range 2 {
					s.checkStale(t, names[next], next+1, "Test")
					for _, full := range full {
						if !single {
							next++
						}
						full *= time.Second
						wait := full/2 + time.Duration(jitter*float64(full/2))
						time.Sleep(wait - 1)
						s.checkProbe(t, names[next], next+1, false)
						time.Sleep(time.Nanosecond)
						s.checkProbe(t, names[next], next+1, true)
					}
					time.Sleep(30 * time.Second)
					s.stock.answer(numbered)
					s.checkProbe(t, names[next], next+1, true)
					s.stock.fail(source.Failing)
					next++
				}
			})
		}
	}
}

// Reads that fail at the same time are one failure of the service, however many they are.
func TestFailuresAtOneTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var names []source.Query
		for i := range 11 {
			names = append(names, secret(fmt.Sprint(i)))
		}
		s, n := newOutage(t, names...)
		g := s.gated()
		var replies []<-chan reply
		for _, name := range names[:10] {
			replies = append(replies, s.goGet(name, false))
		}
		synctest.Wait()
		s.checkCalls(t, 21)
		for i := range replies {
			g.open(12+i, errTest)
			if got := <-replies[slices.Index(names, s.stock.queries()[11+i])]; got.Outcome != cache.Stale || got.Reason != "Test" {
				t.Errorf("got %+v", got)
			}
		}
		n.check(t, cache.Outage{Service: source.SecretsManager, Reason: "Test"})
		s.stock.fail(source.Failing)
		time.Sleep(time.Second - 1)
		s.checkProbe(t, names[10], 11, false)
		time.Sleep(time.Nanosecond)
		s.checkProbe(t, names[10], 11, true)
		time.Sleep(2*time.Second - 1) // that was the second failure
		s.checkProbe(t, names[0], 1, false)
		time.Sleep(time.Nanosecond)
		s.checkProbe(t, names[0], 1, true)
	})
}

// A name that fails by itself is not asked for more often because others can be read.
func TestOneNameFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := newOutage(t, secret("a"), secret("b"))
		s.checkStale(t, secret("a"), 1, "Test")
		for _, wait := range []time.Duration{1, 2} {
			time.Sleep(wait * time.Second)
			s.checkProbe(t, secret("a"), 1, true)
		}
		s.stock.answer(numbered)
		s.mustGet(t, secret("c"), false)
		n.check(t, cache.Outage{Service: source.SecretsManager, Reason: "Test"}, cache.Outage{
			Service: source.SecretsManager, Over: true, Reason: "Test", Stale: 3, Lasted: 3 * time.Second,
		})
		s.checkRead(t, secret("b"), cache.Expired, 7)
		time.Sleep(4*time.Second - 1)
		s.checkProbe(t, secret("a"), 1, false)
		time.Sleep(time.Nanosecond)
		s.checkRead(t, secret("a"), cache.Expired, 8)
		n.check(t)
	})
}

// A service that says for certain that a value is not to be had is a service that can be read.
func TestDefinitiveFailureEndsAnOutage(t *testing.T) {
	for _, class := range definitive {
		synctest.Test(t, func(t *testing.T) {
			s, n := newOutage(t, secret("a"), secret("b"))
			s.checkStale(t, secret("a"), 1, "Test")
			failure := s.stock.fail(class)
			time.Sleep(time.Second)
			s.checkStale(t, secret("b"), 2, "Test")
			s.settle(t)
			n.check(t, cache.Outage{Service: source.SecretsManager, Reason: "Test"}, cache.Outage{
				Service: source.SecretsManager, Over: true, Reason: "Test", Stale: 2, Lasted: time.Second,
			})
			s.checkFailure(t, secret("b"), false, cache.Miss, failure)
			s.checkFailure(t, secret("a"), false, cache.Expired, failure)
		})
	}
}

// While a call takes too long, others do not wait for the service either. That is no outage yet: if the call
// succeeds, nothing is told. If it fails, the reads since then are counted.
func TestSlowServiceIsSuspected(t *testing.T) {
	for _, failure := range []error{nil, errTest} {
		synctest.Test(t, func(t *testing.T) {
			s, n := newOutage(t, secret("a"), secret("b"), parameter("a"))
			s.stock.slow(time.Second, failure)
			s.checkStale(t, secret("a"), 1, "Timeout")
			begin := time.Now()
			s.checkStale(t, secret("b"), 2, "Timeout")
			checkTook(t, begin, 0)
			s.checkCalls(t, 4)
			s.checkStale(t, parameter("a"), 3, "Timeout")
			checkTook(t, begin, staleWait)
			s.settle(t)
			s.stock.answer(numbered)
			if failure == nil {
				n.check(t)
				s.checkRead(t, secret("b"), cache.Expired, 6)
				return
			}
			n.check(t, cache.Outage{Service: source.SecretsManager, Reason: "Test"},
				cache.Outage{Service: source.ParameterStore, Reason: "Test"})
			s.checkRead(t, secret("c"), cache.Miss, 6)
			n.check(t, cache.Outage{
				Service: source.SecretsManager, Over: true, Reason: "Test", Stale: 2, Lasted: time.Second,
			})
		})
	}
}

// A call that hangs changes nothing of an outage that another has begun meanwhile.
func TestFailureWhileAnotherHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := newOutage(t, secret("a"), secret("b"))
		s.stock.slow(10*time.Second, nil)
		hanging := s.goGet(secret("a"), false)
		time.Sleep(100 * time.Millisecond)
		s.stock.slow(100*time.Millisecond, errTest)
		s.checkStale(t, secret("b"), 2, "Test")
		got := <-hanging
		s.check(t, got.Answer, cache.Stale, 1)
		s.checkStale(t, secret("b"), 2, "Test")
		s.settle(t)
		n.check(t, cache.Outage{Service: source.SecretsManager, Reason: "Test"}, cache.Outage{
			Service: source.SecretsManager, Over: true, Reason: "Test", Stale: 3, Lasted: 9800 * time.Millisecond,
		})
	})
}

// A name without a value says nothing of the service: its failure is its own, it is asked for though the service is
// known to fail, and that puts no probe off.
func TestFailureWithoutAValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := newOutage(t, secret("a"), secret("c"))
		s.checkFailure(t, secret("b"), false, cache.Miss, s.stock.fail(source.Failing))
		s.checkFailure(t, secret("a"), true, cache.Refreshed, s.stock.fail(source.Failing))
		n.check(t)
		s.checkStale(t, secret("a"), 1, "Test")
		n.check(t, cache.Outage{Service: source.SecretsManager, Reason: "Test"})
		time.Sleep(time.Second - 1)
		failure := s.stock.fail(source.Failing)
		s.checkFailure(t, secret("b"), false, cache.Miss, failure)
		s.checkFailure(t, secret("a"), true, cache.Refreshed, failure)
		time.Sleep(time.Nanosecond)
		s.stock.slow(time.Minute, errTest)
		s.checkProbe(t, secret("a"), 1, true)
		failure = s.stock.fail(source.Failing)
		s.checkFailure(t, secret("b"), false, cache.Miss, failure)
		s.checkProbe(t, secret("c"), 2, false) // while the probe goes on
		s.settle(t)
		n.check(t)
	})
}

// When AWS is back after a long outage, every name that is read comes fresh within the longest back-off.
func TestRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var names []source.Query
		for i := range 20 {
			names = append(names, secret(fmt.Sprint(i)))
		}
		s, _ := newOutage(t, names...)
		s.setJitter(0.9999999999)
		readAll := func() (fresh int) {
			for _, name := range names {
				if s.mustGet(t, name, false).Outcome != cache.Stale {
					fresh++
				}
			}
			synctest.Wait()
			return fresh
		}
		for range 10 * 60 {
			readAll()
			time.Sleep(time.Second)
		}
		if calls := s.stock.calls() - len(names); calls < 20 || calls > 26 { // 600 s, one each 30 s
			t.Errorf("%d calls during the outage", calls)
		}
		s.stock.answer(numbered)
		begin := time.Now()
		for readAll() < len(names) {
			time.Sleep(time.Second)
		}
		if took := time.Since(begin); took > 31*time.Second {
			t.Errorf("all are fresh after %v", took)
		}
	})
}
