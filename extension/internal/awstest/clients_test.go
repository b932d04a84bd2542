package awstest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"larder/extension/internal/awstest"
)

// The clients are AWS's own, so that what they understand here they understand
// of AWS.

func secretsClient(s *awstest.Server, region string) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region:       region,
		BaseEndpoint: aws.String(s.URL()),
		Credentials:  staticKeys(s),
		Retryer:      aws.NopRetryer{},
	})
}

func parametersClient(s *awstest.Server, region string) *ssm.Client {
	return ssm.New(ssm.Options{
		Region:       region,
		BaseEndpoint: aws.String(s.URL()),
		Credentials:  staticKeys(s),
		Retryer:      aws.NopRetryer{},
	})
}

func staticKeys(s *awstest.Server) aws.CredentialsProvider {
	keys := s.Credentials.Keys()
	return credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken)
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), awstest.Patience)
	t.Cleanup(cancel)
	return ctx
}

// shortContext is for calls that are never answered.
func shortContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func checkError(t *testing.T, err error, code, message string) {
	t.Helper()
	var apiError smithy.APIError
	if !errors.As(err, &apiError) {
		t.Fatalf("got %v, want an API error %s", err, code)
	}
	if apiError.ErrorCode() != code || apiError.ErrorMessage() != message {
		t.Errorf("got %s: %q\nwant %s: %q", apiError.ErrorCode(), apiError.ErrorMessage(), code, message)
	}
}

func checkEqual[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func mustSucceed(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
