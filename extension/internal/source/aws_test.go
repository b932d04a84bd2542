package source_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/source"
)

// canary is in every value and credential of these tests, and must not be in any error.
const canary = "canary-3f9a"

// mustConnect is the source in front of a pretended AWS, with the settings that change makes of the usual ones.
func mustConnect(t *testing.T, aws *awstest.Server, change func(*source.Config)) *source.Services {
	t.Helper()
	keys := aws.Credentials.Keys()
	cfg := source.Config{
		Region: "eu-west-1",
		Credentials: source.NewCredentials(source.CredentialsConfig{
			AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey, SessionToken: keys.SessionToken,
		}),
		SecretsManager: source.Upstream{Endpoint: aws.URL(), Budget: awstest.Patience},
		ParameterStore: source.Upstream{Endpoint: aws.URL(), Budget: awstest.Patience},
		MaxConnections: 3,
	}
	if change != nil {
		change(&cfg)
	}
	services := source.New(cfg)
	t.Cleanup(services.Reset)
	return services
}

func mustStart(t *testing.T) *awstest.Server {
	t.Helper()
	aws := awstest.MustStart(t, awstest.Options{})
	aws.Secrets.PutString("a", canary)
	aws.Parameters.PutString("a", canary)
	return aws
}

func secret(name string) source.Query {
	return source.Query{Service: source.SecretsManager, Name: name}
}

func parameter(name string) source.Query {
	return source.Query{Service: source.ParameterStore, Name: name}
}

func both(name string) []source.Query { return []source.Query{secret(name), parameter(name)} }

func mustRead(t *testing.T, s *source.Services, q source.Query) source.Value {
	t.Helper()
	value, err := s.Read(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// mustFail reads, and returns the error, which has to name what was read, and to be one line without a secret.
func mustFail(t *testing.T, s *source.Services, q source.Query) *source.Error {
	t.Helper()
	value, err := s.Read(context.Background(), q)
	var failed *source.Error
	if !errors.As(err, &failed) {
		t.Fatalf("got %v", err)
	}
	operation := map[source.Service]string{source.SecretsManager: "GetSecretValue", source.ParameterStore: "GetParameter"}[q.Service]
	if failed.Operation != operation || failed.Name != q.Name || failed.Code == "" || value.Body != nil {
		t.Errorf("got %+v with a body of %d bytes", failed, len(value.Body))
	}
	if !strings.HasPrefix(failed.Error(), operation+" "+q.Name+": "+failed.Code) {
		t.Errorf("got %q", failed.Error())
	}
	if strings.Contains(failed.Error(), canary) {
		t.Errorf("a secret is in %q", failed.Error())
	}
	return failed
}

// once lets a read make one attempt.
func once(cfg *source.Config) { cfg.MaxAttempts = 1 }

// within gives every read a budget.
func within(budget time.Duration) func(*source.Config) {
	return func(cfg *source.Config) { cfg.SecretsManager.Budget, cfg.ParameterStore.Budget = budget, budget }
}
