package source

import (
	"context"
	"time"
)

// Region is where a query is read, or why nowhere.
func (q Query) Region(own string) (string, error) {
	region, err := q.region(own)
	if err != nil {
		return "", err
	}
	return region, nil
}

// NewClients keeps the clients that connect makes; the function that it returns finds the one for a query.
func NewClients(own string, connect func(region string) *int) func(Query) (*int, error) {
	clients := regional[*int]{own: own, connect: connect}
	return func(q Query) (*int, error) {
		client, err := clients.in(q)
		if err != nil {
			return nil, err
		}
		return client, nil
	}
}

// NewCall is the retry loop of one service by itself, for tests whose clock is that of a bubble.
func NewCall(connections, attempts int, budget time.Duration) func(context.Context, func(context.Context) error) error {
	return newCall(connections, attempts, budget, false)
}

// NewProbe is the same for a caller that has another answer.
func NewProbe(connections, attempts int, budget time.Duration) func(context.Context, func(context.Context) error) error {
	return newCall(connections, attempts, budget, true)
}

func newCall(connections, attempts int, budget time.Duration, probe bool) func(context.Context, func(context.Context) error) error {
	cfg := Config{Credentials: NewCredentials(CredentialsConfig{}), MaxConnections: connections, MaxAttempts: attempts}
	u := newUpstream(cfg, Upstream{Budget: budget}, newHTTPClient(cfg, time.Second), functions{})
	return func(ctx context.Context, call func(context.Context) error) error {
		_, err := u.read(context.WithValue(ctx, functionKey{}, call), Query{}, probe)
		return err
	}
}

// functions is a service of which each call is a function in its context.
type functions struct{}

type functionKey struct{}

func (functions) get(ctx context.Context, _ Query) (Value, error) {
	return Value{}, ctx.Value(functionKey{}).(func(context.Context) error)(ctx)
}

func (functions) getMany(context.Context, []Query) ([]Value, error) { return nil, nil }
func (functions) group(Query) (group, bool)                         { return group{}, false }
func (functions) most() int                                         { return 1 }
func (functions) operation() string                                 { return "Call" }
func (functions) batchAction() string                               { return "service:Calls" }

// Waiting is how many reads of a service stand in its queue, and Busy how many hold one of its connections.
func (s *Services) Waiting(service Service) int { return s.queue(service).Waiting() }
func (s *Services) Busy(service Service) int    { return s.queue(service).Busy() }

func (s *Services) queue(service Service) *Queue { return &Queue{s.of(Query{Service: service}).queue} }

// SetUsed pretends that the connections of both services were last used at that time.
func (s *Services) SetUsed(at time.Time) {
	s.secretsManager.used.Store(at.UnixNano())
	s.parameterStore.used.Store(at.UnixNano())
}

// Queue is the queue of a service by itself.
type Queue struct{ queue *queue }

// NewQueue is in front of so many connections.
func NewQueue(connections int) *Queue { return &Queue{newQueue(connections)} }

// Turn is what a read that has waited got: a connection of its own, with company, or another's answer.
type Turn struct {
	Served  bool
	Value   Value
	Err     *Error
	Company []string

	waiter *waiter
}

// Wait stands in the queue for a read by that name, which can go together with most-1 others; nil if ctx was done
// before.
func (q *Queue) Wait(ctx context.Context, name string, most int) *Turn {
	w := q.queue.wait(ctx, &waiter{query: Query{Service: ParameterStore, Name: name}, most: most})
	if w == nil {
		return nil
	}
	turn := &Turn{Served: w.served, Value: w.value, Err: w.err, waiter: w}
	for _, other := range w.company {
		turn.Company = append(turn.Company, other.query.Name)
	}
	return turn
}

// Serve hands one of the company its answer.
func (t *Turn) Serve(i int, value Value, err *Error) { t.waiter.company[i].serve(value, err) }

func (q *Queue) Leave()                    { q.queue.leave() }
func (q *Queue) Throttled(begin time.Time) { q.queue.throttled(begin) }
func (q *Queue) Reset()                    { q.queue.reset() }

func (q *Queue) Waiting() int {
	q.queue.mu.Lock()
	defer q.queue.mu.Unlock()
	return len(q.queue.waiting)
}

func (q *Queue) Busy() int {
	q.queue.mu.Lock()
	defer q.queue.mu.Unlock()
	return q.queue.busy
}

// Pace is the pace of a queue by itself.
type Pace struct{ pace pace }

func (p *Pace) Wait(now time.Time) time.Duration { return p.pace.wait(now) }
func (p *Pace) Took(now time.Time)               { p.pace.took(now) }
func (p *Pace) Throttled(begin, now time.Time)   { p.pace.throttled(begin, now) }
func (p *Pace) PerSecond() float64               { return p.pace.perSecond }

// SplitSelector takes the version or label off a parameter's name.
func SplitSelector(name string) (bare, selector string) { return splitSelector(name) }
