package source_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"larder/extension/internal/awstest"
	"larder/extension/internal/source"
)

// Secrets of two regions are never asked for in one call, and those that BatchGetSecretValue cannot read, all but the
// current version, in none.
func TestGroupsOfSecrets(t *testing.T) {
	aws := mustStart(t)
	far := func(name string) source.Query {
		return secret(aws.Secrets.Put(awstest.Secret{Name: name, String: canary, Region: "us-east-1"}))
	}
	near := func(name string) source.Query { return secret(aws.Secrets.PutString(name, canary)) }
	named := func(name string) source.Query { aws.Secrets.PutString(name, canary); return secret(name) }
	version, stage, current := named("version"), named("stage"), named("current")
	version.VersionID = aws.Secrets.Rotate("version", canary)
	stage.VersionStage = "AWSCURRENT"
	current.VersionStage = "AWSCURRENT"
	queries := []source.Query{named("b"), far("c"), version, stage, near("d"), far("e"), current, named("f")}
	answers := together(t, aws, mustConnect(t, aws, batching), queries...)
	want := [][]string{{"b", queries[4].Name, "f"}, {queries[1].Name, queries[5].Name}}
	if got := calls(aws, awstest.BatchGetSecretValue); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := calls(aws, awstest.GetSecretValue), [][]string{{"version"}, {"stage"}, {"current"}}; !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, call := range aws.Counts.Calls() {
		if isFar := strings.HasPrefix(call.Names[0], "arn:aws:secretsmanager:us-east-1:"); isFar != (call.Region == "us-east-1") {
			t.Errorf("%q was read in %s", call.Names, call.Region)
		}
	}
	checkSame(t, aws, answers)
}

// Parameters go together by whether they are decrypted; ARNs and references to secrets go alone, and a name with two
// selectors never stands twice in one call.
func TestGroupsOfParameters(t *testing.T) {
	aws := mustStart(t)
	named := func(name string) source.Query { aws.Parameters.PutString(name, canary); return parameter(name) }
	decrypted := func(q source.Query) source.Query { q.WithDecryption = true; return q }
	selected := func(q source.Query, selector string) source.Query { q.Selector = selector; return q }
	b, c, d := named("b"), named("/c"), named("d")
	byARN := parameter(aws.Parameters.ARN("d"))
	queries := []source.Query{
		b, decrypted(c), byARN, selected(b, "1"), decrypted(parameter("/aws/reference/secretsmanager/a")), d, decrypted(b),
		parameter("b:1"), selected(c, "1"),
	}
	answers := together(t, aws, mustConnect(t, aws, batching), queries...)
	want := [][]string{{"b", "d", "/c:1"}, {"/c", "b"}}
	if got := calls(aws, awstest.GetParameters); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %q, want %q", got, want)
	}
	want = [][]string{{byARN.Name}, {"b:1"}, {"/aws/reference/secretsmanager/a"}, {"b:1"}}
	if got := calls(aws, awstest.GetParameter); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %q, want %q", got, want)
	}
	checkSame(t, aws, answers)
}

// mustBatch lets reads go in one call that is answered with that document.
func mustBatch(t *testing.T, document string, queries ...source.Query) []answer {
	t.Helper()
	aws := mustStart(t)
	behind, err := url.Parse(aws.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(behind)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("X-Amz-Target") {
		case "AmazonSSM.GetParameters", "secretsmanager.BatchGetSecretValue":
			io.WriteString(w, document)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	s := mustConnect(t, aws, func(cfg *source.Config) {
		batching(cfg)
		cfg.SecretsManager.Endpoint, cfg.ParameterStore.Endpoint = server.URL, server.URL
	})
	return together(t, aws, s, queries...)
}

// Of an answer that holds too little, too much or something else each read takes what it asked for, and what is
// missing is read by itself: here that finds nothing.
func TestUnexpectedBatches(t *testing.T) {
	for _, row := range []struct {
		document string
		found    []string // the version of each
	}{
		{`{"Parameters":[]}`, []string{"", ""}},
		{`{}`, []string{"", ""}},
		{`{"Parameters":[{"Name":"stranger","Version":7}]}`, []string{"", ""}},
		{`{"Parameters":[{"Name":"c","Version":3},{"Name":"b","Version":2}]}`, []string{"2", "3"}},
		{`{"Parameters":[{"Name":"c","Version":3}],"InvalidParameters":["b"]}`, []string{"", "3"}},
		{`{"Parameters":[{"Version":3}]}`, []string{"", ""}},
	} {
		for i, got := range mustBatch(t, row.document, parameter("b"), parameter("c")) {
			if got.value.VersionID != row.found[i] || (got.err == nil) != (row.found[i] != "") {
				t.Errorf("%s: %s got %s, %v", row.document, got.query.Name, got.value.Body, got.err)
			}
		}
	}
}

// A secret of which the name looks like another's ARN without its beginning is not taken for that one: who asks by
// ARN gets the secret of that ARN, or none.
func TestSecretNamedLikeAnotherARN(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:b-AbCdEf"
	right, wrong := `{"Name":"b","ARN":"`+arn+`","VersionId":"right"}`, `{"Name":"b-AbCdEf","ARN":"`+arn+`-GhIjKl","VersionId":"wrong"}`
	for _, order := range []string{right + "," + wrong, wrong + "," + right} {
		answers := mustBatch(t, `{"SecretValues":[`+order+`]}`, secret(arn), secret("b-AbCdEf"))
		if answers[0].value.VersionID != "right" || answers[1].value.VersionID != "wrong" {
			t.Errorf("%s: got %s and %s", order, answers[0].value.Body, answers[1].value.Body)
		}
	}
	answers := mustBatch(t, `{"SecretValues":[`+wrong+`]}`, secret(arn), secret("b-AbCdEf"))
	if answers[0].err == nil || answers[1].value.VersionID != "wrong" {
		t.Errorf("got %s and %s", answers[0].value.Body, answers[1].value.Body)
	}
}

// A name is taken apart where AWS does so, and put together again it is what it was.
func FuzzSplitSelector(f *testing.F) {
	for _, seed := range []string{"", "a", "a:1", "/a/b:Dev", ":", "a:", ":a", "a:1:2", "\xff:\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		bare, selector := source.SplitSelector(name)
		if strings.Contains(bare, ":") || bare+":"+selector != name && (bare != name || selector != "") {
			t.Errorf("%q is taken apart into %q and %q", name, bare, selector)
		}
	})
}
