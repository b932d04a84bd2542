package main_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/extension/internal/awstest"
)

const missingTarget = "/secretsmanager/get?secretId=missing"

// checkRemembered checks that a failure is the one before, and says that it is remembered.
func checkRemembered(t *testing.T, a, first answer) {
	t.Helper()
	if got := a.header.Get("Cache-Status"); got != "larder; hit; detail=negative" {
		t.Errorf("Cache-Status is %q, want larder; hit; detail=negative", got)
	}
	if a.status != first.status || a.body != first.body || a.header.Get("X-Larder-Error") != first.header.Get("X-Larder-Error") {
		t.Errorf("remembered as %d %s %s, and was %d %s %s", a.status, a.header.Get("X-Larder-Error"), a.body,
			first.status, first.header.Get("X-Larder-Error"), first.body)
	}
}

// failing is a read that fails, and how that is recorded.
type failing struct{ target, outcome, code string }

// failingReads sets up names that fail in all ways.
func failingReads(s *scene) map[string]failing {
	s.aws.Secrets.PutString("denied", canary)
	s.aws.Secrets.Deny("denied")
	s.aws.Parameters.PutString("/denied", canary)
	s.aws.Parameters.Deny("/denied")
	s.aws.Secrets.PutString("failing", canary)
	s.aws.Faults.Add(awstest.Rule{Name: "failing", Fault: awstest.InternalError()})
	const parameter = "/systemsmanager/parameters/get?name="
	return map[string]failing{
		"missing secret":      {missingTarget, "error", "ResourceNotFoundException"},
		"denied secret":       {"/secretsmanager/get?secretId=denied", "denied", "AccessDeniedException"},
		"missing stage":       {secretTarget + "&versionStage=NONE", "error", "ResourceNotFoundException"},
		"missing parameter":   {parameter + "/missing", "error", "ParameterNotFound"},
		"denied parameter":    {parameter + "/denied", "denied", "AccessDeniedException"},
		"missing version":     {parameterTarget + "&version=9", "error", "ParameterVersionNotFound"},
		"AWS fails, no value": {"/secretsmanager/get?secretId=failing", "error", "InternalServiceError"},
	}
}

// A loop on a name that cannot be read makes one call in the default of two seconds, and each of its reads gets the
// answer of the first. The record tells them apart. Other selectors of the name are other reads.
func TestFailuresAreRemembered(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	together(t, failingReads(s), func(t *testing.T, f failing) {
		p := s.beside(t).start("AWS_MAX_ATTEMPTS=1")
		first := p.get(f.target)
		if first.status == http.StatusOK || first.header.Get("X-Larder-Error") != f.code {
			t.Fatalf("status %d, want a failure with %s: %s", first.status, f.code, first.body)
		}
		for range 30 {
			checkRemembered(t, p.get(f.target), first)
		}
		for i, r := range p.mustRecords(31) {
			want := f.outcome
			if i > 0 {
				want = "negative"
			}
			if r.Outcome != want || r.Error != f.code || r.Level != "WARN" || r.Status != first.status {
				t.Errorf("read %d is recorded as %s", i, r.text)
			}
		}
		p.mustRead(secretTarget)
		p.mustRead(parameterTarget)
	})
	if n := s.aws.Counts.Of(""); n != 3*len(failingReads(s)) {
		t.Errorf("%d calls, want one of each read", n)
	}
}

// A failure is remembered for LARDER_NEGATIVE_TTL seconds, and for all that the calls are so far apart.
func TestNegativeTTL(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start("LARDER_NEGATIVE_TTL=1")
	p.readUntil(missingTarget, "a second call", func(answer) bool { return s.aws.Counts.Of("") == 2 })
	calls := s.aws.Counts.Calls()
	if apart := calls[1].At.Sub(calls[0].At); apart < time.Second || apart > time.Second+little {
		t.Errorf("two calls were %s apart, with a TTL of 1 s", apart)
	}
	s.aws.Secrets.PutString("missing", canary)
	p.readUntil(missingTarget, "the secret to be found", func(a answer) bool { return a.status == http.StatusOK })
}

// With a TTL of 0, and without a cache, no failure is remembered.
func TestFailuresAreNotRemembered(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"LARDER_NEGATIVE_TTL=0", "PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED=false", "SECRETS_MANAGER_TTL=0"} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			p := s.start(setting)
			for range 3 {
				checkError(t, p.get(missingTarget), http.StatusBadRequest, "ResourceNotFoundException")
			}
			for _, r := range p.mustRecords(3) {
				if r.Outcome != "error" {
					t.Errorf("recorded as %s", r.text)
				}
			}
			if n := s.aws.Counts.Of(""); n != 3 {
				t.Errorf("%d calls for three reads", n)
			}
		})
	}
}

// refreshNow goes past a failure that is remembered: to another, which then is, or to the value.
func TestRefreshGoesPastFailures(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start("LARDER_NEGATIVE_TTL=60")
	p.get(missingTarget)
	s.aws.Secrets.PutString("missing", canary)
	s.aws.Secrets.Deny("missing")
	checkError(t, p.get(missingTarget), http.StatusBadRequest, "ResourceNotFoundException")
	denied := p.get(missingTarget + "&refreshNow=true")
	checkError(t, denied, http.StatusBadRequest, "AccessDeniedException")
	checkCache(t, denied, "fwd=request")
	checkRemembered(t, p.get(missingTarget), denied)
	s.aws.Secrets.Allow("missing")
	checkRemembered(t, p.get(missingTarget), denied)
	checkCache(t, p.mustRead(missingTarget+"&refreshNow=true"), "fwd=request; stored")
	checkCache(t, p.mustRead(missingTarget), "hit")
	for i, want := range []string{"error", "negative", "denied", "negative", "negative", "refresh", "hit"} {
		if r := p.mustRecords(7)[i]; r.Outcome != want {
			t.Errorf("read %d is recorded as %s", i, r.text)
		}
	}
}

// A crowd on a missing name is one call, too.
func TestCrowdOnAMissingName(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	var reads sync.WaitGroup
	for range 40 {
		reads.Go(func() {
			a, err := p.try(request{target: missingTarget})
			if err != nil {
				t.Error(err)
				return
			}
			checkError(t, a, http.StatusBadRequest, "ResourceNotFoundException")
		})
	}
	reads.Wait()
	if n := s.aws.Counts.Of(""); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
}

// change is what happens to a value that was read, and that can be read no more.
type change struct {
	target string
	code   string
	happen func(*scene)
}

func changes(s *scene) map[string]change {
	const secret, parameter = "/secretsmanager/get?secretId=", "/systemsmanager/parameters/get?name="
	for _, name := range []string{"removed", "denied", "deleted", "keyless", "undecryptable"} {
		s.aws.Secrets.PutString(name, canary)
	}
	s.aws.Secrets.Stage(secretName, "CUSTOM", s.aws.Secrets.VersionID(secretName, "AWSCURRENT"))
	s.aws.Parameters.PutString("/removed", canary)
	s.aws.Parameters.PutString("/denied", canary)
	s.aws.Parameters.PutSecure("/keyless", canary)
	s.aws.Parameters.Label(parameterName, "Dev", 1)
	return map[string]change{
		"secret removed":             {secret + "removed", "ResourceNotFoundException", func(s *scene) { s.aws.Secrets.Remove("removed") }},
		"secret denied":              {secret + "denied", "AccessDeniedException", func(s *scene) { s.aws.Secrets.Deny("denied") }},
		"secret marked for deletion": {secret + "deleted", "InvalidRequestException", func(s *scene) { s.aws.Secrets.MarkDeleted("deleted") }},
		"secret's key denied":        {secret + "keyless", "AccessDeniedException", func(s *scene) { s.aws.Secrets.DenyKey("keyless") }},
		"secret not to be decrypted": {secret + "undecryptable", "DecryptionFailure", func(s *scene) {
			s.aws.Faults.Add(awstest.Rule{Name: "undecryptable", Fault: awstest.Refused(400, "DecryptionFailure", "No.")})
		}},
		"stage gone":        {secretTarget + "&versionStage=CUSTOM", "ResourceNotFoundException", func(s *scene) { s.aws.Secrets.Stage(secretName, "CUSTOM", "none") }},
		"parameter removed": {parameter + "/removed", "ParameterNotFound", func(s *scene) { s.aws.Parameters.Remove("/removed") }},
		"parameter denied":  {parameter + "/denied", "AccessDeniedException", func(s *scene) { s.aws.Parameters.Deny("/denied") }},
		"parameter's key denied": {parameter + "/keyless&withDecryption=true", "AccessDeniedException",
			func(s *scene) { s.aws.Parameters.DenyKey("/keyless") }},
		"label gone": {parameterTarget + "&label=Dev", "ParameterVersionNotFound", func(s *scene) { s.aws.Parameters.Label(parameterName, "Dev", 9) }},
	}
}

// What AWS says for certain is answered once the TTL is over, and the old value is forgotten: even when AWS then cannot
// be read, it does not come back.
func TestDefinitiveErrorsDropTheValue(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	all := changes(s)
	p := s.start(brief(patient, "LARDER_NEGATIVE_TTL=0", "AWS_MAX_ATTEMPTS=1")...)
	for _, c := range all {
		p.mustRead(c.target)
	}
	for _, c := range all {
		c.happen(s)
	}
	expire()
	for name, c := range all {
		a := p.get(c.target)
		if a.status != http.StatusBadRequest || a.header.Get("X-Larder-Error") != c.code {
			t.Errorf("%s: status %d, want 400 with %s: %s", name, a.status, c.code, a.body)
		}
		checkCache(t, a, "fwd=stale")
	}
	s.aws.Faults.Clear()
	s.aws.Faults.All(awstest.InternalError())
	for name, c := range all {
		if a := p.get(c.target); a.status != http.StatusBadGateway {
			t.Errorf("%s: status %d, want 502: %s", name, a.status, a.body)
		}
	}
	for _, service := range []string{"secretsmanager", "ssm"} {
		if lines := p.outages(service); len(lines) != 0 {
			t.Errorf("told as an outage: %v", lines)
		}
	}
}

// The same if it comes out behind a read that was answered with the old value: the next one gets the error. It is an
// answer of AWS, and so the end of the outage.
func TestDefinitiveErrorsBehind(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	all := map[string]change{}
	for _, name := range []string{"secret removed", "secret denied", "secret marked for deletion", "secret not to be decrypted", "parameter removed", "label gone"} {
		all[name] = changes(s)[name]
	}
	together(t, all, func(t *testing.T, c change) {
		s := newScene(t)
		changes(s)
		p := s.start(brief(patient, "LARDER_NEGATIVE_TTL=1", "AWS_MAX_ATTEMPTS=1")...)
		old := p.mustRead(c.target).body
		begin := time.Now()
		s.aws.Faults.All(awstest.Throttled())
		expire()
		checkStale(t, p.mustRead(c.target), old, "ThrottlingException")
		s.aws.Faults.Clear()
		c.happen(s)
		a := p.readUntil(c.target, "the error", func(a answer) bool { return a.status != http.StatusOK })
		checkError(t, a, http.StatusBadRequest, c.code, awsSentence)
		p.readUntil(c.target, "another call", func(a answer) bool { // after what is remembered of the first
			if a.status == http.StatusOK {
				t.Fatal("the old value came back")
			}
			return strings.HasPrefix(a.header.Get("Cache-Status"), "larder; fwd=miss")
		})
		service := "secretsmanager"
		if strings.HasPrefix(c.target, "/systemsmanager") {
			service = "ssm"
		}
		p.checkOneOutage(service, "ThrottlingException", time.Since(begin))
	})
}

// A secret that is removed and made anew has another ARN. It is found by its name, whether it was read in between or
// not, and its old ARN stands for nothing.
func TestSecretMadeAnew(t *testing.T) {
	t.Parallel()
	for name, readBetween := range map[string]bool{"unnoticed": false, "noticed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			p := s.start(brief(patient, "LARDER_NEGATIVE_TTL=1")...)
			old := p.mustRead(secretTarget).body
			oldARN := "/secretsmanager/get?secretId=" + s.aws.Secrets.ARN(secretName)
			checkCache(t, p.mustRead(oldARN), "hit")
			s.aws.Secrets.Remove(secretName)
			expire()
			if readBetween {
				checkError(t, p.get(secretTarget), http.StatusBadRequest, "ResourceNotFoundException")
			}
			s.aws.Secrets.PutString(secretName, canary+"-anew")
			a := p.readUntil(secretTarget, "the secret to be found", func(a answer) bool { return a.status == http.StatusOK })
			if a.body == old || !strings.Contains(a.body, canary+"-anew") {
				t.Errorf("got %s", a.body)
			}
			checkError(t, p.get(oldARN), http.StatusBadRequest, "ResourceNotFoundException")
			checkCache(t, p.mustRead("/secretsmanager/get?secretId="+s.aws.Secrets.ARN(secretName)), "hit")
		})
	}
}

// Under SnapStart nothing is remembered before the first INVOKE, failures neither.
func TestSnapStartRemembersNoFailure(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start("AWS_LAMBDA_INITIALIZATION_TYPE=snap-start", "LARDER_NEGATIVE_TTL=60")
	for n := 1; n <= 3; n++ {
		checkCache(t, p.get(missingTarget), "fwd=bypass")
		if calls := s.aws.Counts.Of(""); calls != n {
			t.Errorf("%d calls for %d reads in INIT", calls, n)
		}
	}
	s.lambda.Invoke("")
	s.lambda.MustWaitNext(t, 2)
	first := p.get(missingTarget)
	checkCache(t, first, "fwd=miss")
	checkRemembered(t, p.get(missingTarget), first)
}
