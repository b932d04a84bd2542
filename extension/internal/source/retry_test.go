package source_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/source"
)

// A read that fails with something transient is tried again, and the caller sees none of it.
func TestRetryUntilItGoes(t *testing.T) {
	for name, fault := range map[string]awstest.Fault{
		"throttled": awstest.Throttled(), "failing": awstest.InternalError(), "unavailable": awstest.Unavailable(),
		"reset": awstest.Reset(), "cut": awstest.Cut(), "garbage": awstest.Garbage(),
	} {
		for _, q := range both("a") {
			t.Run(name+" "+q.Service.String(), func(t *testing.T) {
				t.Parallel()
				aws := mustStart(t)
				aws.Faults.Next(2, fault)
				mustRead(t, mustConnect(t, aws, nil), q)
				if calls := aws.Counts.Of(""); calls != 3 {
					t.Errorf("%d calls, want 3", calls)
				}
			})
		}
	}
}

// As many attempts are made as are allowed, five if nothing is said, and the last one's reason is returned.
func TestAttempts(t *testing.T) {
	for attempts, want := range map[int]int{0: 5, 1: 1, 2: 2, 6: 6} {
		t.Run(fmt.Sprint(attempts), func(t *testing.T) {
			t.Parallel()
			aws := mustStart(t)
			aws.Faults.Next(want-1, awstest.InternalError())
			aws.Faults.All(awstest.Throttled())
			s := mustConnect(t, aws, func(cfg *source.Config) { cfg.MaxAttempts = attempts })
			got := mustFail(t, s, secret("a"))
			if got.Class != source.Throttled || got.Code != "ThrottlingException" || got.RequestID != aws.Counts.Last().RequestID {
				t.Errorf("got class %d: %v", got.Class, got)
			}
			if calls := aws.Counts.Of(""); calls != want {
				t.Errorf("%d calls, want %d", calls, want)
			}
		})
	}
}

// A connection that hangs leaves time in the budget for another attempt, which may go well.
func TestHangThenAnswer(t *testing.T) {
	aws := mustStart(t)
	aws.Faults.Next(1, awstest.Hang())
	s := mustConnect(t, aws, within(2*time.Second))
	mustRead(t, s, secret("a"))
	if calls := aws.Counts.Of(""); calls != 2 {
		t.Errorf("%d calls", calls)
	}
}

// Never are more calls under way to one service than it may have connections, and the services do not share them.
// Connections are used again.
func TestConnections(t *testing.T) {
	secrets, parameters := mustStart(t), mustStart(t)
	s := mustConnect(t, secrets, func(cfg *source.Config) {
		cfg.MaxConnections = 2
		cfg.ParameterStore.Endpoint = parameters.URL()
	})
	var all sync.WaitGroup
	const reads = 40
	var releases []func()
	for _, aws := range []*awstest.Server{secrets, parameters} {
		releases = append(releases, aws.Faults.Hold(""))
	}
	for range reads {
		for _, q := range both("a") {
			all.Go(func() {
				if _, err := s.Read(context.Background(), q); err != nil {
					t.Error(err)
				}
			})
		}
	}
	for _, aws := range []*awstest.Server{secrets, parameters} {
		aws.Counts.MustWaitInFlight(t, "", 2)
	}
	for _, release := range releases {
		release()
	}
	all.Wait()
	for _, aws := range []*awstest.Server{secrets, parameters} {
		if most := aws.Counts.MaxInFlight(""); most != 2 {
			t.Errorf("%d at one time", most)
		}
		if made := aws.Counts.Connections(); made > reads/4 {
			t.Errorf("%d connections for %d reads", made, reads)
		}
	}
}

// The tests from here on run in a bubble of testing/synctest, on its clock.

type attempts struct {
	mu    sync.Mutex
	begun []time.Duration // since the first
	first time.Time
}

func (a *attempts) begin() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.begun) == 0 {
		a.first = time.Now()
	}
	a.begun = append(a.begun, time.Since(a.first))
	return len(a.begun)
}

var errBroken = errors.New("unknown")

// The waits between attempts double, up to a second, with half of each left to chance.
func TestBackoff(t *testing.T) {
	seen := make(map[time.Duration]bool)
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			var made attempts
			call := source.NewCall(1, 7, time.Hour)
			err := call(t.Context(), func(context.Context) error {
				made.begin()
				return errBroken
			})
			if err == nil || len(made.begun) != 7 {
				t.Fatalf("%d attempts, %v", len(made.begun), err)
			}
			full := 75 * time.Millisecond
			for i := 1; i < len(made.begun); i++ {
				wait := made.begun[i] - made.begun[i-1]
				if wait < full/2 || wait > full {
					t.Errorf("wait %d is %v, want %v to %v", i, wait, full/2, full)
				}
				full = min(2*full, time.Second)
			}
			seen[made.begun[1]] = true
		})
	}
	if len(seen) < 150 {
		t.Errorf("%d different first waits of 200", len(seen))
	}
}

// No attempt is begun that the budget has no room for, and the reason of the last one is told without waiting
// for the budget's end.
func TestBudgetBoundsRetries(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			const budget = 400 * time.Millisecond
			var made attempts
			begin := time.Now()
			err := source.NewCall(1, 100, budget)(t.Context(), func(context.Context) error {
				made.begin()
				return errBroken
			})
			var failed *source.Error
			if !errors.As(err, &failed) || failed.Class != source.Unreadable {
				t.Errorf("got %v", err)
			}
			if took := time.Since(begin); took >= budget || len(made.begun) < 3 || len(made.begun) > 5 {
				t.Errorf("%d attempts in %v", len(made.begun), took)
			}
		})
	}
}

// Of calls that hang the first gets half the budget and the second the rest: then the time is over, to the
// millisecond.
func TestBudgetIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const budget = 2 * time.Second
		var made attempts
		begin := time.Now()
		err := source.NewCall(1, 5, budget)(t.Context(), func(ctx context.Context) error {
			made.begin()
			<-ctx.Done()
			return ctx.Err()
		})
		var failed *source.Error
		if !errors.As(err, &failed) || failed.Class != source.TimedOut {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begin); took != budget || len(made.begun) != 2 ||
			made.begun[1] < budget/2 || made.begun[1] > budget/2+75*time.Millisecond {
			t.Errorf("attempts at %v, the end after %v", made.begun, took)
		}
	})
}

// The only attempt gets the whole budget.
func TestBudgetOfTheOnlyAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		err := source.NewCall(1, 1, time.Second)(t.Context(), func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if took := time.Since(begin); took != time.Second || err == nil {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// Who waits for a connection waits within the budget, too, and is told what was missing. A connection is free
// for others while its holder waits to try again.
func TestWaitingForAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call := source.NewCall(1, 1, time.Second)
		go call(t.Context(), func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		})
		synctest.Wait()
		time.Sleep(time.Millisecond)
		begin := time.Now()
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		var failed *source.Error
		if err := call(short, func(context.Context) error { t.Error("called"); return nil }); !errors.As(err, &failed) ||
			failed.Class != source.TimedOut || time.Since(begin) != 100*time.Millisecond {
			t.Errorf("got %v after %v", err, time.Since(begin))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		call := source.NewCall(1, 2, time.Hour)
		done := make(chan error)
		go func() { done <- call(t.Context(), func(context.Context) error { return errBroken }) }()
		synctest.Wait() // it waits to try again
		begin := time.Now()
		if err := call(t.Context(), func(context.Context) error { return nil }); err != nil || time.Since(begin) > 0 {
			t.Errorf("got %v after %v", err, time.Since(begin))
		}
		<-done
	})
}

// A caller that goes away ends the wait for the next attempt.
func TestCancelledWhileBackingOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		begin := time.Now()
		err := source.NewCall(1, 5, time.Hour)(ctx, func(context.Context) error {
			calls++
			go cancel()
			return errBroken
		})
		if err == nil || calls != 1 || time.Since(begin) > 0 {
			t.Errorf("%v after %d calls and %v", err, calls, time.Since(begin))
		}
	})
}

// Back-off stays within its bounds however many attempts there are.
func TestManyAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made attempts
		_ = source.NewCall(1, 100, time.Hour)(t.Context(), func(context.Context) error {
			made.begin()
			return errBroken
		})
		if len(made.begun) != 100 {
			t.Fatalf("%d attempts, want 100", len(made.begun))
		}
		for i := 6; i < 100; i++ {
			if wait := made.begun[i] - made.begun[i-1]; wait < time.Second/2 || wait > time.Second {
				t.Errorf("wait %d is %v", i, wait)
			}
		}
	})
}
