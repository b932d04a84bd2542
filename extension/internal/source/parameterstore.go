package source

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// parameterStore reads parameters, by GetParameter.
type parameterStore struct {
	upstream    *upstream
	connections *httpClient
	clients     regional[*ssm.Client]
}

func newParameterStore(cfg Config) *parameterStore {
	connections := newHTTPClient(cfg)
	return &parameterStore{
		upstream:    newUpstream(cfg, cfg.ParameterStore),
		connections: connections,
		clients: regional[*ssm.Client]{own: cfg.Region, connect: func(region string) *ssm.Client {
			options := ssm.Options{
				Region:       region,
				Credentials:  cfg.Credentials,
				HTTPClient:   connections,
				Retryer:      aws.NopRetryer{}, // upstream retries, inside one budget
				BaseEndpoint: cfg.ParameterStore.base(),
			}
			if options.BaseEndpoint == nil { // the SDK refuses to combine them with an endpoint of the user's
				options.EndpointOptions.UseFIPSEndpoint = cfg.fips()
				options.EndpointOptions.UseDualStackEndpoint = cfg.dualStack()
			}
			return ssm.New(options)
		}},
	}
}

// Read implements Source.
func (p *parameterStore) Read(ctx context.Context, q Query) (Value, error) {
	const operation = "GetParameter"
	client, err := p.clients.in(q)
	if err != nil {
		return Value{}, err.during(operation, q)
	}
	name := q.Name
	if q.Selector != "" {
		name += ":" + q.Selector
	}
	input := &ssm.GetParameterInput{Name: &name, WithDecryption: &q.WithDecryption}
	var answer *ssm.GetParameterOutput
	err = p.upstream.call(ctx, func(ctx context.Context) (err error) {
		answer, err = client.GetParameter(ctx, input)
		return err
	})
	if err != nil {
		return Value{}, err.during(operation, q)
	}
	body, failed := json.Marshal(answer)
	if failed != nil || answer.Parameter == nil {
		return Value{}, unreadable().during(operation, q)
	}
	return Value{Body: body, VersionID: strconv.FormatInt(answer.Parameter.Version, 10)}, nil
}
