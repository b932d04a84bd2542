package source_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"

	"larder/extension/internal/source"
)

// at is so long after the moment at which these tests begin.
func at(since time.Duration) time.Time {
	return time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC).Add(since)
}

func checkPace(t *testing.T, p *source.Pace, since time.Duration, want float64) {
	t.Helper()
	p.Wait(at(since))
	if got := p.PerSecond(); math.Abs(got-want) > want/1e6 {
		t.Errorf("after %v: %v calls a second, want %v", since, got, want)
	}
}

// Nothing is paced before AWS has throttled a call; then the pace is a little less than Parameter Store's default.
func TestFirstThrottle(t *testing.T) {
	var p source.Pace
	for i := range 1000 {
		if wait := p.Wait(at(0)); wait > 0 {
			t.Fatalf("call %d waits %v", i, wait)
		}
		p.Took(at(0))
	}
	p.Throttled(at(0), at(time.Millisecond))
	checkPace(t, &p, time.Millisecond, 36)
	gap := time.Second / 36
	for i := range 5 {
		now := at(time.Millisecond + time.Duration(i)*gap)
		if wait := p.Wait(now); wait != gap {
			t.Errorf("call %d waits %v, want %v", i, wait, gap)
		}
		now = now.Add(gap)
		if wait := p.Wait(now); wait > 0 {
			t.Errorf("call %d waits %v after its gap", i, wait)
		}
		p.Took(now)
	}
}

// Calls that began before the pace was lowered last say nothing of it; one that began since lowers it again, down to
// five calls a second.
func TestLoweringThePace(t *testing.T) {
	var p source.Pace
	p.Throttled(at(0), at(10*time.Millisecond))
	for range 10 {
		p.Throttled(at(9*time.Millisecond), at(20*time.Millisecond))
	}
	checkPace(t, &p, 20*time.Millisecond, 36)
	want := 36.0
	for i := range 20 {
		begin := 30*time.Millisecond + time.Duration(i)*10*time.Millisecond
		p.Throttled(at(begin), at(begin+5*time.Millisecond))
		p.Throttled(at(begin), at(begin+6*time.Millisecond))
		want = max(want*0.7, 5)
		checkPace(t, &p, begin+6*time.Millisecond, want)
		if wait, gap := p.Wait(at(begin+5*time.Millisecond)), time.Duration(float64(time.Second)/want); wait != gap {
			t.Errorf("the next call waits %v, want %v", wait, gap)
		}
	}
	checkPace(t, &p, 500*time.Millisecond, 5)
}

// What counts is that the call began after the pace was lowered, not after it was raised again.
func TestLoweringAfterARise(t *testing.T) {
	var p source.Pace
	p.Throttled(at(0), at(0))
	checkPace(t, &p, time.Second, 72)
	p.Throttled(at(900*time.Millisecond), at(1100*time.Millisecond))
	checkPace(t, &p, 1100*time.Millisecond, 72*0.7)
}

// The pace doubles after every second without a throttled call, whenever that is looked at, until it is none.
func TestRaisingThePace(t *testing.T) {
	var p source.Pace
	p.Throttled(at(0), at(0))
	checkPace(t, &p, time.Second-1, 36)
	checkPace(t, &p, time.Second, 72)
	checkPace(t, &p, 2*time.Second-1, 72)
	p.Throttled(at(1500*time.Millisecond), at(2*time.Second-1))
	checkPace(t, &p, 3*time.Second-2, 72*0.7)
	checkPace(t, &p, 3*time.Second-1, 72*1.4)
	checkPace(t, &p, 5*time.Second-1, 72*5.6)
	checkPace(t, &p, 6*time.Second-1, 72*11.2)
	checkPace(t, &p, 7*time.Second-1, 0)
	if wait := p.Wait(at(14 * time.Second)); wait > 0 {
		t.Errorf("a call waits %v", wait)
	}
	p.Throttled(at(8*time.Second), at(8*time.Second)) // all begins anew
	checkPace(t, &p, 8*time.Second, 36)
	checkPace(t, &p, time.Hour, 0)
}

// In a queue that is paced, reads go at that pace though connections are free: the timer wakes each when it may go.
// After a reset all go at once.
func TestPaceOfAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := source.NewQueue(100)
		q.Wait(t.Context(), "throttled", 1)
		begin := time.Now()
		q.Throttled(begin)
		q.Leave()
		gone := make(chan time.Duration, 100)
		for range 30 {
			go func() {
				q.Wait(t.Context(), "a", 1)
				gone <- time.Since(begin)
				q.Leave()
			}()
		}
		for i := range 10 {
			if got, want := <-gone, time.Duration(i+1)*(time.Second/36); got != want {
				t.Errorf("read %d went after %v, want %v", i, got, want)
			}
		}
		synctest.Wait()
		if q.Waiting() != 20 || q.Busy() != 0 {
			t.Errorf("%d wait, %d went", q.Waiting(), q.Busy())
		}
		reset := time.Since(begin)
		q.Reset()
		for range 20 {
			if got := <-gone; got != reset {
				t.Errorf("a read went after %v, though all was reset after %v", got, reset)
			}
		}
		synctest.Wait()
		checkFree(t, q, 100)
	})
}

// A read that comes long after the last one, in a queue that is paced, goes at once.
func TestPaceAfterAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := source.NewQueue(1)
		q.Wait(t.Context(), "throttled", 1)
		q.Throttled(time.Now())
		q.Leave()
		time.Sleep(time.Second / 2)
		for i := range 3 {
			if _, took := wait(t.Context(), q, "a", 1); took != min(time.Duration(i), 1)*(time.Second/36) {
				t.Errorf("read %d waited %v", i, took)
			}
			q.Leave()
		}
	})
}

// A read whose call was throttled is tried again as soon as the pace lets it; if that is throttled, too, it waits longer.
func TestAttemptsOfAThrottledRead(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			var made attempts
			err := source.NewCall(1, 3, time.Minute)(t.Context(), func(context.Context) error {
				made.begin()
				return &smithy.GenericAPIError{Code: "ThrottlingException"}
			})
			if err == nil || len(made.begun) != 3 || made.begun[1] != time.Second/36 {
				t.Fatalf("%v, attempts at %v", err, made.begun)
			}
			if wait := made.begun[2] - made.begun[1]; wait < 75*time.Millisecond || wait > 150*time.Millisecond {
				t.Errorf("the third attempt came after %v more", wait)
			}
		})
	}
}
