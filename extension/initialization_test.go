package main_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"larder/extension/internal/awstest"
	"larder/extension/internal/lambdatest"
)

// Where no snapshot is taken, what is read during INIT is remembered.
func TestInitIsCachedWithoutSnapshot(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"on-demand", "provisioned-concurrency", "lambda-managed-instances", "of-tomorrow", ""} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			p := s.start("AWS_LAMBDA_INITIALIZATION_TYPE=" + kind)
			checkCache(t, p.mustRead(secretTarget), "fwd=miss; stored")
			checkCache(t, p.mustRead(secretTarget), "hit")
		})
	}
}

// Under SnapStart the memory at the end of INIT is kept for days: reads are served, and nothing of them is
// remembered before the first INVOKE. From then on it is.
func TestSnapStart(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start("AWS_LAMBDA_INITIALIZATION_TYPE=snap-start")
	for range 2 {
		checkCache(t, p.mustRead(secretTarget), "fwd=bypass")
		checkCache(t, p.mustRead(parameterTarget), "fwd=bypass")
	}
	checkCache(t, p.mustRead(secretTarget+"&refreshNow=true"), "fwd=bypass")
	s.lambda.Invoke("")
	s.lambda.MustWaitNext(t, 2)
	for _, target := range []string{secretTarget, parameterTarget} {
		checkCache(t, p.mustRead(target), "fwd=miss; stored")
		checkCache(t, p.mustRead(target), "hit")
	}
	s.lambda.Invoke("") // a second one forgets nothing
	s.lambda.MustWaitNext(t, 3)
	checkCache(t, p.mustRead(secretTarget), "hit")
}

// Under SnapStart a connection and credentials of INIT are days old at the first INVOKE: neither is used again.
func TestSnapStartForgetsWhatInitLeft(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start(s.containerCredentials("AWS_LAMBDA_INITIALIZATION_TYPE=snap-start")...)
	p.mustAskWith(s.aws.Credentials.Token(), secretTarget)
	connections := s.aws.Counts.Connections()
	fetches, _ := s.aws.Credentials.Fetches()
	s.lambda.Invoke("")
	s.lambda.MustWaitNext(t, 2)
	p.mustAskWith(s.aws.Credentials.Token(), secretTarget)
	if now := s.aws.Counts.Connections(); now != connections+1 {
		t.Errorf("%d connections after the restore, %d before", now, connections)
	}
	if now, _ := s.aws.Credentials.Fetches(); now != fetches+1 {
		t.Errorf("credentials were fetched %d times, want %d", now, fetches+1)
	}
}

// On Managed Instances invocations overlap, and Lambda tells of none.
func TestManagedInstances(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]string{
		"by the initialization type": "AWS_LAMBDA_INITIALIZATION_TYPE=lambda-managed-instances",
		"by the refusal of INVOKE":   "AWS_LAMBDA_INITIALIZATION_TYPE=",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSceneOf(t, lambdatest.Options{ManagedInstances: true}, awstest.Options{})
			p := s.start(settings)
			if got := s.lambda.Registrations()[0].Events; !slices.Equal(got, []string{"SHUTDOWN"}) {
				t.Errorf("registered for %q", got)
			}
			attempts := 0
			for _, call := range s.lambda.Calls() {
				if call.Call == lambdatest.Register {
					attempts++
				}
			}
			if want := 1 + strings.Count(name, "refusal"); attempts != want {
				t.Errorf("register was called %d times, want %d", attempts, want)
			}
			p.mustRead(secretTarget)
			p.mustRecords(1) // it is written without any event
			s.lambda.Shutdown("spindown", 0)
			checkEndsInTime(t, p)
		})
	}
}

// containerCredentials is the environment under SnapStart: no session token, and an endpoint for credentials.
func (s *scene) containerCredentials(settings ...string) []string {
	settings = append(settings, "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_SESSION_TOKEN=")
	return append(settings, s.aws.Credentials.Environ()...)
}

// mustAskWith reads with a token of the caller's.
func (p *process) mustAskWith(token, target string) answer {
	p.t.Helper()
	a := p.mustAsk(request{target: target, token: token})
	if a.status != http.StatusOK {
		p.t.Fatalf("GET %s: status %d: %s", target, a.status, a.body)
	}
	return a
}

// A function under SnapStart may send either the one token that stands in its environment or the session token
// that its SDK was given; calls are signed with what the endpoint hands out.
func TestContainerCredentials(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Credentials.Enforce(true)
	p := s.start(s.containerCredentials()...)
	p.mustAskWith(s.aws.Credentials.Token(), secretTarget)
	p.mustAskWith(s.token, secretTarget)
	if key := s.aws.Counts.Last().AccessKeyID; key != s.aws.Credentials.Keys().AccessKeyID {
		t.Errorf("the call was signed by %q", key)
	}
	checkError(t, p.mustAsk(request{target: secretTarget, token: "another"}), http.StatusForbidden, "InvalidToken")
}
