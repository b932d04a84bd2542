// Package config turns the environment into settings: one pure function, [Parse], reads AWS's nine variables,
// the SDK's standard ones and Larder's own.
//
// It knows names, defaults and ranges. It must not know what a setting is used for: it opens no file and no
// connection, it logs nothing, and no other room imports it; package main hands each room its part.
package config

import (
	"log/slog"
	"time"
)

// LevelNone is the log level "none": above every level that is logged.
const LevelNone = slog.Level(100)

// DefaultBudget is the time that one upstream read may take in all, retries included, when
// SECRETS_MANAGER_TIMEOUT_MILLIS or SSM_PARAMETER_STORE_TIMEOUT_MILLIS is 0. A function with Lambda's default
// time limit of 3 s still gets an answer within it.
const DefaultBudget = 2500 * time.Millisecond

// Config holds every setting.
type Config struct {
	// Port is the TCP port on the two loopback addresses, 1 to 65535.
	Port int
	// LogLevel is the least level of Larder's own log lines; LevelNone for none at all. The access record
	// does not depend on it.
	LogLevel slog.Level
	// Token is what callers have to send. It is empty if TokenFile is set, or if there is none at all.
	Token string
	// TokenFile is the absolute path of the file that holds the token; empty if the token is no file's.
	TokenFile string
	// MaxConnections bounds the connections to AWS, for each of the two services; at least 1.
	MaxConnections int
	// MaxInFlight bounds the requests that are being answered at one time; at least 1.
	MaxInFlight int
	// Batch lets reads that wait for a connection go together in one call.
	Batch bool

	Access         Access
	Cache          Cache
	SecretsManager Service
	ParameterStore Service
	AWS            AWS
	Lambda         Lambda
}

// Access says what is written down of reads, and where.
type Access struct {
	// Detail is all, summary or none.
	Detail string
	// Stdout and CloudWatch are the sinks; at least one is true.
	Stdout     bool
	CloudWatch bool
	// LogGroup is the log group of the sink CloudWatch; not empty if that is true.
	LogGroup string
	// Endpoint replaces CloudWatch Logs' own; empty for the region's.
	Endpoint string
	// Metrics writes metrics to standard output.
	Metrics bool
}

// Cache bounds what is remembered.
type Cache struct {
	// Enabled false sends every read to AWS.
	Enabled bool
	// MaxItems counts secrets and parameters together; 0 remembers nothing.
	MaxItems int
	// MaxBytes bounds bodies, keys and their overhead; 0 remembers nothing.
	MaxBytes int64
	// StaleIfError is how long past its TTL a value is served while AWS cannot be read; 0 for not at all (RFC 5861).
	StaleIfError time.Duration
	// StaleWait is how long a read waits for AWS while it holds a value for that case; 0 for not at all.
	StaleWait time.Duration
	// StaleWhileRevalidate is how long past its TTL a value is served at once and fetched behind; 0 for not at all.
	StaleWhileRevalidate time.Duration
	// NegativeTTL is how long a failure is remembered; 0 for not at all.
	NegativeTTL time.Duration
}

// Service is one of the two services that are read.
type Service struct {
	// TTL is how long a value is served from memory; 0 sends every read to AWS.
	TTL time.Duration
	// Budget bounds one upstream read, all its attempts together; never 0.
	Budget time.Duration
	// Endpoint replaces AWS's own; empty for the region's.
	Endpoint string
}

// AWS is what the SDK's standard variables say.
type AWS struct {
	// Region is where names are read that are not ARNs; empty if no variable tells.
	Region string

	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string

	// ContainerURI is the endpoint that hands out credentials under SnapStart and in containers; empty for none.
	ContainerURI string
	// ContainerToken is sent to ContainerURI as Authorization; a ContainerTokenFile goes before it.
	ContainerToken     string
	ContainerTokenFile string

	UseFIPS      bool
	UseDualStack bool
	// MaxAttempts bounds the attempts of one read; 0 leaves it to Larder.
	MaxAttempts int
	// CABundle is the path of a PEM file of trusted authorities; empty for the system's.
	CABundle string
}

// Lambda is what Lambda tells an extension about where it runs.
type Lambda struct {
	// RuntimeAPI is the host and port of the Extensions API; empty outside Lambda.
	RuntimeAPI         string
	FunctionName       string
	FunctionVersion    string
	InitializationType string
}
