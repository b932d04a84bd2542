// This file holds the same for tests, where an error ends the test. It asks for
// no more of testing.TB than it uses, so that programs that are no tests do not
// link package testing.

package lambdatest

import (
	"context"
	"time"
)

// TB is the part of testing.TB that is used here.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Patience is how long the Must functions wait: long enough for a machine that
// is busy with other things, since only a failing test waits that long.
const Patience = 15 * time.Second

// MustStart is Start, closed when the test ends.
func MustStart(tb TB, options Options) *API {
	tb.Helper()
	a, err := Start(options)
	if err != nil {
		tb.Fatalf("lambdatest: %v", err)
	}
	tb.Cleanup(a.Close)
	return a
}

// MustWaitRegistered is WaitRegistered.
func (a *API) MustWaitRegistered(tb TB) Registration {
	tb.Helper()
	return must(tb, a.WaitRegistered)
}

// MustWaitRegistration is WaitRegistration.
func (a *API) MustWaitRegistration(tb TB, n int) Registration {
	tb.Helper()
	return must(tb, func(ctx context.Context) (Registration, error) { return a.WaitRegistration(ctx, n) })
}

// MustWaitNext is WaitNext.
func (a *API) MustWaitNext(tb TB, n int) time.Time {
	tb.Helper()
	return must(tb, func(ctx context.Context) (time.Time, error) { return a.WaitNext(ctx, n) })
}

// MustWaitIdle is WaitIdle.
func (a *API) MustWaitIdle(tb TB) time.Time {
	tb.Helper()
	return must(tb, a.WaitIdle)
}

// MustWaitDelivery is WaitDelivery.
func (a *API) MustWaitDelivery(tb TB, n int) Delivery {
	tb.Helper()
	return must(tb, func(ctx context.Context) (Delivery, error) { return a.WaitDelivery(ctx, n) })
}

// MustWaitReport is WaitReport.
func (a *API) MustWaitReport(tb TB) Report {
	tb.Helper()
	return must(tb, a.WaitReport)
}

// MustWaitCalls is WaitCalls.
func (a *API) MustWaitCalls(tb TB, call Call, n int) time.Time {
	tb.Helper()
	return must(tb, func(ctx context.Context) (time.Time, error) { return a.WaitCalls(ctx, call, n) })
}

func must[T any](tb TB, wait func(context.Context) (T, error)) T {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	result, err := wait(ctx)
	if err != nil {
		tb.Fatalf("lambdatest: %v", err)
	}
	return result
}
