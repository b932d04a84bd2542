package cloudwatch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// client makes CloudWatch Logs' calls by hand. The SDK's client for them would be linked into every start, and its
// package alone costs a start 0.4 ms; the SDK's signer is there anyway.
type client struct {
	region      string
	endpoint    string
	credentials aws.CredentialsProvider
	http        *http.Client
	signer      *v4.Signer
}

// attemptTimeout bounds one call.
const attemptTimeout = 3 * time.Second

// apiError is an error that AWS reported.
type apiError struct {
	operation string
	code      string
	status    int
}

func (e *apiError) Error() string { return e.operation + ": " + e.code }

// event is one line. Its time is in milliseconds since 1970.
type event struct {
	Timestamp int64  `json:"timestamp"`
	Message   string `json:"message"`
}

// rejected says which events of a call CloudWatch did not take. The indexes are those of RejectedLogEventsInfo.
type rejected struct {
	TooNewStart *int `json:"tooNewLogEventStartIndex"`
	TooOldEnd   *int `json:"tooOldLogEventEndIndex"`
	ExpiredEnd  *int `json:"expiredLogEventEndIndex"`
}

// count is how many of so many events were not taken.
func (r *rejected) count(events int) int {
	if r == nil {
		return 0
	}
	old, recent := 0, events
	for _, end := range []*int{r.TooOldEnd, r.ExpiredEnd} {
		if end != nil {
			old = max(old, *end)
		}
	}
	if r.TooNewStart != nil {
		recent = *r.TooNewStart
	}
	return min(events, max(0, old)+max(0, events-recent))
}

func (c *client) putLogEvents(ctx context.Context, group, stream string, events []event) (*rejected, error) {
	var answer struct {
		Rejected *rejected `json:"rejectedLogEventsInfo"`
	}
	err := c.call(ctx, "PutLogEvents", map[string]any{
		"logGroupName": group, "logStreamName": stream, "logEvents": events,
	}, &answer)
	return answer.Rejected, err
}

func (c *client) createLogStream(ctx context.Context, group, stream string) error {
	return c.call(ctx, "CreateLogStream", map[string]any{"logGroupName": group, "logStreamName": stream}, nil)
}

func (c *client) createLogGroup(ctx context.Context, group string) error {
	return c.call(ctx, "CreateLogGroup", map[string]any{"logGroupName": group}, nil)
}

// call makes one call of the JSON 1.1 protocol. No error of it holds what was sent.
func (c *client) call(ctx context.Context, operation string, input, output any) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	body, err := json.Marshal(input)
	if err != nil {
		return &apiError{operation: operation, code: "NotEncoded"}
	}
	credentials, err := c.credentials.Retrieve(ctx)
	if err != nil {
		return &apiError{operation: operation, code: "NoCredentials"}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return &apiError{operation: operation, code: "InvalidEndpoint"}
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "Logs_20140328."+operation)
	hash := sha256.Sum256(body)
	if err := c.signer.SignHTTP(ctx, credentials, request, hex.EncodeToString(hash[:]), "logs", c.region, time.Now()); err != nil {
		return &apiError{operation: operation, code: "NotSigned"}
	}
	response, err := c.http.Do(request)
	if err != nil {
		return unanswered(ctx, operation)
	}
	defer response.Body.Close()
	const longest = 1 << 20
	answer, err := io.ReadAll(io.LimitReader(response.Body, longest))
	if err != nil {
		return unanswered(ctx, operation)
	}
	if response.StatusCode != http.StatusOK {
		return &apiError{operation: operation, code: codeOf(response, answer), status: response.StatusCode}
	}
	if output != nil && len(answer) > 0 && json.Unmarshal(answer, output) != nil {
		return &apiError{operation: operation, code: "UnreadableAnswer"}
	}
	return nil
}

// unanswered says in a code why no answer came: the error's own text may hold a proxy's address with its password.
func unanswered(ctx context.Context, operation string) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &apiError{operation: operation, code: "Timeout"}
	}
	return &apiError{operation: operation, code: "NoConnection"}
}

// codeOf finds the code of an error: in a header or in the body, with or without a namespace before it and an address
// behind (Smithy's awsJson1_1).
func codeOf(response *http.Response, body []byte) string {
	var answer struct {
		Type string `json:"__type"`
		Code string `json:"code"`
	}
	code := response.Header.Get("X-Amzn-Errortype")
	if code == "" && json.Unmarshal(body, &answer) == nil {
		if code = answer.Type; code == "" {
			code = answer.Code
		}
	}
	code, _, _ = strings.Cut(code, ":")
	code = code[strings.LastIndexByte(code, '#')+1:]
	if code == "" || len(code) > 100 {
		return fmt.Sprintf("HTTP%d", response.StatusCode)
	}
	return code
}

func newHTTPClient(authorities *x509.CertPool) *http.Client {
	const connectTimeout, idleTimeout = time.Second, 45 * time.Second
	dialer := &net.Dialer{Timeout: connectTimeout}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         dialer.DialContext,
			TLSClientConfig:     &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: connectTimeout,
			MaxConnsPerHost:     1,
			IdleConnTimeout:     idleTimeout,
			DisableCompression:  true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
