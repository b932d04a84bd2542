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
	u := newUpstream(Config{
		Credentials: NewCredentials(CredentialsConfig{}), MaxConnections: connections, MaxAttempts: attempts,
	}, Upstream{Budget: budget})
	return func(ctx context.Context, call func(context.Context) error) error {
		if err := u.call(ctx, call); err != nil {
			return err
		}
		return nil
	}
}
