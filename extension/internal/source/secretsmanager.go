package source

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// secretsManager reads secrets, by GetSecretValue.
type secretsManager struct {
	upstream    *upstream
	connections *httpClient
	clients     regional[*secretsmanager.Client]
}

func newSecretsManager(cfg Config) *secretsManager {
	connections := newHTTPClient(cfg)
	return &secretsManager{
		upstream:    newUpstream(cfg, cfg.SecretsManager),
		connections: connections,
		clients: regional[*secretsmanager.Client]{own: cfg.Region, connect: func(region string) *secretsmanager.Client {
			options := secretsmanager.Options{
				Region:       region,
				Credentials:  cfg.Credentials,
				HTTPClient:   connections,
				Retryer:      aws.NopRetryer{}, // upstream retries, inside one budget
				BaseEndpoint: cfg.SecretsManager.base(),
			}
			if options.BaseEndpoint == nil { // the SDK refuses to combine them with an endpoint of the user's
				options.EndpointOptions.UseFIPSEndpoint = cfg.fips()
				options.EndpointOptions.UseDualStackEndpoint = cfg.dualStack()
			}
			return secretsmanager.New(options)
		}},
	}
}

// Read implements Source.
func (s *secretsManager) Read(ctx context.Context, q Query) (Value, error) {
	const operation = "GetSecretValue"
	client, err := s.clients.in(q)
	if err != nil {
		return Value{}, err.during(operation, q)
	}
	input := &secretsmanager.GetSecretValueInput{
		SecretId:     &q.Name,
		VersionId:    optional(q.VersionID),
		VersionStage: optional(q.VersionStage),
	}
	var answer *secretsmanager.GetSecretValueOutput
	err = s.upstream.call(ctx, func(ctx context.Context) (err error) {
		answer, err = client.GetSecretValue(ctx, input)
		return err
	})
	if err != nil {
		return Value{}, err.during(operation, q)
	}
	body, failed := json.Marshal(answer)
	if failed != nil || answer.ARN == nil {
		return Value{}, unreadable().during(operation, q)
	}
	return Value{Body: body, ARN: *answer.ARN, VersionID: aws.ToString(answer.VersionId)}, nil
}
