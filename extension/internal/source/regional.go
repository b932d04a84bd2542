package source

import (
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// regional keeps one client for each region that is read: a name is read in the function's own region, an ARN
// in the ARN's. A client is made by the first read that needs it, so that a start pays for none.
type regional[Client any] struct {
	own     string
	connect func(region string) Client

	mu      sync.Mutex
	clients map[string]Client
}

// mostRegions is more than one function reads in; ARNs of regions that do not exist fill no memory.
const mostRegions = 32

func (r *regional[Client]) in(q Query) (Client, *Error) {
	var none Client
	region, err := q.region(r.own)
	if err != nil {
		return none, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	client, known := r.clients[region]
	if !known {
		client = r.connect(region)
		if r.clients == nil || len(r.clients) == mostRegions {
			r.clients = make(map[string]Client, 1)
		}
		r.clients[strings.Clone(region)] = client
	}
	return client, nil
}

// region is where the query is to be read. It refuses what no region could answer: an ARN of another service,
// or one that is incomplete.
func (q Query) region(own string) (string, *Error) {
	if !strings.HasPrefix(q.Name, "arn:") {
		if own == "" {
			return "", &Error{Class: Invalid, Code: "MissingRegion",
				Message: "no region is set: set AWS_REGION, or read by ARN"}
		}
		return own, nil
	}
	parsed, err := arn.Parse(q.Name)
	if err != nil || parsed.Service != q.Service.String() || parsed.Resource == "" || !isRegion(parsed.Region) {
		return "", &Error{Class: Invalid, Code: "InvalidARN",
			Message: "not an ARN of this service: allowed is arn:PARTITION:" + q.Service.String() + ":REGION:ACCOUNT:…"}
	}
	return parsed.Region, nil
}

// isRegion keeps anything out of the endpoint's host name that is not a plain label.
func isRegion(region string) bool {
	for _, c := range []byte(region) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return region != "" && len(region) <= 32
}
