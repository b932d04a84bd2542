package source

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// parameterStore reads parameters, by GetParameter and GetParameters.
type parameterStore struct {
	clients regional[*ssm.Client]
}

func newParameterStore(cfg Config) *upstream {
	connections := newHTTPClient(cfg, cfg.ParameterStore.Budget)
	connect := func(region string) *ssm.Client {
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
	}
	return newUpstream(cfg, cfg.ParameterStore, connections, &parameterStore{
		clients: regional[*ssm.Client]{own: cfg.Region, connect: connect},
	})
}

func (p *parameterStore) operation() string   { return "GetParameter" }
func (p *parameterStore) batchAction() string { return "ssm:GetParameters" }

func (p *parameterStore) get(ctx context.Context, q Query) (Value, error) {
	client, failed := p.clients.in(q)
	if failed != nil {
		return Value{}, failed
	}
	name := withSelector(q)
	answer, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: &q.WithDecryption})
	if err != nil {
		return Value{}, err
	}
	return parameterValue(answer)
}

// group says no to ARNs, which the answer may not repeat, and to what Parameter Store reads elsewhere.
func (p *parameterStore) group(q Query) (group, bool) {
	can := !strings.HasPrefix(q.Name, "arn:") && !strings.HasPrefix(q.Name, "/aws/reference/") && p.clients.own != ""
	return group{service: ParameterStore, region: p.clients.own, withDecryption: q.WithDecryption}, can
}

func (p *parameterStore) most() int { return 10 }

func (p *parameterStore) getMany(ctx context.Context, queries []Query) ([]Value, error) {
	client, failed := p.clients.in(queries[0])
	if failed != nil {
		return nil, failed
	}
	names := make([]string, len(queries))
	places := make(map[string]int, len(queries))
	for i, q := range queries {
		names[i] = withSelector(q)
		name, _ := splitSelector(names[i])
		places[name] = i
	}
	answer, err := client.GetParameters(ctx, &ssm.GetParametersInput{Names: names, WithDecryption: &queries[0].WithDecryption})
	if err != nil {
		return nil, err
	}
	values := make([]Value, len(queries))
	for _, parameter := range answer.Parameters {
		value, err := parameterValue(&ssm.GetParameterOutput{Parameter: &parameter})
		if err != nil {
			return nil, err
		}
		if i, asked := places[aws.ToString(parameter.Name)]; asked {
			values[i] = value
		}
	}
	return values, nil
}

func withSelector(q Query) string {
	if q.Selector == "" {
		return q.Name
	}
	return q.Name + ":" + q.Selector
}

// splitSelector takes the version or label off a name, in which no colon may stand otherwise.
func splitSelector(name string) (bare, selector string) {
	bare, selector, _ = strings.Cut(name, ":")
	return bare, selector
}

func parameterValue(answer *ssm.GetParameterOutput) (Value, error) {
	body, err := json.Marshal(answer)
	if err != nil || answer.Parameter == nil {
		return Value{}, unreadable()
	}
	return Value{Body: body, VersionID: strconv.FormatInt(answer.Parameter.Version, 10)}, nil
}
