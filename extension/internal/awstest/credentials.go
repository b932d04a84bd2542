// This file plays the container credentials endpoint, and holds which keys the
// services accept.

package awstest

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Keys are a role's temporary credentials.
type Keys struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Expiration      time.Time // as the endpoint tells it; zero: in six hours
}

// Credentials is the endpoint for AWS_CONTAINER_CREDENTIALS_FULL_URI, on a
// listener of its own.
type Credentials struct {
	listener net.Listener
	server   *http.Server
	token    string

	mu       sync.Mutex
	keys     Keys
	enforced bool
	fetches  int
	denials  int
	failures int
	failure  Fault
}

func startCredentials() (*Credentials, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for fetches of credentials: %w", err)
	}
	c := &Credentials{
		listener: listener,
		token:    "container-" + newUUID(),
		keys: Keys{
			AccessKeyID:     "ASIAEXAMPLEEXAMPLE01",
			SecretAccessKey: "secret-" + newUUID(),
			SessionToken:    "session-" + newUUID(),
		},
	}
	c.server = &http.Server{Handler: c, ErrorLog: discardLog()}
	go c.server.Serve(listener) // It returns when Server.Close is called, and only then.
	return c, nil
}

func (c *Credentials) close() {
	c.listener.Close()
	c.server.Close()
}

// URL is the endpoint, as it belongs into AWS_CONTAINER_CREDENTIALS_FULL_URI.
func (c *Credentials) URL() string { return "http://" + c.listener.Addr().String() + "/credentials" }

// Token is what belongs into AWS_CONTAINER_AUTHORIZATION_TOKEN.
func (c *Credentials) Token() string { return c.token }

// Environ is the environment that makes an AWS client take its credentials from
// here, as under SnapStart.
func (c *Credentials) Environ() []string {
	return []string{
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + c.URL(),
		"AWS_CONTAINER_AUTHORIZATION_TOKEN=" + c.token,
	}
}

// Keys returns the credentials that are handed out now.
func (c *Credentials) Keys() Keys {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keys
}

// SetKeys lets the endpoint hand out others from now on.
func (c *Credentials) SetKeys(keys Keys) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = keys
}

// Enforce lets the services refuse calls that are signed with other keys than
// those of now, as UnrecognizedClientException. Before, all are accepted.
func (c *Credentials) Enforce(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.enforced = yes
}

// Fail lets the next n fetches from the endpoint fail; all, where n is negative.
func (c *Credentials) Fail(n int, fault Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures, c.failure = n, fault
}

// Fetches returns how often credentials were handed out, and how often that was
// refused for the want of the right token.
func (c *Credentials) Fetches() (served, refused int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fetches, c.denials
}

// ServeHTTP answers a fetch. The form is that of the container credential
// provider in AWS's SDKs.
func (c *Credentials) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	keys, fails, fault := c.keys, c.failures != 0, c.failure
	allowed := r.Header.Get("Authorization") == c.token && r.URL.Path == "/credentials"
	switch {
	case c.failures > 0:
		c.failures--
	case fails: // for good
	case allowed:
		c.fetches++
	default:
		c.denials++
	}
	c.mu.Unlock()

	switch {
	case fails && fault.refusal != nil:
		c.refuse(w, fault.refusal.statusCode(), fault.refusal.code, fault.refusal.message)
	case fails:
		faults := newFaults(time.Now)
		faults.fail(w, r, fault, []byte(`{"AccessKeyId":"cut"}`))
	case !allowed:
		c.refuse(w, http.StatusForbidden, "AccessDeniedException", "the authorization token is missing or wrong")
	default:
		if keys.Expiration.IsZero() {
			keys.Expiration = time.Now().Add(6 * time.Hour)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(encode(map[string]string{
			"AccessKeyId":     keys.AccessKeyID,
			"SecretAccessKey": keys.SecretAccessKey,
			"Token":           keys.SessionToken,
			"Expiration":      keys.Expiration.UTC().Format(time.RFC3339),
		}))
	}
}

func (c *Credentials) refuse(w http.ResponseWriter, status int, code, message string) {
	body, err := json.Marshal(map[string]string{"code": code, "message": message})
	if err != nil {
		panic("awstest: encoding an error of the credentials endpoint: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}

// check decides whether the services accept who signed a call.
func (c *Credentials) check(call Call) *apiError {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.enforced && (call.AccessKeyID != c.keys.AccessKeyID || call.SessionToken != c.keys.SessionToken) {
		return UnrecognizedClient().refusal
	}
	return nil
}

// discardLog keeps net/http from writing to stderr what a fault does on purpose.
func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }
