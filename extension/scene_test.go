package main_test

import (
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/lambdatest"
)

// canary stands in every value, token and credential of these tests, so that one search finds any of them where
// it must not be.
const canary = "CANARY"

// patience is how long anything is waited for: only a failing test waits that long.
const patience = 15 * time.Second

// What most tests read.
const (
	secretName    = "prod/db-credentials"
	secretValue   = `{"password":"CANARY-secret"}`
	secretTarget  = "/secretsmanager/get?secretId=prod/db-credentials"
	parameterName = "/prod/config/api-url"
	parameterText = "https://CANARY.example"
	// parameterTarget ends in the query, so that tests can append to it.
	parameterTarget = "/systemsmanager/parameters/get?name=/prod/config/api-url"
)

// scene is what one extension, or several in turn, run in.
type scene struct {
	t      *testing.T
	lambda *lambdatest.API
	aws    *awstest.Server
	port   int
	token  string // what a function sends
}

// newScene plays an on-demand function, and an account that holds one secret and one parameter.
func newScene(t *testing.T) *scene {
	t.Helper()
	return newSceneOf(t, lambdatest.Options{}, awstest.Options{})
}

func newSceneOf(t *testing.T, lambda lambdatest.Options, aws awstest.Options) *scene {
	t.Helper()
	s := &scene{
		t:      t,
		lambda: lambdatest.MustStart(t, lambda),
		aws:    awstest.MustStart(t, aws),
		port:   mustFreePort(t),
		token:  canary + "-session-token",
	}
	s.aws.Credentials.SetKeys(awstest.Keys{
		AccessKeyID:     "ASIA" + canary + "0001",
		SecretAccessKey: canary + "-secret-access-key",
		SessionToken:    s.token,
	})
	s.aws.Secrets.PutString(secretName, secretValue)
	s.aws.Parameters.PutString(parameterName, parameterText)
	return s
}

// environ is what Lambda gives an extension, with the fakes in the place of Lambda and AWS. It logs all there is.
func (s *scene) environ() []string {
	return append(s.aws.Environ(),
		"AWS_LAMBDA_RUNTIME_API="+s.lambda.Address(),
		"AWS_LAMBDA_FUNCTION_NAME=function",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+strconv.Itoa(s.port),
		"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=debug",
		"GORACE=atexit_sleep_ms=0", // else the race detector makes every end take a second longer
	)
}

// loopback lists the hosts that the extension listens on: a machine without IPv6 has but one.
func loopback(t *testing.T) []string {
	t.Helper()
	listener, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return []string{"127.0.0.1"}
	}
	listener.Close()
	return []string{"127.0.0.1", "::1"}
}

// givenPorts are the ports that a test was given, and may not have bound yet.
var givenPorts sync.Map

// mustFreePort finds a port that is free on all hosts, and that no other test was given.
func mustFreePort(t *testing.T) int {
	t.Helper()
	for {
		port, err := lambdatest.FreePort(0)
		if err != nil {
			t.Fatal(err)
		}
		if _, given := givenPorts.LoadOrStore(port, true); !given {
			return port
		}
	}
}

// beside is a scene for another process, of a test or of a part of it, that reads from the same account.
func (s *scene) beside(t *testing.T) *scene {
	t.Helper()
	other := *s
	other.t = t
	other.lambda = lambdatest.MustStart(t, lambdatest.Options{})
	other.port = mustFreePort(t)
	return &other
}

// together runs the rows of a test at one time, however few tests may be run so: they wait for clocks, and not for a
// processor.
func together[T any](t *testing.T, rows map[string]T, test func(*testing.T, T)) {
	t.Helper()
	var all sync.WaitGroup
	defer all.Wait()
	for name, row := range rows {
		all.Go(func() {
			t.Run(name, func(t *testing.T) { test(t, row) })
		})
	}
}

// mustWait polls until holds says yes.
func mustWait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain for %s", patience, what)
		}
		<-tick.C
	}
}
