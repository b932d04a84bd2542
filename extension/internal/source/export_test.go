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
	cfg := Config{Credentials: NewCredentials(CredentialsConfig{}), MaxConnections: connections, MaxAttempts: attempts}
	u := newUpstream(cfg, Upstream{Budget: budget}, newHTTPClient(cfg), functions{})
	return func(ctx context.Context, call func(context.Context) error) error {
		_, err := u.read(context.WithValue(ctx, functionKey{}, call), Query{}, false)
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
