package source_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension/internal/source"
)

// A process that is frozen notices that time is over long after it was. What it sees is played here by calls that end
// that long after their deadline, on the clock of a bubble.

// frozen is a call during which the process stands still for so long beyond the call's deadline.
func frozen(beyond time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(beyond)
		return ctx.Err()
	}
}

// A read during which the process was frozen gets its time back, once: its first attempt after that is one of a new
// budget.
func TestFrozenRead(t *testing.T) {
	const budget = 2 * time.Second
	for beyond, thaws := range map[time.Duration]bool{
		0: false, time.Second: false, time.Second + 1: true, time.Minute: true, 24 * time.Hour: true,
	} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			var deadlines []time.Duration
			err := source.NewCall(1, 1, budget)(t.Context(), func(ctx context.Context) error {
				calls++
				deadline, _ := ctx.Deadline()
				deadlines = append(deadlines, time.Until(deadline))
				if calls == 1 {
					return frozen(beyond)(ctx)
				}
				return nil
			})
			if (err == nil) != thaws {
				t.Errorf("frozen for %v: %v after %d calls", beyond, err, calls)
			}
			if thaws && (calls != 2 || deadlines[1] != budget) {
				t.Errorf("frozen for %v: attempts with %v left", beyond, deadlines)
			}
		})
	}
}

// A process that is frozen time and again gives a read its time back once.
func TestFrozenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		calls := 0
		err := source.NewCall(1, 5, 2*time.Second)(t.Context(), func(ctx context.Context) error {
			calls++
			return frozen(time.Minute)(ctx)
		})
		var failed *source.Error
		if !errors.As(err, &failed) || failed.Class != source.TimedOut {
			t.Errorf("got %v", err)
		}
		if calls != 2 || time.Since(begin) > 2*time.Minute+4*time.Second {
			t.Errorf("%d calls in %v", calls, time.Since(begin))
		}
	})
}

// Once its time was given back, a read goes on as any other does: a first attempt that ends late leaves what is left of
// the budget to the next.
func TestLateAfterAThaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		err := source.NewCall(1, 5, 10*time.Second)(t.Context(), func(ctx context.Context) error {
			switch calls++; calls {
			case 1:
				return frozen(time.Minute)(ctx)
			case 2:
				return frozen(2 * time.Second)(ctx)
			}
			return nil
		})
		if err != nil || calls != 3 {
			t.Errorf("%v after %d calls", err, calls)
		}
	})
}

// After a thaw a read has all its attempts again.
func TestAttemptsAfterAThaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		err := source.NewCall(1, 3, 2*time.Second)(t.Context(), func(ctx context.Context) error {
			switch calls++; calls {
			case 1, 3, 4:
				return errBroken
			case 2:
				return frozen(time.Minute)(ctx)
			}
			return nil
		})
		if err != nil || calls != 5 {
			t.Errorf("%v after %d calls", err, calls)
		}
	})
}

// A probe's time is given back, too.
func TestFrozenProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		err := source.NewProbe(1, 5, 2*time.Second)(t.Context(), func(ctx context.Context) error {
			if calls++; calls == 1 {
				return frozen(time.Minute)(ctx)
			}
			return nil
		})
		if err != nil || calls != 2 {
			t.Errorf("%v after %d calls", err, calls)
		}
	})
}

// A connection that died while the process was frozen is noticed before the time is found to be over: the read gets
// its time back all the same.
func TestConnectionLostWhileFrozen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		err := source.NewCall(1, 5, 2*time.Second)(t.Context(), func(ctx context.Context) error {
			if calls++; calls == 1 {
				_ = frozen(time.Minute)(ctx)
				return &source.Error{Class: source.Unreachable, Code: "NoConnection"}
			}
			return nil
		})
		if err != nil || calls != 2 {
			t.Errorf("%v after %d calls", err, calls)
		}
	})
}

// Who waits for a connection that a frozen call holds is told that there was none, in time, and the connection is
// free when that call is over.
func TestWaitingForAFrozenCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call := source.NewCall(1, 1, time.Second)
		held := make(chan error)
		go func() { held <- call(t.Context(), frozen(500*time.Millisecond)) }()
		synctest.Wait()
		begin := time.Now()
		if err := call(t.Context(), func(context.Context) error { return nil }); err == nil || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		if <-held == nil {
			t.Error("the frozen call went well")
		}
		if err := call(t.Context(), func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
	})
}

// A connection that was last used so long ago that the other side may have closed it is not used again; nor is one of
// the future, which is what a clock that was put back makes of one. The clock is the wall's: the other one may have
// stood still.
func TestOldConnections(t *testing.T) {
	for idle, kept := range map[time.Duration]bool{
		0: true, 40 * time.Second: true, 46 * time.Second: false, time.Hour: false, -time.Hour: false,
	} {
		aws := mustStart(t)
		s := mustConnect(t, aws, nil)
		for _, q := range both("a") {
			mustRead(t, s, q)
		}
		aws.Counts.Reset()
		before := aws.Counts.Connections()
		s.SetUsed(time.Now().Add(-idle))
		for range 3 { // by the second one at the latest they count as used
			for _, q := range both("a") {
				mustRead(t, s, q)
			}
		}
		want := 2
		if kept {
			want = 0
		}
		if made := aws.Counts.Connections() - before; before != 2 || made != want {
			t.Errorf("after %v: %d connections were made anew, want %d", idle, made, want)
		}
	}
}

// Connections that were idle while the process was frozen in the middle of a call are not used again either, though
// that call has used another only now.
func TestOldConnectionsBesideACall(t *testing.T) {
	aws := mustStart(t)
	s := mustConnect(t, aws, nil)
	readTogether := func(meanwhile func(), queries ...source.Query) {
		t.Helper()
		release := aws.Faults.Hold("")
		defer release()
		var all sync.WaitGroup
		for _, q := range queries {
			all.Go(func() {
				if got := read(s, q); got.err != nil {
					t.Error(got.err)
				}
			})
		}
		aws.Counts.MustWaitInFlight(t, "", len(queries))
		meanwhile()
		release()
		all.Wait()
	}
	nothing := func() {}
	readTogether(nothing, secret("a"), secret("a"), secret("a"))
	if made := aws.Counts.Connections(); made != 3 {
		t.Fatalf("%d connections", made)
	}
	readTogether(func() { s.SetUsed(time.Now().Add(-time.Hour)) }, secret("a"))
	readTogether(nothing, secret("a"), secret("a"))
	if made := aws.Counts.Connections(); made != 5 {
		t.Errorf("%d connections, want two new ones", made)
	}
}
