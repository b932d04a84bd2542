package source_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/source"
)

var environmentKeys = source.CredentialsConfig{
	AccessKeyID: "AKIAENVIRONMENT", SecretAccessKey: canary, SessionToken: "environment-" + canary,
}

// mustSign makes a call, and returns the key that it was signed with.
func mustSign(t *testing.T, aws *awstest.Server, cfg source.CredentialsConfig) awstest.Call {
	t.Helper()
	s := mustConnect(t, aws, func(c *source.Config) { c.Credentials = source.NewCredentials(cfg) })
	mustRead(t, s, secret("a"))
	return aws.Counts.Last()
}

// container adds the fake's credential endpoint.
func container(aws *awstest.Server, cfg source.CredentialsConfig) source.CredentialsConfig {
	cfg.ContainerURI, cfg.ContainerToken = aws.Credentials.URL(), aws.Credentials.Token()
	return cfg
}

// Keys with a session token are the function's; without one they give way to the endpoint that the platform set.
func TestChoiceOfCredentials(t *testing.T) {
	aws := mustStart(t)
	handed := aws.Credentials.Keys()
	withoutSession, withoutKey := environmentKeys, environmentKeys
	withoutSession.SessionToken = ""
	withoutKey.SecretAccessKey = ""
	for _, row := range []struct {
		cfg           source.CredentialsConfig
		key, session  string
		fromContainer bool
	}{
		{environmentKeys, environmentKeys.AccessKeyID, environmentKeys.SessionToken, false},
		{withoutSession, environmentKeys.AccessKeyID, "", false},
		{container(aws, environmentKeys), environmentKeys.AccessKeyID, environmentKeys.SessionToken, false},
		{container(aws, withoutSession), handed.AccessKeyID, handed.SessionToken, true},
		{container(aws, withoutKey), handed.AccessKeyID, handed.SessionToken, true},
		{container(aws, source.CredentialsConfig{}), handed.AccessKeyID, handed.SessionToken, true},
	} {
		before, _ := aws.Credentials.Fetches()
		call := mustSign(t, aws, row.cfg)
		after, _ := aws.Credentials.Fetches()
		if call.AccessKeyID != row.key || call.SessionToken != row.session || (after > before) != row.fromContainer {
			t.Errorf("%+v: signed with %s, %d fetches", row, call.AccessKeyID, after-before)
		}
		credentials := source.NewCredentials(row.cfg)
		if row.session != "" && !credentials.IsSessionToken(context.Background(), []byte(row.session)) {
			t.Errorf("%+v: the session token is not known", row)
		}
		if got := credentials.Refused(time.Now()); got != (row.cfg.ContainerURI != "") {
			t.Errorf("%+v: fetched anew: %t", row, got)
		}
	}
}

// Nothing is fetched before a call has to be signed, and then once for many calls.
func TestCredentialsAreFetchedOnce(t *testing.T) {
	aws := mustStart(t)
	s := mustConnect(t, aws, func(c *source.Config) {
		c.Credentials = source.NewCredentials(container(aws, source.CredentialsConfig{}))
	})
	if served, _ := aws.Credentials.Fetches(); served != 0 {
		t.Errorf("%d fetches before the first call", served)
	}
	for range 3 {
		for _, q := range both("a") {
			mustRead(t, s, q)
		}
	}
	if served, refused := aws.Credentials.Fetches(); served != 1 || refused != 0 {
		t.Errorf("%d fetches and %d refused, want 1 and 0", served, refused)
	}
}

// Credentials that are soon to expire are fetched anew before they do.
func TestCredentialsAreRenewed(t *testing.T) {
	aws := mustStart(t)
	keys := aws.Credentials.Keys()
	keys.Expiration = time.Now().Add(time.Minute) // within the window in which they count as expired
	aws.Credentials.SetKeys(keys)
	s := mustConnect(t, aws, func(c *source.Config) {
		c.Credentials = source.NewCredentials(container(aws, source.CredentialsConfig{}))
	})
	mustRead(t, s, secret("a"))
	renewed := awstest.Keys{AccessKeyID: "ASIARENEWED", SecretAccessKey: canary, SessionToken: "renewed-" + canary}
	aws.Credentials.SetKeys(renewed)
	mustRead(t, s, secret("a"))
	if call := aws.Counts.Last(); call.AccessKeyID != renewed.AccessKeyID || call.SessionToken != renewed.SessionToken {
		t.Errorf("signed with %s", call.AccessKeyID)
	}
}

// Credentials that AWS refuses are fetched anew, once, and the read goes well; a reset has the same effect.
func TestRefusedCredentialsAreFetchedAnew(t *testing.T) {
	for _, reset := range []bool{false, true} {
		aws := mustStart(t)
		aws.Credentials.Enforce(true)
		s := mustConnect(t, aws, func(c *source.Config) {
			c.Credentials = source.NewCredentials(container(aws, source.CredentialsConfig{}))
		})
		mustRead(t, s, secret("a"))
		aws.Credentials.SetKeys(awstest.Keys{AccessKeyID: "ASIANEW", SecretAccessKey: canary, SessionToken: "new"})
		want := 3 // the first, one that is refused, one that is not
		if reset {
			s.Reset()
			want = 2
		}
		mustRead(t, s, secret("a"))
		if calls := aws.Counts.Of(""); calls != want {
			t.Errorf("reset %t: %d calls, want %d", reset, calls, want)
		}
		if served, _ := aws.Credentials.Fetches(); served != 2 {
			t.Errorf("reset %t: %d fetches", reset, served)
		}
	}
}

// Credentials that go on being refused are not tried for ever; those of the environment are not even tried twice.
func TestRefusedCredentials(t *testing.T) {
	for _, fault := range []awstest.Fault{awstest.ExpiredToken(), awstest.UnrecognizedClient()} {
		aws := mustStart(t)
		aws.Faults.All(fault)
		for cfg, want := range map[source.CredentialsConfig]int{
			environmentKeys: 1, container(aws, source.CredentialsConfig{}): 2,
		} {
			aws.Counts.Reset()
			s := mustConnect(t, aws, func(c *source.Config) { c.Credentials = source.NewCredentials(cfg) })
			if got := mustFail(t, s, secret("a")); got.Class != source.Unauthenticated {
				t.Errorf("got class %d: %v", got.Class, got)
			}
			if calls := aws.Counts.Of(""); calls != want {
				t.Errorf("%d calls, want %d", calls, want)
			}
		}
	}
}

// Without credentials the error says which variables would help, and AWS is not asked.
func TestNoCredentials(t *testing.T) {
	aws := mustStart(t)
	for _, cfg := range []source.CredentialsConfig{
		{}, {AccessKeyID: "AKIA"}, {SecretAccessKey: canary}, {SessionToken: canary},
	} {
		s := mustConnect(t, aws, func(c *source.Config) { c.Credentials = source.NewCredentials(cfg) })
		for _, q := range both("a") {
			got := mustFail(t, s, q)
			if got.Class != source.Unauthenticated || got.Code != "NoCredentials" || !strings.Contains(got.Message, "AWS_ACCESS_KEY_ID") {
				t.Errorf("got class %d: %v", got.Class, got)
			}
		}
	}
	if calls := aws.Counts.Of(""); calls > 0 {
		t.Errorf("%d calls", calls)
	}
}

// An endpoint that gives no credentials is told as that, in words of Larder's own: not as an answer of AWS, and
// with none of what the endpoint said.
func TestCredentialEndpointFails(t *testing.T) {
	aws := mustStart(t)
	check := func(name string, cfg source.CredentialsConfig) {
		t.Helper()
		s := mustConnect(t, aws, func(c *source.Config) { c.Credentials = source.NewCredentials(cfg) })
		got := mustFail(t, s, secret("a"))
		if got.Class != source.Unauthenticated || got.Code != "NoCredentials" || got.RequestID != "" ||
			!strings.Contains(got.Message, "AWS_CONTAINER_CREDENTIALS_FULL_URI") {
			t.Errorf("%s: got class %d: %v", name, got.Class, got)
		}
		for _, token := range []string{"", "x"} {
			if source.NewCredentials(cfg).IsSessionToken(context.Background(), []byte(token)) {
				t.Errorf("%s: the session token is %q", name, token)
			}
		}
	}
	cfg := container(aws, source.CredentialsConfig{})
	for name, fault := range map[string]awstest.Fault{
		"reset": awstest.Reset(), "garbage": awstest.Raw(200, "text/html", canary), "cut": awstest.Cut(),
		"refused": awstest.Refused(404, "AccessDeniedException", canary), "failing": awstest.Raw(500, "text/plain", canary),
	} {
		aws.Credentials.Fail(-1, fault)
		check(name, cfg)
	}
	aws.Credentials.Fail(0, awstest.Fault{})
	wrong := cfg
	wrong.ContainerToken = "wrong"
	check("wrong token", wrong)
	nobody := cfg
	nobody.ContainerURI = "http://user:" + canary + "@127.0.0.1:1/credentials"
	check("nobody there", nobody)
	missing := cfg
	missing.ContainerTokenFile = filepath.Join(t.TempDir(), canary)
	check("no token file", missing)
	if calls := aws.Counts.Of(""); calls > 0 {
		t.Errorf("%d calls", calls)
	}
}

// A failing fetch of credentials is repeated once, and the read goes well.
func TestCredentialFetchIsRepeated(t *testing.T) {
	aws := mustStart(t)
	aws.Credentials.Fail(1, awstest.Reset())
	mustSign(t, aws, container(aws, source.CredentialsConfig{}))
}

// A token file goes before a token, and is read at each fetch: the platform changes it.
func TestTokenFile(t *testing.T) {
	aws := mustStart(t)
	file := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := container(aws, source.CredentialsConfig{})
	cfg.ContainerToken, cfg.ContainerTokenFile = "wrong", file
	write("wrong as well")
	s := mustConnect(t, aws, func(c *source.Config) { c.Credentials = source.NewCredentials(cfg) })
	mustFail(t, s, secret("a"))
	write(aws.Credentials.Token())
	mustRead(t, s, secret("a"))
}

// After a reset no connection of before is open: in a restored snapshot they are dead.
func TestResetDropsConnections(t *testing.T) {
	aws := mustStart(t)
	s := mustConnect(t, aws, nil)
	for _, q := range both("a") {
		mustRead(t, s, q)
	}
	if open := aws.Counts.Open(); open == 0 {
		t.Error("no connection is kept")
	}
	s.Reset()
	aws.Counts.MustWaitOpen(t, 0)
	mustRead(t, s, secret("a"))
}
