package cloudwatch_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"larder/extension/internal/access/cloudwatch"
	"larder/extension/internal/awstest"
)

const canary = "CANARY"

// ask delivers one line that holds the canary to an endpoint, and returns what is told of it; empty if all went well.
func ask(t *testing.T, cfg cloudwatch.Config) string {
	t.Helper()
	told := make(chan string, 10)
	cfg.Group, cfg.Stream, cfg.Region = group, "function/7", "eu-west-1"
	cfg.Changed = func(operation, code string) { told <- operation + " " + code }
	if cfg.Credentials == nil {
		cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "ASIA" + canary, SecretAccessKey: canary, SessionToken: canary}, nil
		})
	}
	d := cloudwatch.New(cfg)
	d.Add(time.Now(), []byte(`{"line":"`+canary+`"}`+"\n"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // Run delivers what waits, and ends
	d.Run(ctx)
	select {
	case text := <-told:
		return text
	default:
		return ""
	}
}

// An error is told by its code, however the service or something in between writes it, and never with a word of what
// was sent.
func TestCodes(t *testing.T) {
	long := strings.Repeat("x", 101)
	for name, row := range map[string]struct {
		status       int
		header, body string
		want         string
	}{
		"in the body":      {400, "", `{"__type":"ThrottlingException","message":"Rate exceeded"}`, "ThrottlingException"},
		"with a namespace": {400, "", `{"__type":"com.amazonaws.logs#ThrottlingException"}`, "ThrottlingException"},
		"as code":          {400, "", `{"code":"ThrottlingException"}`, "ThrottlingException"},
		"in the header":    {400, "ThrottlingException:http://internal.amazon.com/coral/com.amazon.coral.service/", `{}`, "ThrottlingException"},
		"of a proxy":       {502, "", "<html>" + canary + "</html>", "HTTP502"},
		"without a body":   {503, "", "", "HTTP503"},
		"too long":         {400, "", `{"__type":"` + long + `"}`, "HTTP400"},
		"a redirection":    {302, "", "", "HTTP302"},
	} {
		t.Run(name, func(t *testing.T) {
			endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if row.header != "" {
					w.Header().Set("X-Amzn-Errortype", row.header)
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(row.status)
				_, _ = w.Write([]byte(row.body))
			}))
			defer endpoint.Close()
			if got := ask(t, cloudwatch.Config{Endpoint: endpoint.URL}); got != "CreateLogStream "+row.want {
				t.Errorf("told %q", got)
			}
		})
	}
}

// What comes in the way of a call is told in a word of Larder's own, since the error's text may hold an address with a
// password.
func TestWhatComesInTheWay(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	failing := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New(canary)
	})
	garbage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>"))
	}))
	defer garbage.Close()
	untrusted := awstest.MustStart(t, awstest.Options{TLS: true})
	for name, row := range map[string]struct {
		cfg  cloudwatch.Config
		want string
	}{
		"refused":        {cloudwatch.Config{Endpoint: closed.URL}, "CreateLogStream NoConnection"},
		"password":       {cloudwatch.Config{Endpoint: strings.Replace(closed.URL, "//", "//user:"+canary+"@", 1)}, "CreateLogStream NoConnection"},
		"no credentials": {cloudwatch.Config{Endpoint: closed.URL, Credentials: failing}, "CreateLogStream NoCredentials"},
		"no address":     {cloudwatch.Config{Endpoint: "http://a b"}, "CreateLogStream InvalidEndpoint"},
		"no JSON":        {cloudwatch.Config{Endpoint: garbage.URL}, "PutLogEvents UnreadableAnswer"},
		"certificate":    {cloudwatch.Config{Endpoint: untrusted.URL()}, "CreateLogStream NoConnection"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ask(t, row.cfg); got != row.want {
				t.Errorf("told %q, want %q", got, row.want)
			}
		})
	}
}

// A company's own authority is trusted where it is given.
func TestAuthorities(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{TLS: true})
	s.Logs.PutGroup(group)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(s.Certificate()) {
		t.Fatal("no certificate")
	}
	if got := ask(t, cloudwatch.Config{Endpoint: s.URL(), RootCAs: pool}); got != "" || len(s.Logs.Events(group)) != 1 {
		t.Errorf("told %q, and %d lines were delivered", got, len(s.Logs.Events(group)))
	}
}

// A call is one of the JSON 1.1 protocol, signed for CloudWatch Logs in its region. Each is signed anew, by who
// provides credentials then.
func TestSignature(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	s.Logs.PutGroup(group)
	var number atomic.Int64
	provider := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		id := "ASIA" + string(rune('0'+number.Add(1)))
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: canary, SessionToken: "session-" + id}, nil
	})
	if got := ask(t, cloudwatch.Config{Endpoint: s.URL(), Credentials: provider}); got != "" {
		t.Fatalf("told %q", got)
	}
	want := []awstest.Call{
		{Operation: awstest.CreateLogStream, AccessKeyID: "ASIA1"},
		{Operation: awstest.PutLogEvents, AccessKeyID: "ASIA2"},
	}
	for i, call := range s.Counts.Calls() {
		if i >= len(want) || call.Operation != want[i].Operation || call.AccessKeyID != want[i].AccessKeyID ||
			call.SessionToken != "session-"+want[i].AccessKeyID || call.Service != awstest.CloudWatchLogs || call.Region != "eu-west-1" {
			t.Errorf("call %d is %+v", i, call)
		}
	}
}
