package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"larder/extension/internal/awstest"
)

// startSnapStart starts an extension under SnapStart, whose callers send the one token that stands in the environment.
func (s *scene) startSnapStart(settings ...string) *process {
	s.t.Helper()
	s.token = s.aws.Credentials.Token()
	return s.start(append(s.containerCredentials(settings...), "AWS_LAMBDA_INITIALIZATION_TYPE=snap-start")...)
}

// mustRestore tells the extension of the first invocation, which is how it hears of the restore.
func (p *process) mustRestore() {
	p.t.Helper()
	p.scene.lambda.Invoke("")
	p.scene.lambda.MustWaitNext(p.t, 2)
}

// newKeys lets the endpoint hand out others, valid for so long; 0 for hours.
func (s *scene) newKeys(number int, valid time.Duration) awstest.Keys {
	keys := awstest.Keys{
		AccessKeyID:     fmt.Sprintf("ASIA%s%04d", canary, number),
		SecretAccessKey: canary + "-secret-access-key",
		SessionToken:    fmt.Sprintf("%s-session-token-%d", canary, number),
	}
	if valid > 0 {
		keys.Expiration = time.Now().Add(valid)
	}
	s.aws.Credentials.SetKeys(keys)
	return keys
}

// After a restore the calls go at full speed, whatever AWS said of them in INIT, over connections of their own, and
// signed with credentials that are fetched now.
func TestSnapStartBeginsAnew(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.startSnapStart("AWS_MAX_ATTEMPTS=1")
	p.mustRead(secretTarget)
	p.mustRead(parameterTarget)
	s.aws.Faults.All(awstest.Throttled())
	for range 9 { // by which the pace falls to two calls a second
		checkError(t, p.get(parameterTarget), http.StatusServiceUnavailable, "ThrottlingException")
	}
	s.aws.Faults.Clear()
	connections := s.aws.Counts.Connections()
	fetches, _ := s.aws.Credentials.Fetches()
	keys := s.newKeys(2, 0)
	s.aws.Credentials.Enforce(true)

	p.mustRestore()
	begin := time.Now()
	for n := range 10 {
		name := fmt.Sprintf("/config/%d", n)
		s.aws.Parameters.PutString(name, canary)
		checkCache(t, p.mustRead("/systemsmanager/parameters/get?name="+name), "fwd=miss; stored")
	}
	if took := time.Since(begin); took > 2*time.Second { // at two calls a second, more than 3 s
		t.Errorf("ten reads took %s", took)
	}
	p.mustRead(secretTarget)
	if n := s.aws.Counts.Connections() - connections; n != 2 {
		t.Errorf("%d connections were made for two services", n)
	}
	if now, _ := s.aws.Credentials.Fetches(); now != fetches+1 {
		t.Errorf("credentials were fetched %d times, want once", now-fetches)
	}
	p.mustAskWith(keys.SessionToken, secretTarget) // as a function sends it whose SDK has fetched them, too
}

// Credentials that expire are renewed, before that or when AWS refuses them, without a read that fails. The function
// may send its environment's token or that of the credentials.
func TestSnapStartCredentialsAreRenewed(t *testing.T) {
	t.Parallel()
	for name, valid := range map[string]time.Duration{"by their date": time.Second, "as AWS refuses them": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.newKeys(0, valid)
			s.aws.Credentials.Enforce(true)
			p := s.startSnapStart("SECRETS_MANAGER_TTL=0", "SSM_PARAMETER_STORE_TTL=0")
			p.mustRestore()
			const clients, reads, renewals = 4, 400, 2 // far apart: a read may be refused once, and has to wait before it tries again
			var begun atomic.Int64
			var all sync.WaitGroup
			for range clients {
				all.Go(func() {
					for n := begun.Add(1); n <= reads; n = begun.Add(1) {
						if n%(reads/renewals) == 0 {
							s.newKeys(int(n), valid)
						}
						target := secretTarget
						if n%2 == 0 {
							target = parameterTarget
						}
						a, err := p.try(request{target: target})
						if err != nil || a.status != http.StatusOK || !strings.Contains(a.body, canary) {
							t.Errorf("read %d: status %d: %s %v", n, a.status, a.body, err)
						}
					}
				})
			}
			all.Wait()
			if fetches, _ := s.aws.Credentials.Fetches(); fetches < renewals {
				t.Errorf("credentials were fetched %d times for %d renewals", fetches, renewals)
			}
			p.mustAskWith(s.aws.Credentials.Keys().SessionToken, secretTarget)
		})
	}
}

// The token for the endpoint may be a file's, whose content is another one after a while: each fetch reads it.
func TestContainerTokenIsRenewed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	file := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(canary + "-of-yesterday")
	s.token = canary + "-token"
	p := s.start(s.containerCredentials("LARDER_TOKEN="+s.token, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="+file)...)
	checkError(t, p.get(secretTarget), http.StatusServiceUnavailable, "NoCredentials")
	write(s.aws.Credentials.Token())
	p.mustRead(parameterTarget)
	if served, refused := s.aws.Credentials.Fetches(); served != 1 || refused == 0 {
		t.Errorf("%d fetches were served and %d refused", served, refused)
	}
}

// Clones of a snapshot do not go on with one row of request ids: after the restore they begin with another word.
func TestRequestIDsAfterARestore(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start("AWS_LAMBDA_INITIALIZATION_TYPE=snap-start")
	word := func() string {
		id := p.mustAsk(request{target: secretTarget}).header.Get("X-Larder-Request-Id")
		return id[:strings.LastIndexByte(id, '-')]
	}
	before := word()
	if again := word(); again != before {
		t.Errorf("one process calls itself %s and %s", before, again)
	}
	s.lambda.Invoke("")
	s.lambda.MustWaitNext(t, 2)
	tooLong := "X-Junk: " + strings.Repeat("x", 20<<10)
	answer := p.mustAsk(request{target: "/", headers: []string{tooLong}}) // what is no request belongs to no invocation
	if id := answer.header.Get("X-Larder-Request-Id"); strings.HasPrefix(id, before) || !strings.HasPrefix(id, "larder-") {
		t.Errorf("after the restore the id is %s, before it %s", id, before)
	}
}
