package source_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"

	"larder/extension/internal/source"
)

// limited is AWS where it lets so many calls a second through, and as many at once, on the clock of a bubble.
type limited struct {
	perSecond float64
	latency   time.Duration

	mu        sync.Mutex
	tokens    float64
	last      time.Time
	calls     int
	throttled int
}

func (l *limited) call(ctx context.Context) error {
	travel := func() error {
		select {
		case <-time.After(l.latency / 2):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := travel(); err != nil {
		return err
	}
	answer := l.answer()
	if err := travel(); err != nil {
		return err
	}
	return answer
}

func (l *limited) answer() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.tokens = min(l.perSecond, l.tokens+l.perSecond*now.Sub(l.last).Seconds())
	l.last = now
	l.calls++
	if l.tokens < 1 {
		l.throttled++
		return &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded"}
	}
	l.tokens--
	return nil
}

// crowd is what became of many reads that came at one time.
type crowd struct {
	answered int
	slowest  time.Duration
	failed   map[source.Class]int
}

func (c crowd) String() string {
	return fmt.Sprintf("%d answered, the slowest read took %v, failed by class: %v", c.answered, c.slowest, c.failed)
}

func (l *limited) crowd(t *testing.T, reads, connections int, budget time.Duration) crowd {
	t.Helper()
	l.tokens, l.last = l.perSecond, time.Now()
	call := source.NewCall(connections, 0, budget)
	c := crowd{failed: make(map[source.Class]int)}
	begin := time.Now()
	var mu sync.Mutex
	var all sync.WaitGroup
	for range reads {
		all.Go(func() {
			err := call(t.Context(), l.call)
			mu.Lock()
			defer mu.Unlock()
			c.slowest = max(c.slowest, time.Since(begin))
			var failed *source.Error
			switch {
			case err == nil:
				c.answered++
			case errors.As(err, &failed):
				c.failed[failed.Class]++
			default:
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
	return c
}

const (
	crowdReads       = 100
	crowdConnections = 3
	crowdBudget      = 2500 * time.Millisecond
)

// Where AWS lets forty calls a second through, which is Parameter Store's default, a hundred reads that come at once
// are all answered within the budget of each, and AWS is asked little more than a hundred times.
func TestCrowdAtTheDefaultLimit(t *testing.T) {
	for _, latency := range []time.Duration{time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, 70 * time.Millisecond} {
		for range 10 { // back-off is left to chance
			synctest.Test(t, func(t *testing.T) {
				l := &limited{perSecond: 40, latency: latency}
				got := l.crowd(t, crowdReads, crowdConnections, crowdBudget)
				if got.answered != crowdReads || got.slowest >= crowdBudget || l.calls > 130 {
					t.Errorf("at %v: %v, by %d calls, %d of which were throttled", latency, got, l.calls, l.throttled)
				}
			})
		}
	}
}

// Whatever the limit is, no read takes longer than its budget; of the reads that AWS lets through and the connections
// hold, nearly all are answered; and AWS is not asked much more often than it answers.
func TestCrowdAtOtherLimits(t *testing.T) {
	for _, perSecond := range []float64{5, 10, 20, 30, 60, 100, 200} {
		for _, latency := range []time.Duration{time.Millisecond, 20 * time.Millisecond, 80 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				l := &limited{perSecond: perSecond, latency: latency}
				got := l.crowd(t, crowdReads, crowdConnections, crowdBudget)
				t.Logf("%3.0f a second, %4v: %v, by %d calls, %d of which were throttled", perSecond, latency, got, l.calls, l.throttled)
				possible := min(crowdReads, int(perSecond+perSecond*crowdBudget.Seconds()), crowdConnections*int(crowdBudget/latency))
				if got.slowest > crowdBudget || got.answered < possible*8/10 || l.calls > got.answered*17/10+5 {
					t.Errorf("%v a second at %v: %v, by %d calls", perSecond, latency, got, l.calls)
				}
			})
		}
	}
}

// AWS that throttles every call is asked less and less, and every read ends in time, with a reason.
func TestCrowdWhereAllIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &limited{latency: 20 * time.Millisecond}
		got := l.crowd(t, crowdReads, crowdConnections, crowdBudget)
		t.Logf("%v, by %d calls", got, l.calls)
		if got.answered > 0 || got.slowest > crowdBudget || l.calls > 40 {
			t.Errorf("%v, by %d calls", got, l.calls)
		}
	})
}
