package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
)

// Both are told to the caller as they stand here.
var (
	errNoCredentials = errors.New("no AWS credentials: neither AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY nor " +
		"AWS_CONTAINER_CREDENTIALS_FULL_URI is set")
	errFetchingCredentials = errors.New("no AWS credentials: the endpoint of AWS_CONTAINER_CREDENTIALS_FULL_URI " +
		"gives none")
)

// CredentialsConfig says where credentials come from.
type CredentialsConfig struct {
	// The keys of the environment. A session token marks them as the function's own.
	AccessKeyID, SecretAccessKey, SessionToken string
	// ContainerURI hands out credentials that expire; empty for none.
	ContainerURI string
	// ContainerToken goes there as Authorization, or the content of ContainerTokenFile if that is set.
	ContainerToken, ContainerTokenFile string
}

// Credentials provides what calls are signed with. It implements aws.CredentialsProvider.
type Credentials struct {
	keys      aws.Credentials
	container *aws.CredentialsCache // nil if there is no endpoint
	useKeys   atomic.Bool           // instead of the endpoint

	mu      sync.Mutex
	refused time.Time // when the former ones were given up
	session string    // the session token that was seen last, and the one before
	former  string
	looked  time.Time // when somebody's token was looked for at the endpoint
}

// NewCredentials chooses the provider; nothing is fetched before a call has to be signed. Keys with a session
// token are the function's. Keys without one give way to a container endpoint: under SnapStart the platform
// sets the endpoint, and an access key may still stand in the environment.
func NewCredentials(cfg CredentialsConfig) *Credentials {
	c := &Credentials{keys: aws.Credentials{
		AccessKeyID:     cfg.AccessKeyID,
		SecretAccessKey: cfg.SecretAccessKey,
		SessionToken:    cfg.SessionToken,
		Source:          "Environment",
	}}
	c.useKeys.Store(cfg.ContainerURI == "" || (c.keys.HasKeys() && cfg.SessionToken != ""))
	if cfg.ContainerURI == "" {
		return c
	}
	const fetchTimeout = time.Second // the endpoint is on the same host
	endpoint := endpointcreds.New(cfg.ContainerURI, func(o *endpointcreds.Options) {
		o.HTTPClient = &http.Client{Timeout: fetchTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
		o.AuthorizationToken = cfg.ContainerToken
		if cfg.ContainerTokenFile != "" {
			o.AuthorizationTokenProvider = endpointcreds.TokenProviderFunc(func() (string, error) {
				token, err := os.ReadFile(cfg.ContainerTokenFile)
				return string(token), err
			})
		}
		o.Retryer = aws.NopRetryer{}
	})
	c.container = aws.NewCredentialsCache(endpoint, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow = 5 * time.Minute
		o.ExpiryWindowJitterFrac = 0.5
	})
	return c
}

// Retrieve implements aws.CredentialsProvider.
func (c *Credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if !c.useKeys.Load() {
		fetched, err := c.container.Retrieve(ctx)
		if err != nil {
			return aws.Credentials{}, fmt.Errorf("%w: %w", errFetchingCredentials, err)
		}
		return fetched, nil
	}
	if !c.keys.HasKeys() {
		return aws.Credentials{}, errNoCredentials
	}
	return c.keys, nil
}

// Refused takes note that AWS did not take the credentials of a call that began at that time. It says whether the next
// call is signed with others.
func (c *Credentials) Refused(begin time.Time) bool {
	if c.container == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if begin.Before(c.refused) { // another call was refused since, and gave up the same credentials
		return true
	}
	c.refused = time.Now()
	if !c.useKeys.Swap(false) { // from now on the endpoint counts
		c.container.Invalidate()
	}
	return true
}

// Forget makes the next call fetch credentials anew, where they are fetched. Session tokens of former ones count no more.
func (c *Credentials) Forget() {
	if c.container != nil {
		c.container.Invalidate()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session, c.former = "", ""
}
