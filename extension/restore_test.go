package main

import (
	"testing"
	"time"
	"unsafe"
)

// standing returns the time t as it would be if the monotonic clock had stood still for d before it, as in a snapshot.
// Nothing in package time makes such a time, so this goes by its layout: the second field is the monotonic reading.
func standing(t time.Time, d time.Duration) time.Time {
	(*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&t)).ext -= int64(d)
	return t
}

// A jump is a difference between the clocks, forwards or back, or a long time on both. A slow machine and a clock that
// is corrected a little are none.
func TestJumped(t *testing.T) {
	from := time.Now()
	for _, row := range []struct {
		monotonic, wall time.Duration
		jumped          bool
	}{
		{0, 0, false},
		{59 * time.Second, 59 * time.Second, false},
		{61 * time.Second, 61 * time.Second, true},
		{time.Hour, time.Hour, true},
		{time.Millisecond, 900 * time.Millisecond, false},
		{time.Millisecond, 1100 * time.Millisecond, true},
		{time.Millisecond, 14 * 24 * time.Hour, true},
		{time.Millisecond, -900 * time.Millisecond, false},
		{time.Millisecond, -time.Hour, true},
		{10 * time.Second, 8 * time.Second, true},
	} {
		to := standing(from.Add(row.wall), row.wall-row.monotonic)
		if got := to.Sub(from); got != row.monotonic {
			t.Fatalf("the monotonic clock went on by %s, want %s: time.Time has another layout", got, row.monotonic)
		}
		if got := jumped(from, to); got != row.jumped {
			t.Errorf("%s by the monotonic clock and %s by the wall clock: %t", row.monotonic, row.wall, got)
		}
	}
}

// The first request after a jump drops what INIT left, once. So does the first invocation, which is the last sign:
// from then on a jump is none.
func TestRestore(t *testing.T) {
	resets := 0
	r := newRestore(func() { resets++ })
	check := func(when string, want int) {
		t.Helper()
		if resets != want {
			t.Errorf("%s: %d resets, want %d", when, resets, want)
		}
	}
	r.arrived()
	r.arrived()
	check("two requests in INIT", 0)
	r.last = standing(r.last, -time.Hour).Add(-time.Hour) // by the wall clock alone
	r.arrived()
	check("a request after a jump", 1)
	r.arrived()
	check("the request after it", 1)
	r.last = r.last.Add(-2 * time.Minute)
	r.arrived()
	check("a request after a long time", 2)
	r.invoked()
	check("the first invocation", 3)
	r.last = r.last.Add(-time.Hour)
	r.arrived()
	check("a request after a freeze", 3)
}
