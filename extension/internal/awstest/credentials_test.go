package awstest_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"larder/extension/internal/awstest"
)

func unixMilli(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func endpointProvider(s *awstest.Server, token string) aws.CredentialsProvider {
	return endpointcreds.New(s.Credentials.URL(), func(o *endpointcreds.Options) {
		o.AuthorizationToken = token
		o.Retryer = aws.NopRetryer{}
	})
}

// The SDK's provider for containers gets its keys with the token, and nothing
// without.
func TestContainerCredentials(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	want := awstest.Keys{AccessKeyID: "ASIA1", SecretAccessKey: "secret", SessionToken: "session", Expiration: until}
	s.Credentials.SetKeys(want)
	got, err := endpointProvider(s, s.Credentials.Token()).Retrieve(testContext(t))
	mustSucceed(t, err)
	checkEqual(t, "keys", awstest.Keys{AccessKeyID: got.AccessKeyID, SecretAccessKey: got.SecretAccessKey,
		SessionToken: got.SessionToken, Expiration: got.Expires}, want)

	_, err = endpointProvider(s, "wrong").Retrieve(testContext(t))
	checkError(t, err, "AccessDeniedException", "the authorization token is missing or wrong")
	served, refused := s.Credentials.Fetches()
	checkEqual(t, "served", served, 1)
	checkEqual(t, "refused", refused, 1)
}

// The endpoint fails as often as it is told.
func TestContainerCredentialsFail(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	provider := endpointProvider(s, s.Credentials.Token())
	for _, fault := range []awstest.Fault{awstest.InternalError(), awstest.Reset(), awstest.Unavailable()} {
		s.Credentials.Fail(2, fault) // net/http repeats a GET that a used connection failed.
		if _, err := provider.Retrieve(testContext(t)); err == nil {
			t.Error("a failing endpoint gave credentials")
		}
	}
	s.Credentials.Fail(1, awstest.InternalError())
	if _, err := provider.Retrieve(testContext(t)); err == nil {
		t.Error("a failing endpoint gave credentials")
	}
	if _, err := provider.Retrieve(testContext(t)); err != nil {
		t.Errorf("failing once more than told: %v", err)
	}
	s.Credentials.Fail(-1, awstest.Hang())
	for range 2 {
		if _, err := provider.Retrieve(shortContext(t)); err == nil {
			t.Error("a hanging endpoint gave credentials")
		}
	}
	s.Credentials.Fail(0, awstest.Fault{})
	if _, err := provider.Retrieve(testContext(t)); err != nil {
		t.Error(err)
	}
}

// Once enforced, keys of before are refused like keys that AWS does not know.
func TestEnforcedKeys(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	s.Secrets.PutString("a", "x")
	client := secretsClient(s, "eu-west-1")
	read := func() error {
		_, err := client.GetSecretValue(testContext(t), &secretsmanager.GetSecretValueInput{SecretId: aws.String("a")})
		return err
	}
	s.Credentials.Enforce(true)
	mustSucceed(t, read())
	s.Credentials.SetKeys(awstest.Keys{AccessKeyID: "ASIA2", SecretAccessKey: "s", SessionToken: "t"})
	checkError(t, read(), "UnrecognizedClientException", "The security token included in the request is invalid.")
	s.Credentials.Enforce(false)
	mustSucceed(t, read())
}
