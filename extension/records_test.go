package main_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/lambdatest"
)

// Each read is one line, with who asked for what, how it was answered, and how long that took; each refusal, too.
func TestRecordFields(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Parameters.PutString(parameterName, canary)
	s.aws.Parameters.Label(parameterName, "Dev", 1)
	version := s.aws.Secrets.VersionID(secretName, "AWSCURRENT")
	s.aws.Faults.SetLatency("", 20*time.Millisecond)
	p := s.start("AWS_LAMBDA_FUNCTION_NAME=orders", "AWS_LAMBDA_FUNCTION_VERSION=7")
	invocation := s.lambda.InvokeWith(lambdatest.Invocation{Trace: "Sampled=0; Root=1-aaaaaaaa-bbbbbbbbbbbbbbbbbbbbbbbb;Parent=cccccccccccccccc"})
	s.lambda.MustWaitNext(t, 2)
	rows := []struct {
		request
		want line
	}{
		{request{target: secretTarget}, line{Source: "secretsmanager", Name: secretName, Outcome: "miss", Status: 200, VersionID: version}},
		{request{target: secretTarget}, line{Source: "secretsmanager", Name: secretName, Outcome: "hit", Status: 200, VersionID: version}},
		{request{target: secretTarget + "&refreshNow=1"}, line{Source: "secretsmanager", Name: secretName, Outcome: "refresh", Status: 200, VersionID: version}},
		{request{target: secretTarget + "&versionId=" + version}, line{Source: "secretsmanager", Name: secretName, Selector: version, Outcome: "miss", Status: 200, VersionID: version}},
		{request{target: secretTarget + "&versionStage=AWSPREVIOUS"}, line{Source: "secretsmanager", Name: secretName, Selector: "AWSPREVIOUS", Outcome: "error", Status: 400, Error: "ResourceNotFoundException"}},
		{request{target: parameterTarget}, line{Source: "ssm", Name: parameterName, Outcome: "miss", Status: 200, VersionID: "2"}},
		{request{target: parameterTarget + "&label=Dev"}, line{Source: "ssm", Name: parameterName, Selector: "Dev", Outcome: "miss", Status: 200, VersionID: "1"}},
		{request{method: "HEAD", target: parameterTarget}, line{Source: "ssm", Name: parameterName, Outcome: "hit", Status: 200, VersionID: "2"}},
		{request{target: secretTarget, token: "wrong"}, line{Source: "secretsmanager", Name: secretName, Outcome: "denied", Status: 403, Error: "InvalidToken"}},
		{request{target: secretTarget, host: "example.com"}, line{Source: "secretsmanager", Name: secretName, Outcome: "denied", Status: 403, Error: "ForbiddenHost"}},
		{request{target: secretTarget, headers: []string{"Forwarded: for=x"}}, line{Source: "secretsmanager", Name: secretName, Outcome: "denied", Status: 400, Error: "Forwarded"}},
		{request{target: "/nowhere"}, line{Outcome: "error", Status: 404, Error: "UnknownPath"}},
		{request{method: "POST", target: secretTarget, headers: []string{"Content-Length: 0"}}, line{Source: "secretsmanager", Name: secretName, Outcome: "error", Status: 405, Error: "MethodNotAllowed"}},
	}
	begin := time.Now().Add(-time.Millisecond)
	for _, row := range rows {
		p.mustAsk(row.request)
	}
	for i, got := range p.mustRecords(len(rows)) {
		want := rows[i].want
		want.RequestID, want.From, want.TraceID, want.Function, want.Version = invocation, "invocation", "1-aaaaaaaa-bbbbbbbbbbbbbbbbbbbbbbbb", "orders", "7"
		want.Type, want.Level = "larder.access", "INFO"
		if want.Status != http.StatusOK {
			want.Level = "WARN"
		}
		checkTimes(t, got, begin)
		got.Timestamp, got.text, got.AgeMS, got.DurationMS, got.UpstreamMS = "", "", nil, nil, nil
		if got != want {
			t.Errorf("record %d, of %s:\n got %+v\nwant %+v", i, rows[i].target, got, want)
		}
	}
}

// checkTimes checks a record's times against each other and against its outcome.
func checkTimes(t *testing.T, r line, begin time.Time) {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, r.Timestamp)
	if err != nil || at.Before(begin.Truncate(time.Millisecond)) || at.After(time.Now().Add(time.Millisecond)) {
		t.Errorf("the time of a record: %s", r.text)
	}
	if r.AgeMS == nil || r.DurationMS == nil || r.UpstreamMS == nil {
		t.Errorf("a record without times: %s", r.text)
		return
	}
	asked := r.Source != "" && (r.Outcome == "miss" || r.Outcome == "refresh" || r.Error == "ResourceNotFoundException")
	if asked != (*r.UpstreamMS >= 20) || !asked && *r.UpstreamMS != 0 {
		t.Errorf("upstream_ms, with AWS asked %t and taking 20 ms: %s", asked, r.text)
	}
	if *r.DurationMS < *r.UpstreamMS || *r.DurationMS <= 0 || *r.AgeMS < 0 || *r.AgeMS != 0 && r.Outcome != "hit" {
		t.Errorf("times that cannot be: %s", r.text)
	}
}

// The fields are those that are documented, no more; what is not known is left out. An untraced invocation has no
// trace, and before the first there is neither.
func TestRecordKeys(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	p.mustRead(secretTarget)
	s.lambda.InvokeWith(lambdatest.Invocation{Untraced: true})
	s.lambda.MustWaitNext(t, 2)
	p.mustRead(secretTarget + "&versionStage=AWSCURRENT")
	p.get(parameterTarget + "&version=9")
	common := []string{"age_ms", "duration_ms", "function", "level", "name", "outcome", "requestId", "requestIdFrom", "source", "status",
		"timestamp", "type", "upstream_ms", "version"}
	for i, more := range [][]string{{"versionId"}, {"versionId"}, {"error", "selector"}} {
		var keys map[string]any
		if err := json.Unmarshal([]byte(p.mustRecords(3)[i].text), &keys); err != nil {
			t.Fatal(err)
		}
		want := slices.Sorted(slices.Values(append(more, common...)))
		if got := slices.Sorted(maps.Keys(keys)); !slices.Equal(got, want) {
			t.Errorf("record %d has the keys\n%q, want\n%q", i, got, want)
		}
	}
}

// Whatever a caller puts into names, the record stays one line of JSON.
func TestRecordOfStrangeNames(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	for _, name := range []string{`a"b\c`, "a%0Ab%0D", "%00%01%1b", "%ff%fe", "ä€😀", "\u2028", "</script>&", strings.Repeat("n", 2048)} {
		p.get("/secretsmanager/get?secretId=" + strings.ReplaceAll(strings.ReplaceAll(name, `"`, "%22"), "&", "%26"))
	}
	p.mustRecords(8)
}

// With the log level none and the cache off there is a record all the same.
func TestRecordsDoNotDependOnSettings(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start("PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=none", "PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED=false")
	p.mustRead(secretTarget)
	if r := p.mustRecords(1)[0]; r.Outcome != "miss" {
		t.Errorf("recorded as %s", r.text)
	}
}

// mustLaunchInto starts the extension with its standard output going to a file, in which a line can be read as
// soon as it is written, and waits until it waits for its first event.
func (s *scene) mustLaunchInto(path string, settings ...string) *process {
	s.t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { file.Close() })
	p := s.launchCommand(exec.Command(executable), file, settings)
	p.mustWaitIdle()
	return p
}

func recordsIn(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), `"larder.access"`)
}

// The records of all reads that were answered are written when the extension calls next: once it waits there, the
// environment may be frozen. They are complete, too, when it ends.
func TestRecordsAreCompleteBeforeNext(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	path := filepath.Join(t.TempDir(), "stdout")
	p := s.mustLaunchInto(path)
	reads := 0
	for n := range 40 {
		for range 3 {
			p.mustRead(secretTarget)
			reads++
		}
		s.lambda.Invoke("")
		s.lambda.MustWaitNext(t, n+2)
		if got := recordsIn(t, path); got != reads {
			t.Fatalf("%d of %d records are written when next is called", got, reads)
		}
	}
	p.mustRead(secretTarget)
	s.lambda.Shutdown("spindown", 0)
	checkEndsInTime(t, p)
	if got := recordsIn(t, path); got != reads+1 {
		t.Errorf("%d of %d records are written at the end", got, reads+1)
	}
}

// So is the record of a read that was under way when the invocation's event came, and for which next was held back.
func TestRecordOfAReadUnderWayIsCompleteBeforeNext(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	path := filepath.Join(t.TempDir(), "stdout")
	p := s.mustLaunchInto(path, "PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED=false")
	for n := range 30 {
		release := s.aws.Faults.Hold(awstest.GetSecretValue)
		done := make(chan error, 1)
		go func() {
			_, err := p.try(request{target: secretTarget})
			done <- err
		}()
		s.aws.Counts.MustWaitInFlight(t, awstest.SecretsManager, 1)
		s.lambda.Invoke("")
		s.lambda.MustWaitDelivery(t, n+1)
		release()
		s.lambda.MustWaitNext(t, n+2)
		if got := recordsIn(t, path); got != n+1 {
			t.Fatalf("%d of %d records are written when next is called", got, n+1)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}
