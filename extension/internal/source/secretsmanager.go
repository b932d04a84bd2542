package source

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// secretsManager reads secrets, by GetSecretValue and BatchGetSecretValue.
type secretsManager struct {
	clients regional[*secretsmanager.Client]
}

func newSecretsManager(cfg Config) *upstream {
	connections := newHTTPClient(cfg, cfg.SecretsManager.Budget)
	connect := func(region string) *secretsmanager.Client {
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
	}
	return newUpstream(cfg, cfg.SecretsManager, connections, &secretsManager{
		clients: regional[*secretsmanager.Client]{own: cfg.Region, connect: connect},
	})
}

func (s *secretsManager) operation() string   { return "GetSecretValue" }
func (s *secretsManager) batchAction() string { return "secretsmanager:BatchGetSecretValue" }

func (s *secretsManager) get(ctx context.Context, q Query) (Value, error) {
	client, failed := s.clients.in(q)
	if failed != nil {
		return Value{}, failed
	}
	answer, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{
		SecretId:     &q.Name,
		VersionId:    optional(q.VersionID),
		VersionStage: optional(q.VersionStage),
	})
	if err != nil {
		return Value{}, err
	}
	return secretValue(answer)
}

// group says no to all but AWSCURRENT: BatchGetSecretValue reads no other version.
func (s *secretsManager) group(q Query) (group, bool) {
	region, err := q.region(s.clients.own)
	return group{service: SecretsManager, region: region}, err == nil && q.VersionID == "" && q.VersionStage == ""
}

func (s *secretsManager) most() int { return 20 }

func (s *secretsManager) getMany(ctx context.Context, queries []Query) ([]Value, error) {
	client, failed := s.clients.in(queries[0])
	if failed != nil {
		return nil, failed
	}
	names := make([]string, len(queries))
	for i, q := range queries {
		names[i] = q.Name
	}
	answer, err := client.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: names})
	if err != nil {
		return nil, err
	}
	values := make([]Value, len(queries))
	for _, entry := range answer.SecretValues {
		value, err := secretValue(&secretsmanager.GetSecretValueOutput{
			ARN:           entry.ARN,
			CreatedDate:   entry.CreatedDate,
			Name:          entry.Name,
			SecretBinary:  entry.SecretBinary,
			SecretString:  entry.SecretString,
			VersionId:     entry.VersionId,
			VersionStages: entry.VersionStages,
		})
		if err != nil {
			return nil, err
		}
		is := isOf
		if !slices.ContainsFunc(queries, func(q Query) bool { return isOf(q, entry) }) {
			is = isPartOf
		}
		for i, q := range queries {
			if is(q, entry) {
				values[i] = value
			}
		}
	}
	return values, nil
}

// isOf says that a secret is the one that was asked for, by its name or its ARN.
func isOf(q Query, entry types.SecretValueEntry) bool {
	return q.Name == aws.ToString(entry.Name) || q.Name == aws.ToString(entry.ARN)
}

// isPartOf says that a secret may have been asked for by its ARN without the random suffix. Another secret's whole ARN
// can look like that, so this counts only where nobody asked for the secret by its own name.
func isPartOf(q Query, entry types.SecretValueEntry) bool {
	arn := aws.ToString(entry.ARN)
	return strings.HasPrefix(q.Name, "arn:") && len(arn) == len(q.Name)+len("-AbCdEf") && strings.HasPrefix(arn, q.Name+"-")
}

func secretValue(answer *secretsmanager.GetSecretValueOutput) (Value, error) {
	body, err := json.Marshal(answer)
	if err != nil || answer.ARN == nil {
		return Value{}, unreadable()
	}
	return Value{Body: body, ARN: *answer.ARN, VersionID: aws.ToString(answer.VersionId)}, nil
}
