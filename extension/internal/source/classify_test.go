package source_test

import (
	"context"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/source"
)

// Each error that AWS answers has its class, whichever of the two services answers it, and keeps AWS's code,
// sentence and request id.
func TestAnsweredErrors(t *testing.T) {
	aws := mustStart(t)
	s := mustConnect(t, aws, once)
	for _, row := range []struct {
		status int
		code   string
		class  source.Class
	}{
		{400, "ResourceNotFoundException", source.NotFound},
		{404, "ResourceNotFoundException", source.NotFound},
		{400, "ParameterNotFound", source.NotFound},
		{400, "ParameterVersionNotFound", source.NotFound},
		{400, "AccessDeniedException", source.Denied},
		{403, "AccessDenied", source.Denied},
		{400, "DecryptionFailure", source.Denied},
		{400, "InvalidRequestException", source.Invalid},
		{400, "InvalidParameterException", source.Invalid},
		{400, "ValidationException", source.Invalid},
		{400, "InvalidKeyId", source.Invalid},
		{400, "NobodyKnowsThisException", source.Invalid},
		{400, "ThrottlingException", source.Throttled},
		{400, "TooManyRequestsException", source.Throttled},
		{400, "RequestLimitExceeded", source.Throttled},
		{429, "NobodyKnowsThisException", source.Throttled},
		{503, "SlowDown", source.Throttled},
		{500, "InternalServiceError", source.Failing},
		{400, "InternalServerError", source.Failing},
		{500, "InternalFailure", source.Failing},
		{503, "ServiceUnavailable", source.Failing},
		{500, "NobodyKnowsThisException", source.Failing},
		{400, "ExpiredTokenException", source.Unauthenticated},
		{403, "ExpiredToken", source.Unauthenticated},
		{400, "UnrecognizedClientException", source.Unauthenticated},
		{403, "InvalidSignatureException", source.Unauthenticated},
		{403, "InvalidClientTokenId", source.Unauthenticated},
		{400, "IncompleteSignature", source.Unauthenticated},
		{403, "MissingAuthenticationTokenException", source.Unauthenticated},
		{400, "RequestExpired", source.Unauthenticated},
	} {
		for _, q := range both("a") {
			aws.Faults.Next(1, awstest.Refused(row.status, row.code, "AWS's own words."))
			got := mustFail(t, s, q)
			call := aws.Counts.Last()
			code := row.code
			if row.code == "InternalServiceError" && q.Service == source.ParameterStore {
				code = "InternalServerError" // as that service calls it
			}
			words := "AWS's own words."
			switch { // AWS's own may quote the request, session token and all
			case strings.HasPrefix(row.code, "ExpiredToken"):
				words = "the credentials have expired, and the platform has not renewed them"
			case row.class == source.Unauthenticated:
				words = "AWS does not accept the credentials"
			}
			if got.Class != row.class || got.Code != code || got.Message != words || got.RequestID != call.RequestID {
				t.Errorf("%d %s of %s: got class %d %+v, want %d", row.status, row.code, q.Service, got.Class, got, row.class)
			}
			want := call.Operation
			if line := string(want) + " a: " + code + ": " + words + " (request id " + call.RequestID + ")"; got.Error() != line {
				t.Errorf("got  %s\nwant %s", got, line)
			}
		}
	}
}

// What AWS says is told in full up to a thousand bytes, and to the last whole letter of these if it is longer: a
// failure is remembered, and repeated to each who asks.
func TestLongWordsAreShortened(t *testing.T) {
	aws := mustStart(t)
	s := mustConnect(t, aws, once)
	for words, want := range map[string]string{
		strings.Repeat("a", 1000):            strings.Repeat("a", 1000),
		strings.Repeat("a", 1001):            strings.Repeat("a", 1000) + "…",
		strings.Repeat("ä", 500):             strings.Repeat("ä", 500),
		"a" + strings.Repeat("ä", 500):       "a" + strings.Repeat("ä", 499) + "…",
		strings.Repeat("long words ", 10000): strings.Repeat("long words ", 91)[:1000] + "…",
	} {
		for _, q := range both("a") {
			aws.Faults.Next(1, awstest.Refused(400, "ValidationException", words))
			if got := mustFail(t, s, q); got.Message != want {
				t.Errorf("%d bytes of %q became %d: %q", len(words), words[:10], len(got.Message), got.Message)
			}
		}
	}
}

// What may go better with nothing changed is transient, and nothing else.
func TestTransient(t *testing.T) {
	for class, want := range map[source.Class]bool{
		source.Invalid: false, source.NotFound: false, source.Denied: false, source.Throttled: true, source.Failing: true,
		source.Unreachable: true, source.Unreadable: true, source.Unauthenticated: true, source.TimedOut: true,
	} {
		if got := (&source.Error{Class: class}).Transient(); got != want {
			t.Errorf("class %d: %t", class, got)
		}
	}
}

// What is missing or refused by the services as they really are has the class that a caller goes by.
func TestErrorsOfTheServices(t *testing.T) {
	aws := mustStart(t)
	s := mustConnect(t, aws, nil)
	aws.Secrets.PutString("denied", canary)
	aws.Secrets.Deny("denied")
	aws.Secrets.PutString("keyless", canary)
	aws.Secrets.DenyKey("keyless")
	aws.Secrets.PutString("deleted", canary)
	aws.Secrets.MarkDeleted("deleted")
	aws.Parameters.PutString("denied", canary)
	aws.Parameters.Deny("denied")
	aws.Parameters.PutSecure("keyless", canary)
	aws.Parameters.DenyKey("keyless")
	decrypted := parameter("keyless")
	decrypted.WithDecryption = true
	version, stage, number, label := secret("a"), secret("a"), parameter("a"), parameter("a")
	version.VersionID = "00000000-0000-4000-8000-000000000000"
	stage.VersionStage = "NONE"
	number.Selector = "7"
	label.Selector = "none"
	for q, want := range map[source.Query]source.Class{
		secret("missing"): source.NotFound, parameter("missing"): source.NotFound,
		version: source.NotFound, stage: source.NotFound, number: source.NotFound, label: source.NotFound,
		secret("denied"): source.Denied, parameter("denied"): source.Denied,
		secret("keyless"): source.Denied, decrypted: source.Denied,
		secret("deleted"): source.Invalid,
	} {
		aws.Counts.Reset()
		if got := mustFail(t, s, q); got.Class != want || got.Transient() {
			t.Errorf("%+v: got class %d, want %d: %v", q, got.Class, want, got)
		}
		if calls := aws.Counts.Of(""); calls != 1 {
			t.Errorf("%+v: %d calls", q, calls)
		}
	}
}

// What answers and is not AWS is told as such, and never quoted: it may be half an answer with the value in it.
func TestUnreadableAnswers(t *testing.T) {
	aws := mustStart(t)
	s := mustConnect(t, aws, once)
	for name, fault := range map[string]awstest.Fault{
		"a page":              awstest.Garbage(),
		"a value in a page":   awstest.Raw(200, "text/html", "<html>"+canary),
		"half a value":        awstest.Raw(200, "application/x-amz-json-1.1", `{"ARN":"arn","SecretString":"`+canary),
		"another type":        awstest.Raw(200, "application/x-amz-json-1.1", `{"SecretString":["`+canary+`"],"Parameter":"`+canary+`"}`),
		"nothing in it":       awstest.Raw(200, "application/x-amz-json-1.1", `{}`),
		"nothing":             awstest.Raw(200, "application/x-amz-json-1.1", ``),
		"null":                awstest.Raw(200, "application/x-amz-json-1.1", `null`),
		"a value in an error": awstest.Raw(403, "text/html", "<html>"+canary),
		"a value in words":    awstest.Raw(403, "application/json", `{"message":"`+canary+`"}`),
		"an error of nobody":  awstest.Raw(404, "application/x-amz-json-1.1", `{}`),
	} {
		for _, q := range both("a") {
			aws.Faults.Next(1, fault)
			// An answer that ends in its middle may be a connection that broke.
			got := mustFail(t, s, q)
			if got.Class != source.Unreadable && (name != "half a value" || got.Class != source.Unreachable) || got.RequestID != "" {
				t.Errorf("%s to %s: got class %d: %v", name, q.Service, got.Class, got)
			}
		}
	}
}

// A load balancer's 5xx is worth another attempt, though it does not answer as AWS does.
func TestForeignUnavailable(t *testing.T) {
	aws := mustStart(t)
	s := mustConnect(t, aws, nil)
	for _, q := range both("a") {
		aws.Faults.Next(2, awstest.Unavailable())
		mustRead(t, s, q)
	}
	once := mustConnect(t, aws, once)
	for _, q := range both("a") {
		aws.Faults.Next(1, awstest.Unavailable())
		if got := mustFail(t, once, q); !got.Transient() {
			t.Errorf("got class %d: %v", got.Class, got)
		}
	}
}

// A connection that cannot be made, or breaks, is told in words of Larder's own.
func TestUnreachable(t *testing.T) {
	aws := mustStart(t)
	s := mustConnect(t, aws, once)
	check := func(s *source.Services, q source.Query, words string) {
		t.Helper()
		got := mustFail(t, s, q)
		if got.Class != source.Unreachable || got.Code != "NoConnection" || !strings.Contains(got.Message, words) {
			t.Errorf("got class %d: %v, want %s", got.Class, got, words)
		}
	}
	for _, q := range both("a") {
		aws.Faults.Next(1, awstest.Reset())
		check(s, q, "connection was reset")
		aws.Faults.Next(1, awstest.Cut())
		check(s, q, "broke")
	}
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	refused := mustConnect(t, aws, func(cfg *source.Config) {
		once(cfg)
		cfg.SecretsManager.Endpoint = "http://user:" + canary + "@" + gone.Addr().String()
		cfg.ParameterStore.Endpoint = cfg.SecretsManager.Endpoint
	})
	for _, q := range both("a") {
		check(refused, q, "refused")
	}
}

// A certificate that nobody vouches for is told, with the setting that helps; one that is trusted is taken.
func TestCertificates(t *testing.T) {
	aws := awstest.MustStart(t, awstest.Options{TLS: true})
	aws.Secrets.PutString("a", canary)
	aws.Parameters.PutString("a", canary)
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(aws.Certificate()) {
		t.Fatal("no certificate")
	}
	wary := mustConnect(t, aws, once)
	trusting := mustConnect(t, aws, func(cfg *source.Config) { cfg.RootCAs = trusted })
	for _, q := range both("a") {
		if got := mustFail(t, wary, q); got.Class != source.Unreachable || !strings.Contains(got.Message, "AWS_CA_BUNDLE") {
			t.Errorf("got class %d: %v", got.Class, got)
		}
		mustRead(t, trusting, q)
	}
}

// A call that is never answered ends with the budget, and says so.
func TestTimedOut(t *testing.T) {
	aws := mustStart(t)
	aws.Faults.All(awstest.Hang())
	s := mustConnect(t, aws, within(100*time.Millisecond))
	for _, q := range both("a") {
		begin := time.Now()
		got := mustFail(t, s, q)
		if got.Class != source.TimedOut || got.Code != "Timeout" || got.RequestID != "" {
			t.Errorf("got class %d: %v", got.Class, got)
		}
		if took := time.Since(begin); took > awstest.Patience/2 {
			t.Errorf("it took %v", took)
		}
	}
}

// A caller that goes away ends its read; the error is one of the source's all the same.
func TestCallerGoesAway(t *testing.T) {
	aws := mustStart(t)
	aws.Faults.All(awstest.Hang())
	s := mustConnect(t, aws, nil)
	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error, 1)
	go func() {
		_, err := s.Read(ctx, secret("a"))
		failed <- err
	}()
	aws.Counts.MustWaitInFlight(t, awstest.SecretsManager, 1)
	cancel()
	if err, ok := (<-failed).(*source.Error); !ok || err.Class != source.TimedOut {
		t.Errorf("got %v", err)
	}
}
