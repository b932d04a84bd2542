package source

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const (
	defaultAttempts = 5
	firstBackoff    = 75 * time.Millisecond
	longestBackoff  = time.Second
)

// api is what differs from service to service. Errors are the SDK's, or of type *Error.
type api interface {
	// operation is AWS's name of what get calls, and batchAction is what the role needs for getMany.
	operation() string
	batchAction() string
	get(context.Context, Query) (Value, error)
	// group is what queries have in common that can be answered by one call; false for a query that cannot.
	group(Query) (group, bool)
	// most is how many queries one call answers.
	most() int
	// getMany makes one call for several queries of a group. The value of one that it does not answer stays empty.
	getMany(context.Context, []Query) ([]Value, error)
}

// upstream makes the calls of one service: so many at one time, and each read within one budget.
type upstream struct {
	api         api
	credentials *Credentials
	connections *httpClient
	queue       *queue
	budget      time.Duration
	attempts    int
	batch       batch
	used        atomic.Int64 // when the last call began, by the wall clock
}

func newUpstream(cfg Config, service Upstream, connections *httpClient, api api) *upstream {
	attempts := cfg.MaxAttempts
	if attempts == 0 {
		attempts = defaultAttempts
	}
	u := &upstream{
		api:         api,
		credentials: cfg.Credentials,
		connections: connections,
		queue:       newQueue(cfg.MaxConnections),
		budget:      service.Budget,
		attempts:    attempts,
	}
	u.batch.denied = cfg.BatchDenied
	u.batch.on.Store(cfg.Batch)
	return u
}

// reading is one read, with what its attempts so far have taught.
type reading struct {
	query   Query
	probe   bool   // the caller has another answer, and would rather have a failure soon
	alone   bool   // it is not to be read together with others
	renewed bool   // credentials were fetched anew
	thawed  bool   // the process stood still for a while, which was not counted
	told    *Error // the last failure that says more than that the time was over
}

// reason is what is told of a read that failed: of a connection that cannot be made, rather than of the time that its
// last attempt had left.
func (r *reading) reason(err *Error) *Error {
	if err.Class == TimedOut && !err.frozen && r.told != nil {
		return r.told
	}
	return err
}

// read makes attempts until one succeeds or fails for good, or the budget does not hold another. The error is that
// of the last attempt.
func (u *upstream) read(ctx context.Context, q Query, probe bool) (Value, error) {
	r := &reading{query: q, probe: probe}
	value, err := u.within(ctx, r)
	if err != nil && err.frozen {
		r.thawed = true
		value, err = u.within(ctx, r)
	}
	if err != nil {
		return Value{}, err.during(u.api.operation(), q)
	}
	return value, nil
}

// within reads within one budget.
func (u *upstream) within(ctx context.Context, r *reading) (Value, *Error) {
	deadline := time.Now().Add(u.budget)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	for attempt := 1; ; attempt++ {
		value, err := u.attempt(ctx, r, attempt)
		switch {
		case err == nil:
			return value, nil
		case err == errAlone:
			r.alone = true
			attempt--
			continue
		case err.frozen || !u.again(r, err, attempt):
			return Value{}, r.reason(err)
		case err.Class != TimedOut:
			r.told = err
		}
		wait := backoff(attempt)
		switch {
		case err.Class == Throttled && attempt == 1:
			wait = 0 // the queue has slowed down
		case err.Class == Unauthenticated:
			wait = 0 // there are new ones
		}
		if time.Until(deadline) < wait+u.budget/10 {
			return Value{}, r.reason(err) // and not "timed out" after an attempt that had no time: the reason is worth more
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return Value{}, r.reason(late(ctx, r, err))
		}
	}
}

// again says whether another attempt may go better.
func (u *upstream) again(r *reading, err *Error, attempt int) bool {
	switch {
	case attempt >= u.attempts:
		return false
	case err.Class == Unauthenticated:
		renewed := r.renewed
		r.renewed = true
		return !renewed && u.credentials.Refused(err.Asked)
	case r.probe: // a connection may have died while it was idle, which says nothing of AWS
		return attempt == 1 && err.Class == Unreachable && !err.once
	}
	return err.Transient() && !err.once
}

// attempt waits for its turn, and makes the call once, unless another read has made it in the meantime. The first gets
// half the budget, so that a connection that hangs leaves time for another.
func (u *upstream) attempt(ctx context.Context, r *reading, number int) (Value, *Error) {
	w := u.queue.wait(ctx, u.waiter(r))
	if w == nil {
		return Value{}, late(ctx, r, u.noTurn())
	}
	if w.served {
		return w.value, late(ctx, r, w.err)
	}
	defer u.queue.leave()
	if number == 1 && u.attempts > 1 && !r.probe {
		half, cancel := context.WithTimeout(ctx, u.budget/2)
		defer cancel()
		ctx = half
	}
	if len(w.company) > 0 {
		value, err := u.together(ctx, w)
		if err != errAlone {
			return value, late(ctx, r, err)
		}
		r.alone = true
	}
	value, err := u.call(ctx, func(ctx context.Context) (value Value, err error) {
		return u.api.get(ctx, r.query)
	})
	return value, late(ctx, r, err)
}

// noTurn is why a read did not get to AWS at all.
func (u *upstream) noTurn() *Error {
	if u.queue.isPaced() {
		return &Error{Class: Throttled, Code: "Throttled",
			Message: "AWS throttles, and the read's turn did not come within the time budget"}
	}
	return &Error{Class: TimedOut, Code: "Timeout", Message: "no connection was free within the time budget"}
}

// call makes one call on one connection.
func (u *upstream) call(ctx context.Context, do func(context.Context) (Value, error)) (Value, *Error) {
	u.dropOldConnections()
	begin := time.Now()
	value, err := do(ctx)
	if err == nil {
		value.Asked = begin
		return value, nil
	}
	failed := classify(ctx, err)
	failed.Asked = begin
	if failed.Class == Throttled {
		u.queue.throttled(begin)
	}
	return Value{}, failed
}

// dropOldConnections closes those that are idle for so long that the other side may have closed them, too. The timer
// that does so otherwise goes by the monotonic clock, which may stand still while the process is frozen.
// What counts is when the last call began: the process may have been frozen during it, with other connections idle.
func (u *upstream) dropOldConnections() {
	const slack = time.Second // calls at one time do not note their times in order
	now := time.Now().UnixNano()
	if idle := time.Duration(now - u.used.Swap(now)); idle > idleTimeout || idle < -slack {
		u.connections.CloseIdleConnections()
	}
}

// reset forgets what was learned of connections, as after a snapshot was restored.
func (u *upstream) reset() {
	u.connections.CloseIdleConnections()
	u.queue.reset()
}

// late marks an attempt that failed long after its deadline, however it failed: the process was frozen, and the function
// with it. The read gets its time back, once.
func late(ctx context.Context, r *reading, err *Error) *Error {
	const frozen = time.Second // more than a busy machine lets a timer wait
	if err == nil || !err.Transient() || r.thawed {
		return err
	}
	if deadline, limited := ctx.Deadline(); limited && time.Since(deadline) > frozen {
		err.frozen = true
	}
	return err
}

// backoff doubles from attempt to attempt; jitter between half and all of it keeps a fleet from retrying at once.
func backoff(attempt int) time.Duration {
	full := longestBackoff
	if doubled := attempt - 1; doubled < 4 { // after that it is longer, and some time it would overflow
		full = firstBackoff << doubled
	}
	return full/2 + rand.N(full/2)
}
