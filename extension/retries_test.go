package main_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"larder/extension/internal/awstest"
)

// What may go better is tried again, within the budget, and the function gets its value.
func TestRetries(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]awstest.Fault{
		"throttled":      awstest.Throttled(),
		"internal error": awstest.InternalError(),
		"unavailable":    awstest.Unavailable(),
		"reset":          awstest.Reset(),
		"cut":            awstest.Cut(),
		"garbage":        awstest.Garbage(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			p := s.start()
			for _, target := range []string{secretTarget, parameterTarget} {
				s.aws.Counts.Reset()
				s.aws.Faults.Next(2, fault)
				if a := p.mustRead(target); !strings.Contains(a.body, canary) {
					t.Errorf("%s: %s", target, a.body)
				}
				if n := s.aws.Counts.Of(""); n < 3 {
					t.Errorf("%s: %d calls for two failures and a success", target, n)
				}
			}
			for _, r := range p.mustRecords(2) {
				if r.Outcome != "miss" || r.Status != http.StatusOK || r.Error != "" {
					t.Errorf("recorded as %s", r.text)
				}
			}
		})
	}
}

// A call that hangs leaves time for another attempt, which may succeed.
func TestHangingCallIsRetried(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Faults.Next(1, awstest.Hang())
	p := s.start("SECRETS_MANAGER_TIMEOUT_MILLIS=1000")
	if a := p.mustRead(secretTarget); a.took < 300*time.Millisecond || a.took > 1500*time.Millisecond {
		t.Errorf("it took %s, with a budget of 1 s of which the first attempt may use a part", a.took)
	}
}

// Connections that died while the environment was frozen cost no read.
func TestDeadConnections(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start("PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED=false")
	for range 3 {
		p.mustRead(secretTarget)
		p.mustRead(parameterTarget)
		s.aws.DropConnections()
	}
}

// A connection serves one call after another.
func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start("PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED=false")
	for range 5 {
		p.mustRead(secretTarget)
	}
	if n := s.aws.Counts.Connections(); n != 1 {
		t.Errorf("%d connections for five reads, one after the other", n)
	}
}

// Credentials of a container that have expired are fetched anew: before a call that would be signed with them,
// and when AWS says so.
func TestExpiredContainerCredentials(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Credentials.Enforce(true)
	p := s.start(append(s.containerCredentials(), "PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED=false")...)
	token := s.aws.Credentials.Token()
	p.mustAskWith(token, secretTarget)
	keys := s.aws.Credentials.Keys()
	keys.AccessKeyID, keys.SessionToken = "ASIA"+canary+"0002", canary+"-session-token-2"
	s.aws.Credentials.SetKeys(keys) // what was fetched before is refused from now on
	p.mustAskWith(token, secretTarget)
	if got := s.aws.Counts.Last().AccessKeyID; got != keys.AccessKeyID {
		t.Errorf("signed by %q", got)
	}
	p.mustAskWith(keys.SessionToken, parameterTarget)
	s.aws.Faults.Next(1, awstest.ExpiredToken())
	fetches, _ := s.aws.Credentials.Fetches()
	p.mustAskWith(token, secretTarget)
	if now, _ := s.aws.Credentials.Fetches(); now != fetches+1 {
		t.Errorf("credentials were fetched %d times more, want once", now-fetches)
	}
}

// Credentials whose time is over by their own date are not used for another call.
func TestDateOfContainerCredentials(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	keys := s.aws.Credentials.Keys()
	keys.Expiration = time.Now().Add(time.Second)
	s.aws.Credentials.SetKeys(keys)
	p := s.start(append(s.containerCredentials(), "PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED=false")...)
	token := s.aws.Credentials.Token()
	p.mustAskWith(token, secretTarget)
	keys.AccessKeyID, keys.Expiration = "ASIA"+canary+"0002", time.Time{}
	s.aws.Credentials.SetKeys(keys)
	p.mustAskWith(token, secretTarget)
	if got := s.aws.Counts.Last().AccessKeyID; got != keys.AccessKeyID {
		t.Errorf("signed by %q", got)
	}
}

// The platform may leave an access key without a session token beside the endpoint, which then is what counts.
func TestLeftoverAccessKey(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Credentials.Enforce(true)
	p := s.start(append(s.containerCredentials(), "AWS_ACCESS_KEY_ID=ASIALEFTOVER", "AWS_SECRET_ACCESS_KEY="+canary)...)
	p.mustAskWith(s.aws.Credentials.Token(), secretTarget)
}

// Credentials are fetched anew whichever attempt AWS refuses them at.
func TestCredentialsExpireAfterAThrottledAttempt(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start(s.containerCredentials()...)
	s.aws.Faults.Next(1, awstest.Throttled())
	s.aws.Faults.Next(1, awstest.ExpiredToken())
	p.mustAskWith(s.aws.Credentials.Token(), secretTarget)
	if fetches, _ := s.aws.Credentials.Fetches(); fetches != 2 {
		t.Errorf("credentials were fetched %d times, want 2", fetches)
	}
}

// AWS's words on a signature may quote the request that was signed, with the session token in it: they are not
// repeated. (The search for anything secret looks at every answer of these tests.)
func TestSignatureIsNotQuoted(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	s.aws.Faults.All(awstest.Refused(403, "InvalidSignatureException",
		"The Canonical String should have been 'POST\n/\n\nx-amz-security-token:"+s.token+"\n'"))
	checkError(t, p.get(secretTarget), http.StatusServiceUnavailable, "InvalidSignatureException", "does not accept the credentials")
}
