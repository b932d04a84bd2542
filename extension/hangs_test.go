package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/extension/internal/awstest"
)

const (
	// budget is what a read may take in these tests, and little is what a busy machine may add.
	budget = 600 * time.Millisecond
	little = 1200 * time.Millisecond
)

// budgetOf gives both services so much time.
func budgetOf(d time.Duration) []string {
	millis := fmt.Sprint(d.Milliseconds())
	return []string{"SECRETS_MANAGER_TIMEOUT_MILLIS=" + millis, "SSM_PARAMETER_STORE_TIMEOUT_MILLIS=" + millis}
}

// checkTook checks that an answer came neither before its time nor after it.
func checkTook(t *testing.T, a answer, least, most time.Duration) {
	t.Helper()
	if a.took < least || a.took > most {
		t.Errorf("it took %s, want %s to %s: %d %s", a.took, least, most, a.status, a.body)
	}
}

// hang is one place in which a read can hang. The settings that it returns go to the extension.
type hang struct {
	name  string
	begin func(t *testing.T, s *scene) []string
}

func endpoint(url string) []string {
	return []string{"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + url, "AWS_ENDPOINT_URL_SSM=" + url}
}

// hangs lists the places, in the order in which a read comes through them.
var hangs = []hang{
	{"credentials, headers", func(t *testing.T, s *scene) []string {
		s.aws.Credentials.Fail(-1, awstest.Hang())
		return s.containerCredentials()
	}},
	{"credentials, body", func(t *testing.T, s *scene) []string {
		s.aws.Credentials.Fail(-1, awstest.Stall())
		return s.containerCredentials()
	}},
	{"credentials, connection", func(t *testing.T, s *scene) []string {
		uri := "http://" + awstest.MustStartDeaf(t).Address() + "/credentials"
		return append(s.containerCredentials(), "AWS_CONTAINER_CREDENTIALS_FULL_URI="+uri)
	}},
	{"connection", func(t *testing.T, s *scene) []string {
		return endpoint("http://" + awstest.MustStartDeaf(t).Address())
	}},
	{"connection for TLS", func(t *testing.T, s *scene) []string {
		return endpoint("https://" + awstest.MustStartDeaf(t).Address())
	}},
	{"TLS handshake", func(t *testing.T, s *scene) []string {
		return endpoint("https://" + awstest.MustStartMute(t).Address())
	}},
	{"request", func(t *testing.T, s *scene) []string {
		return endpoint("http://" + awstest.MustStartMute(t).Address())
	}},
	{"headers", func(t *testing.T, s *scene) []string {
		s.aws.Faults.All(awstest.Hang())
		return nil
	}},
	{"body", func(t *testing.T, s *scene) []string {
		s.aws.Faults.All(awstest.Stall())
		return nil
	}},
}

// Wherever a read hangs, it is answered within its budget, with an error that says what was waited for.
func TestHangs(t *testing.T) {
	t.Parallel()
	for _, h := range hangs {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			p := s.start(append(h.begin(t, s), budgetOf(budget)...)...)
			for _, target := range []string{secretTarget, parameterTarget} {
				a := p.mustAsk(request{target: target, token: h.token(s)})
				checkTook(t, a, 0, budget+little)
				switch {
				case h.isOfCredentials():
					checkError(t, a, http.StatusServiceUnavailable, "NoCredentials", awsSentence, "AWS_CONTAINER_CREDENTIALS_FULL_URI")
				case h.isOfConnecting():
					checkError(t, a, http.StatusServiceUnavailable, "NoConnection", awsSentence, "does the subnet have a route")
				default:
					checkError(t, a, http.StatusGatewayTimeout, "Timeout", awsSentence, "within the time budget")
				}
			}
		})
	}
}

// Each step towards AWS has its own second, however long the budget is, so that what cannot go well is told soon and
// by its own name.
func TestStepsAreBounded(t *testing.T) {
	t.Parallel()
	for _, h := range hangs {
		var code, part string
		switch {
		case h.isOfCredentials():
			code, part = "NoCredentials", "gives none"
		case h.isOfConnecting():
			code, part = "NoConnection", "does the subnet have a route or a VPC endpoint?"
		default:
			continue // AWS may take its time to answer
		}
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			p := s.start(append(h.begin(t, s), append(budgetOf(patience), "AWS_MAX_ATTEMPTS=1")...)...)
			a := p.mustAsk(request{target: secretTarget, token: h.token(s)})
			checkError(t, a, http.StatusServiceUnavailable, code, awsSentence, part)
			checkTook(t, a, 900*time.Millisecond, time.Second+little)
		})
	}
}

// The first attempt gets half of the budget, so that the second finds what the first did not.
func TestHalfOfTheBudget(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]awstest.Fault{"headers": awstest.Hang(), "body": awstest.Stall()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.aws.Faults.Next(1, fault)
			p := s.start(budgetOf(2 * time.Second)...)
			a := p.mustRead(parameterTarget)
			checkTook(t, a, 900*time.Millisecond, 2*time.Second+little)
			if n := s.aws.Counts.Of(""); n != 2 {
				t.Errorf("%d calls, want 2", n)
			}
		})
	}
}

// Reads that wait for a connection which others hold spend their own budget, not that of the others; what is
// remembered, and the other service, are not held up.
func TestCrowdBehindAHang(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start(append(budgetOf(budget), "PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS=1")...)
	p.mustRead(secretTarget)
	s.aws.Faults.Add(awstest.Rule{Operation: awstest.GetSecretValue, Fault: awstest.Hang()})
	var reads sync.WaitGroup
	for n := range 20 {
		reads.Go(func() {
			a, err := p.try(request{target: fmt.Sprintf("/secretsmanager/get?secretId=%d", n)})
			if err != nil {
				t.Error(err)
				return
			}
			checkTook(t, a, 0, budget+little)
			checkError(t, a, http.StatusGatewayTimeout, "Timeout", awsSentence, "within the time budget")
		})
	}
	s.aws.Counts.MustWaitInFlight(t, awstest.SecretsManager, 1)
	checkTook(t, p.mustRead(secretTarget), 0, little)
	checkTook(t, p.mustRead(parameterTarget), 0, little)
	reads.Wait()
}

// Who sends a token that the extension would have to fetch does not wait for it longer than a second.
func TestHangAtTheDoor(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Credentials.Fail(-1, awstest.Hang())
	p := s.start(append(s.containerCredentials(), budgetOf(budget)...)...)
	a := p.get(secretTarget)
	checkError(t, a, http.StatusForbidden, "InvalidToken")
	checkTook(t, a, 0, time.Second+little)
}

func (h hang) isOfCredentials() bool { return strings.HasPrefix(h.name, "credentials") }

func (h hang) isOfConnecting() bool {
	return strings.HasPrefix(h.name, "connection") || h.name == "TLS handshake"
}

// token is what a function sends.
func (h hang) token(s *scene) string {
	if h.isOfCredentials() {
		return s.aws.Credentials.Token()
	}
	return s.token
}
