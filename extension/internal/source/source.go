// Package source asks AWS: one file for Secrets Manager, one for Parameter Store, both behind [Source].
//
// It holds what a read upstream needs: clients for each region, credentials, connections, the time budget with
// its retries, and the one place where AWS's errors are classified. It must not know that answers are
// remembered or recorded, nor how they reach the function.
package source

import (
	"context"
	"strings"
	"time"
)

// Service is one of the two services that are read.
type Service uint8

const (
	SecretsManager Service = iota + 1
	ParameterStore
)

// String is the service's name as in an ARN.
func (s Service) String() string {
	switch s {
	case SecretsManager:
		return "secretsmanager"
	case ParameterStore:
		return "ssm"
	}
	return ""
}

// Query says what is read. It is comparable, and two queries that are equal have one answer.
type Query struct {
	Service Service
	// Name is the name or ARN as AWS takes it, decoded.
	Name string
	// VersionID and VersionStage choose a secret's version; both empty for AWSCURRENT.
	VersionID    string
	VersionStage string
	// Selector is a parameter's version or label, without colon; empty for the newest, or if Name ends in one.
	Selector string
	// WithDecryption asks for the plain text of a SecureString.
	WithDecryption bool
}

// Clone copies the strings, for a query that was made of borrowed memory.
func (q Query) Clone() Query {
	q.Name = strings.Clone(q.Name)
	q.VersionID = strings.Clone(q.VersionID)
	q.VersionStage = strings.Clone(q.VersionStage)
	q.Selector = strings.Clone(q.Selector)
	return q
}

// Value is what AWS answered.
type Value struct {
	// Body is the JSON document for the function. Nobody changes it.
	Body []byte
	// ARN is the secret's full ARN; empty for a parameter, whose name is already unique.
	ARN string
	// VersionID is the secret's version or the parameter's version number.
	VersionID string
	// Asked is when the attempt began that AWS answered with it: of two values the one asked for later is newer.
	Asked time.Time
}

// Source reads one value. Its errors are of type *Error, and it returns within its own time budget even if ctx
// has no deadline.
type Source interface {
	Read(ctx context.Context, q Query) (Value, error)
	// Probe is Read for a caller that has another answer: it makes one attempt, and a second only if the
	// connection broke.
	Probe(ctx context.Context, q Query) (Value, error)
}

// Services reads each query from its own service.
type Services struct {
	secretsManager *upstream
	parameterStore *upstream
	credentials    *Credentials
}

// New prepares both services. It opens no connection: clients are made when the first read needs them.
func New(cfg Config) *Services {
	return &Services{
		secretsManager: newSecretsManager(cfg),
		parameterStore: newParameterStore(cfg),
		credentials:    cfg.Credentials,
	}
}

// Read implements Source.
func (s *Services) Read(ctx context.Context, q Query) (Value, error) {
	return s.of(q).read(ctx, q, false)
}

// Probe implements Source.
func (s *Services) Probe(ctx context.Context, q Query) (Value, error) {
	return s.of(q).read(ctx, q, true)
}

func (s *Services) of(q Query) *upstream {
	if q.Service == SecretsManager {
		return s.secretsManager
	}
	return s.parameterStore
}

// Reset drops idle connections and remembered credentials, as after a snapshot was restored: the first are dead
// by then, and the second may be.
func (s *Services) Reset() {
	s.secretsManager.reset()
	s.parameterStore.reset()
	s.credentials.Forget()
}
