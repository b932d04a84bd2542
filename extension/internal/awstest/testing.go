// This file holds the same for tests, where an error ends the test. It asks for
// no more of testing.TB than it uses, so that programs that are no tests do not
// link package testing.

package awstest

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
func MustStart(tb TB, options Options) *Server {
	tb.Helper()
	s, err := Start(options)
	if err != nil {
		tb.Fatalf("awstest: %v", err)
	}
	tb.Cleanup(s.Close)
	return s
}

// MustStartDeaf is StartDeaf, closed when the test ends.
func MustStartDeaf(tb TB) *Silence {
	tb.Helper()
	return mustSilence(tb, StartDeaf)
}

// MustStartMute is StartMute, closed when the test ends.
func MustStartMute(tb TB) *Silence {
	tb.Helper()
	return mustSilence(tb, StartMute)
}

func mustSilence(tb TB, start func() (*Silence, error)) *Silence {
	tb.Helper()
	s, err := start()
	if err != nil {
		tb.Fatalf("awstest: %v", err)
	}
	tb.Cleanup(s.Close)
	return s
}

// MustWaitCalls is WaitCalls.
func (c *Counts) MustWaitCalls(tb TB, operation Operation, n int) {
	tb.Helper()
	must(tb, func(ctx context.Context) error { return c.WaitCalls(ctx, operation, n) })
}

// MustWaitInFlight is WaitInFlight.
func (c *Counts) MustWaitInFlight(tb TB, service Service, n int) {
	tb.Helper()
	must(tb, func(ctx context.Context) error { return c.WaitInFlight(ctx, service, n) })
}

// MustWaitOpen is WaitOpen.
func (c *Counts) MustWaitOpen(tb TB, n int) {
	tb.Helper()
	must(tb, func(ctx context.Context) error { return c.WaitOpen(ctx, n) })
}

// MustWaitQuiet is WaitQuiet.
func (c *Counts) MustWaitQuiet(tb TB) {
	tb.Helper()
	must(tb, c.WaitQuiet)
}

func must(tb TB, wait func(context.Context) error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := wait(ctx); err != nil {
		tb.Fatalf("awstest: %v", err)
	}
}
