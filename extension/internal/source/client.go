package source

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Config says where AWS is and what may be asked of it.
type Config struct {
	// Region is where names are read that are not ARNs; empty refuses them.
	Region string
	// Credentials sign the calls; never nil.
	Credentials    *Credentials
	SecretsManager Upstream
	ParameterStore Upstream
	// MaxConnections bounds the calls under way to each service; at least 1.
	MaxConnections int
	// MaxAttempts bounds the attempts of one read; 0 stands for 5.
	MaxAttempts int
	// Batch lets reads that wait for a connection go together in one call, which needs an action of its own.
	Batch bool
	// BatchDenied is told once, with the missing action, that the role may not make such calls; nil ignores it.
	BatchDenied  func(action string)
	UseFIPS      bool
	UseDualStack bool
	// RootCAs replaces the system's authorities; nil for these.
	RootCAs *x509.CertPool
}

// Upstream is what is particular to one service.
type Upstream struct {
	// Endpoint replaces AWS's own; empty for the region's.
	Endpoint string
	// Budget bounds one read, all its attempts and waits together; more than 0.
	Budget time.Duration
}

func (u Upstream) base() *string { return optional(u.Endpoint) }

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func (c Config) fips() aws.FIPSEndpointState {
	if c.UseFIPS {
		return aws.FIPSEndpointStateEnabled
	}
	return aws.FIPSEndpointStateUnset
}

func (c Config) dualStack() aws.DualStackEndpointState {
	if c.UseDualStack {
		return aws.DualStackEndpointStateEnabled
	}
	return aws.DualStackEndpointStateUnset
}

const (
	connectTimeout = time.Second
	// idleTimeout is shorter than the time after which AWS, or a NAT gateway on the way, closes a connection.
	idleTimeout = 45 * time.Second
)

// httpClient is the client of one service. It makes as many connections as the service may use, and keeps them.
type httpClient struct{ http.Client }

// Do implements the SDK's HTTPClient. The SDK closes a request's body once the answer has begun; its body's WriteTo
// then reports the end as an error, by which the transport takes the connection for broken and gives it up. Without
// WriteTo, connections are kept.
func (c *httpClient) Do(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		request.Body = struct{ io.ReadCloser }{request.Body}
	}
	return c.Client.Do(request)
}

func newHTTPClient(cfg Config, budget time.Duration) *httpClient {
	// Shorter than an attempt, which has half the budget: that no connection could be made tells more than that the time
	// was over.
	connect := min(connectTimeout, budget*2/5)
	dialer := &net.Dialer{Timeout: connect, KeepAlive: 15 * time.Second}
	return &httpClient{http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         dialer.DialContext,
			TLSClientConfig:     &tls.Config{RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: connect,
			MaxConnsPerHost:     cfg.MaxConnections,
			MaxIdleConnsPerHost: cfg.MaxConnections,
			IdleConnTimeout:     idleTimeout,
			DisableCompression:  true, // answers are small, and a secret is not to be guessed by its packed length
		},
		// An API does not redirect; a redirected call would carry its signature elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}
