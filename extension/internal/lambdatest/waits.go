// This file holds the record of what came in, and the waits for more of it.

package lambdatest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// CallRecord is one call of the extension, refused and failed ones included.
type CallRecord struct {
	Call Call
	At   time.Time // when it came in, with Go's monotonic reading
}

// Calls returns all calls so far, in the order in which they came in.
func (a *API) Calls() []CallRecord {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

// Registrations returns the accepted registrations: one a process.
func (a *API) Registrations() []Registration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.registrations)
}

// Deliveries returns the events that were handed to the extension.
func (a *API) Deliveries() []Delivery {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.deliveries)
}

// Reports returns what was reported on init/error and exit/error.
func (a *API) Reports() []Report {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.reports)
}

// WaitRegistered waits for the first accepted registration.
func (a *API) WaitRegistered(ctx context.Context) (Registration, error) {
	return a.WaitRegistration(ctx, 1)
}

// WaitRegistration waits for the n-th accepted registration, counted from 1.
// After Restart, that of the new process is one more than before.
func (a *API) WaitRegistration(ctx context.Context, n int) (Registration, error) {
	var registration Registration
	err := a.wait(ctx, fmt.Sprintf("registration %d", n), func() bool {
		if len(a.registrations) < n {
			return false
		}
		registration = a.registrations[n-1]
		return true
	})
	return registration, err
}

// WaitNext waits for the n-th accepted next, counted from 1 and on across a
// Restart, and returns when it came in. The first one ends INIT; the one after
// an INVOKE says that the extension is done with it. A next that was answered
// since then counts too.
func (a *API) WaitNext(ctx context.Context, n int) (time.Time, error) {
	var at time.Time
	err := a.wait(ctx, fmt.Sprintf("next %d", n), func() bool {
		if len(a.nexts) < n {
			return false
		}
		at = a.nexts[n-1]
		return true
	})
	return at, err
}

// WaitIdle waits until the extension waits in a next with no event left for it:
// where Lambda freezes the environment. It returns when that next came in.
func (a *API) WaitIdle(ctx context.Context) (time.Time, error) {
	var at time.Time
	err := a.wait(ctx, "an idle extension", func() bool {
		if a.current == nil || !a.current.waiting || len(a.pending) > 0 {
			return false
		}
		at = a.nexts[len(a.nexts)-1]
		return true
	})
	return at, err
}

// WaitDelivery waits until the n-th event was handed to the extension, counted
// from 1. Its SentAt is where the extension's time for it begins.
func (a *API) WaitDelivery(ctx context.Context, n int) (Delivery, error) {
	var delivery Delivery
	err := a.wait(ctx, fmt.Sprintf("delivery %d", n), func() bool {
		if len(a.deliveries) < n {
			return false
		}
		delivery = a.deliveries[n-1]
		return true
	})
	return delivery, err
}

// WaitReport waits for the first report on init/error or exit/error.
func (a *API) WaitReport(ctx context.Context) (Report, error) {
	var report Report
	err := a.wait(ctx, "a report of an error", func() bool {
		if len(a.reports) == 0 {
			return false
		}
		report = a.reports[0]
		return true
	})
	return report, err
}

// WaitCalls waits until n calls of this kind came in, refused and failed ones
// included, and returns when the n-th did.
func (a *API) WaitCalls(ctx context.Context, call Call, n int) (time.Time, error) {
	var at time.Time
	err := a.wait(ctx, fmt.Sprintf("call %d of %s", n, call), func() bool {
		seen := 0
		for _, record := range a.calls {
			if record.Call != call {
				continue
			}
			if seen++; seen == n {
				at = record.At
				return true
			}
		}
		return false
	})
	return at, err
}

// wait returns nil once holds, which is called under the lock, says true. Its
// error tells what has come in instead.
func (a *API) wait(ctx context.Context, what string, holds func() bool) error {
	for {
		a.mu.Lock()
		held, changed := holds(), a.changed
		seen := make([]string, len(a.calls))
		for i, record := range a.calls {
			seen[i] = string(record.Call)
		}
		a.mu.Unlock()
		if held {
			return nil
		}
		select {
		case <-changed:
		case <-a.done:
			return fmt.Errorf("waiting for %s: the fake was closed (calls so far: %s)", what, strings.Join(seen, ", "))
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w (calls so far: %s)", what, ctx.Err(), strings.Join(seen, ", "))
		}
	}
}

// notify wakes all who wait. The caller holds the lock.
func (a *API) notify() {
	close(a.changed)
	a.changed = make(chan struct{})
}

// recorded notes a call before it is handled, and lets it fail where Fail said
// so.
func (a *API) recorded(call Call, handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// The body is read first: net/http notices a caller that goes away only
		// when nothing of the request is left to read.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))

		a.mu.Lock()
		a.calls = append(a.calls, CallRecord{call, time.Now()})
		fault := a.takeFault(call)
		a.notify()
		a.mu.Unlock()
		if fault != nil {
			a.fail(w, r, *fault)
			return
		}
		handle(w, r)
	}
}
