package awstest_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"larder/extension/internal/awstest"
)

// trusting is a transport of its own that trusts the fake's certificate, if it
// has one.
func trusting(t *testing.T, s *awstest.Server) *http.Transport {
	t.Helper()
	transport := &http.Transport{}
	if s.Certificate() != nil {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(s.Certificate()) {
			t.Fatal("the certificate is no PEM")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// The counts see every call, refused ones too, and who signed it for which
// region.
func TestCounts(t *testing.T) {
	s := startWithValues(t, awstest.Options{})
	keys := s.Credentials.Keys()
	readBoth(t, testContext(t), s)
	_, _ = readSecret(t, s, secretsmanager.GetSecretValueInput{SecretId: aws.String("missing")})

	checkEqual(t, "all", s.Counts.Of(""), 3)
	checkEqual(t, "secrets", s.Counts.Of(awstest.GetSecretValue), 2)
	checkEqual(t, "of a, any operation", s.Counts.OfName("", "a"), 2)
	checkEqual(t, "of missing", s.Counts.OfName(awstest.GetSecretValue, "missing"), 1)
	last := s.Counts.Last()
	checkEqual(t, "operation", last.Operation, awstest.GetSecretValue)
	checkEqual(t, "region", last.Region, "eu-west-1")
	checkEqual(t, "service", last.Service, awstest.SecretsManager)
	checkEqual(t, "access key", last.AccessKeyID, keys.AccessKeyID)
	checkEqual(t, "session token", last.SessionToken, keys.SessionToken)
	checkEqual(t, "status", last.Status, 400)
	checkEqual(t, "name", last.Names[0], "missing")
	if !strings.Contains(last.UserAgent, "aws-sdk-go-v2") || last.RequestID == "" {
		t.Errorf("user agent %q, request id %q", last.UserAgent, last.RequestID)
	}
	checkEqual(t, "remembered", len(s.Counts.Calls()), 3)

	s.Counts.Reset()
	checkEqual(t, "all after Reset", s.Counts.Of(""), 0)
	checkEqual(t, "remembered after Reset", len(s.Counts.Calls()), 0)
}

// Connections are counted as they are opened, by service and at once.
func TestConnectionCounts(t *testing.T) {
	s := startWithValues(t, awstest.Options{})
	transport := trusting(t, s)
	client := &http.Client{Transport: transport}
	release := s.Faults.Hold("")
	var done sync.WaitGroup
	for range 3 {
		done.Go(func() {
			response, err := client.Do(signedRequest(testContext(t), s, `{"SecretId":"a"}`))
			if err != nil {
				t.Error(err)
				return
			}
			response.Body.Close()
		})
	}
	s.Counts.MustWaitInFlight(t, "", 3)
	release()
	done.Wait()
	checkEqual(t, "accepted", s.Counts.Connections(), 3)
	checkEqual(t, "at once", s.Counts.MaxOpen(""), 3)
	checkEqual(t, "at once, secrets", s.Counts.MaxOpen(awstest.SecretsManager), 3)
	checkEqual(t, "at once, parameters", s.Counts.MaxOpen(awstest.ParameterStore), 0)
	checkEqual(t, "calls at once", s.Counts.MaxInFlight(awstest.SecretsManager), 3)
	transport.CloseIdleConnections()
	s.Counts.MustWaitOpen(t, 0)
}

// Calls that are not signed, signed for another service, not JSON, or of unknown
// operations get AWS's refusals, and values stay out of reach.
func TestImproperCalls(t *testing.T) {
	s := startWithValues(t, awstest.Options{})
	for _, row := range []struct {
		change func(*http.Request)
		body   string
		code   string
	}{
		{func(r *http.Request) { r.Header.Del("Authorization") }, `{"SecretId":"a"}`, "MissingAuthenticationTokenException"},
		{func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, `{"SecretId":"a"}`, "IncompleteSignatureException"},
		{func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "secretsmanager", "ssm", 1))
		}, `{"SecretId":"a"}`, "InvalidSignatureException"},
		{func(*http.Request) {}, `{"SecretId":`, "SerializationException"},
		{func(r *http.Request) { r.Header.Set("X-Amz-Target", "secretsmanager.PutSecretValue") }, `{}`, "UnknownOperationException"},
		{func(r *http.Request) { r.Header.Set("X-Amz-Target", "secretsmanager.GetParameter") }, `{}`, "UnknownOperationException"},
	} {
		request := signedRequest(testContext(t), s, row.body)
		row.change(request)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		mustSucceed(t, err)
		var answered struct {
			Type string `json:"__type"`
		}
		if json.Unmarshal(body, &answered) != nil || answered.Type != row.code || response.StatusCode != 400 {
			t.Errorf("got %d %s, want %s", response.StatusCode, body, row.code)
		}
	}
}

// The answer on the wire is AWS's: media type, request id, unescaped JSON,
// absent members left out, and dates in the form of each service.
func TestWireForm(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	s.Secrets.Put(awstest.Secret{Name: "a", String: "<&>", VersionID: "v", Created: unixMilli(1523477145713)})
	response, err := http.DefaultClient.Do(signedRequest(testContext(t), s, `{"SecretId":"a"}`))
	mustSucceed(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	mustSucceed(t, err)
	want := `{"ARN":"` + s.Secrets.ARN("a") + `","Name":"a","VersionId":"v","SecretString":"<&>",` +
		`"VersionStages":["AWSCURRENT"],"CreatedDate":1.523477145713E9}`
	checkEqual(t, "body", string(body), want)
	checkEqual(t, "Content-Type", response.Header.Get("Content-Type"), "application/x-amz-json-1.1")
	checkEqual(t, "X-Amzn-Requestid", response.Header.Get("X-Amzn-Requestid"), s.Counts.Last().RequestID)
}
