package source

import (
	"context"
	"crypto/subtle"
	"time"
)

// lookAgain is how long credentials count as the newest there are, when somebody shows another session token.
const lookAgain = time.Second

// IsSessionToken says that a token is the session token of the credentials that calls are signed with, or of those
// before them. Under SnapStart it is the only token that a function may know, and the function fetches credentials by
// itself, a while before or after. So for a token that is not known credentials are fetched anew, once a second at most.
func (c *Credentials) IsSessionToken(ctx context.Context, token []byte) bool {
	if c.isKnown(ctx, token) {
		return true
	}
	return c.mayLookAgain() && c.isKnown(ctx, token)
}

func (c *Credentials) isKnown(ctx context.Context, token []byte) bool {
	current, err := c.Retrieve(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && current.SessionToken != c.session {
		c.session, c.former = current.SessionToken, c.session
	}
	return isSame(token, c.session) || isSame(token, c.former)
}

// isSame compares in constant time. An empty token is none.
func isSame(token []byte, known string) bool {
	return known != "" && subtle.ConstantTimeCompare(token, []byte(known)) == 1
}

// mayLookAgain gives up the credentials that were fetched, unless that was just done.
func (c *Credentials) mayLookAgain() bool {
	if c.container == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.looked) < lookAgain {
		return false
	}
	c.looked = now
	c.container.Invalidate()
	return true
}
