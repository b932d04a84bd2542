package main_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"larder/extension/internal/awstest"
)

// Cache-Status (RFC 9211) tells of each answer how it was come by.
func TestCacheStatus(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Secrets.PutString("denied", canary)
	s.aws.Secrets.Deny("denied")
	p := s.start("SSM_PARAMETER_STORE_TTL=0")
	for _, row := range []struct{ target, want string }{
		{secretTarget, `larder; fwd=miss; stored`},
		{secretTarget, `larder; hit; ttl=\d+`},
		{secretTarget + "&refreshNow=true", `larder; fwd=request; stored`},
		{secretTarget, `larder; hit; ttl=\d+`},
		{parameterTarget, `larder; fwd=bypass`},
		{"/secretsmanager/get?secretId=denied", `larder; fwd=miss`},
		{"/nowhere", ``},
	} {
		if got := p.get(row.target).header.Get("Cache-Status"); !regexp.MustCompile("^" + row.want + "$").MatchString(got) {
			t.Errorf("%s: Cache-Status is %q, want %s", row.target, got, row.want)
		}
	}
}

// The ttl of a hit is what is left of the TTL, of which up to a tenth is taken off.
func TestTTLInCacheStatus(t *testing.T) {
	t.Parallel()
	p := newScene(t).start("SECRETS_MANAGER_TTL=1000")
	p.mustRead(secretTarget)
	_, text, _ := strings.Cut(p.mustRead(secretTarget).header.Get("Cache-Status"), "ttl=")
	ttl, err := strconv.Atoi(text)
	if err != nil || ttl < 880 || ttl > 1000 {
		t.Errorf("ttl is %q, want 900 to 1000 but for the time that has passed", text)
	}
}

// Reads that wait for one call say so.
func TestCollapsedInCacheStatus(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	release := s.aws.Faults.Hold(awstest.GetSecretValue)
	defer release()
	var reads sync.WaitGroup
	for range 2 {
		reads.Go(func() {
			a, err := p.try(request{target: secretTarget, headers: []string{"X-Larder-Request-Id: twin"}})
			if err != nil {
				t.Error(err)
				return
			}
			// One that came late enough to find the value remembered is no failure of the extension.
			if got := a.header.Get("Cache-Status"); !strings.Contains(got, "collapsed") && !strings.Contains(got, "hit") {
				t.Errorf("Cache-Status is %q", got)
			}
		})
	}
	s.aws.Counts.MustWaitInFlight(t, awstest.SecretsManager, 1)
	p.get("/nowhere") // a round trip through the server: by now the second read is most likely waiting, too
	release()
	reads.Wait()
	if n := s.aws.Counts.Of(awstest.GetSecretValue); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
}

// Age (RFC 9111) is 0 for what AWS has just given, and grows by the second.
func TestAge(t *testing.T) {
	t.Parallel()
	p := newScene(t).start()
	if got := p.mustRead(secretTarget).header.Get("Age"); got != "0" {
		t.Errorf("the Age of a miss is %q", got)
	}
	mustWait(t, "the Age of a hit to become 1", func() bool { return p.mustRead(secretTarget).header.Get("Age") == "1" })
	if got := p.mustRead(secretTarget + "&refreshNow=1").header.Get("Age"); got != "0" {
		t.Errorf("the Age after a refresh is %q", got)
	}
	if got := p.get("/nowhere").header.Get("Age"); got != "" {
		t.Errorf("the Age of an error is %q", got)
	}
}

// A request is found again by an id: the client's own, else the invocation's, else one of Larder's, which is
// another for each request. The record has the same.
func TestRequestID(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	var want []string
	id := func(a answer) string { return a.header.Get("X-Larder-Request-Id") }
	ask := func(headers ...string) string {
		got := id(p.mustAsk(request{target: secretTarget, headers: headers}))
		want = append(want, got)
		return got
	}
	first, second := ask(), ask()
	if first == second || !strings.HasPrefix(first, "larder-") {
		t.Errorf("ids before an invocation: %q, %q", first, second)
	}
	if got := ask("x-larder-request-id: my-own/1"); got != "my-own/1" {
		t.Errorf("the client's id became %q", got)
	}
	invocation := s.lambda.Invoke("")
	s.lambda.MustWaitNext(t, 2)
	if got := ask(); got != invocation {
		t.Errorf("the id is %q in the invocation %q", got, invocation)
	}
	if got := ask("X-Larder-Request-Id: mine"); got != "mine" {
		t.Errorf("the client's id became %q", got)
	}
	for _, unfit := range []string{"", "two words", "tab\tbed", strings.Repeat("x", 129), "Ünicode"} {
		if got := ask("X-Larder-Request-Id: " + unfit); got != invocation {
			t.Errorf("an unfit id %q became %q", unfit, got)
		}
	}
	refused := p.mustAsk(request{target: secretTarget, token: "wrong", headers: []string{"X-Larder-Request-Id: refused"}})
	if id(refused) != "refused" {
		t.Errorf("the id of a refusal is %q", id(refused))
	}
	another := s.lambda.Invoke("")
	s.lambda.MustWaitNext(t, 3)
	if got := ask(); got != another {
		t.Errorf("the id is %q in the invocation %q", got, another)
	}
	records := p.mustRecords(len(want) + 1)
	for i, got := range append(want[:len(want)-1:len(want)-1], "refused", another) {
		if records[i].RequestID != got {
			t.Errorf("record %d has the id %q, its answer %q", i, records[i].RequestID, got)
		}
	}
}

// Answers tell nothing of the software that nobody asked for.
func TestHeadersOfAnswers(t *testing.T) {
	t.Parallel()
	p := newScene(t).start()
	known := map[string]bool{"Age": true, "Cache-Status": true, "Connection": true, "Content-Length": true,
		"Content-Type": true, "Date": true, "X-Larder-Error": true, "X-Larder-Request-Id": true}
	for _, a := range []answer{p.mustRead(secretTarget), p.get("/nowhere"), p.mustAsk(request{target: "/", token: "wrong"})} {
		for name, values := range a.header {
			if !known[http.CanonicalHeaderKey(name)] || len(values) != 1 {
				t.Errorf("a header that is not documented, or is there twice: %s: %q", name, values)
			}
		}
	}
}
