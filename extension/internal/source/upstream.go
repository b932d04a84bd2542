package source

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	defaultAttempts = 5
	firstBackoff    = 75 * time.Millisecond
	longestBackoff  = time.Second
)

// upstream makes the calls of one service: so many at one time, and each read within one budget.
type upstream struct {
	credentials *Credentials
	slots       chan struct{} // one for each connection; taken for an attempt, not while backing off
	budget      time.Duration
	attempts    int
}

func newUpstream(cfg Config, service Upstream) *upstream {
	attempts := cfg.MaxAttempts
	if attempts == 0 {
		attempts = defaultAttempts
	}
	return &upstream{
		credentials: cfg.Credentials,
		slots:       make(chan struct{}, cfg.MaxConnections),
		budget:      service.Budget,
		attempts:    attempts,
	}
}

// call makes the call until it succeeds, fails for good, or the budget does not hold another attempt. The
// error is that of the last attempt, classified.
func (u *upstream) call(ctx context.Context, call func(context.Context) error) *Error {
	deadline := time.Now().Add(u.budget)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	renewed := false
	for attempt := 1; ; attempt++ {
		err := u.attempt(ctx, attempt, call)
		if err == nil {
			return nil
		}
		again := err.Transient() && !err.once
		if err.Class == Unauthenticated {
			again = !renewed && u.credentials.Forget() // another attempt, with credentials that are fetched anew, once
			renewed = true
		}
		if !again || attempt >= u.attempts {
			return err
		}
		wait := backoff(attempt)
		if time.Until(deadline) < wait+u.budget/10 {
			return err // and not "timed out" after an attempt that had no time: the reason is worth more
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

// attempt makes the call once. The first gets half the budget, so that a connection that hangs leaves time for
// another.
func (u *upstream) attempt(ctx context.Context, attempt int, call func(context.Context) error) *Error {
	select {
	case u.slots <- struct{}{}:
	case <-ctx.Done():
		return &Error{Class: TimedOut, Code: "Timeout", Message: "no connection was free within the time budget"}
	}
	defer func() { <-u.slots }()
	if attempt == 1 && u.attempts > 1 {
		half, cancel := context.WithTimeout(ctx, u.budget/2)
		defer cancel()
		ctx = half
	}
	if err := call(ctx); err != nil {
		return classify(ctx, err)
	}
	return nil
}

// backoff doubles from attempt to attempt; jitter between half and all of it keeps a fleet from retrying at once.
func backoff(attempt int) time.Duration {
	full := longestBackoff
	if doubled := attempt - 1; doubled < 4 { // after that it is longer, and some time it would overflow
		full = firstBackoff << doubled
	}
	return full/2 + rand.N(full/2)
}
