package awstest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"larder/extension/internal/awstest"
)

// readBoth makes a read of each service and returns their errors.
func readBoth(t *testing.T, ctx context.Context, s *awstest.Server) (secret, parameter error) {
	t.Helper()
	_, secret = secretsClient(s, "eu-west-1").GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("a")})
	_, parameter = parametersClient(s, "eu-west-1").GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("a")})
	return secret, parameter
}

func startWithValues(t *testing.T, options awstest.Options) *awstest.Server {
	t.Helper()
	s := awstest.MustStart(t, options)
	s.Secrets.PutString("a", "x")
	s.Parameters.PutString("a", "x")
	return s
}

// Faults in the services' own form have the code that the SDK knows for them.
func TestRefusals(t *testing.T) {
	s := startWithValues(t, awstest.Options{})
	for _, row := range []struct {
		fault           awstest.Fault
		secret, message string
		parameter       string
	}{
		{awstest.Throttled(), "ThrottlingException", "Rate exceeded", "ThrottlingException"},
		{awstest.InternalError(), "InternalServiceError", "An error occurred on the server side.", "InternalServerError"},
		{awstest.ExpiredToken(), "ExpiredTokenException", "The security token included in the request is expired",
			"ExpiredTokenException"},
		{awstest.UnrecognizedClient(), "UnrecognizedClientException",
			"The security token included in the request is invalid.", "UnrecognizedClientException"},
		{awstest.Refused(400, "DecryptionFailure", "no"), "DecryptionFailure", "no", "DecryptionFailure"},
	} {
		s.Faults.All(row.fault)
		secret, parameter := readBoth(t, testContext(t), s)
		checkError(t, secret, row.secret, row.message)
		checkError(t, parameter, row.parameter, row.message)
		s.Faults.Clear()
	}
	if secret, parameter := readBoth(t, testContext(t), s); secret != nil || parameter != nil {
		t.Errorf("after Clear: %v, %v", secret, parameter)
	}
}

// An error is understood by the header alone, too.
func TestErrorTypeInHeader(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{ErrorTypeInHeader: true})
	secret, parameter := readBoth(t, testContext(t), s)
	checkError(t, secret, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	checkError(t, parameter, "ParameterNotFound", "")
}

// What a proxy or a load balancer answers is no API error to the SDK, but has
// its status.
func TestForeignAnswers(t *testing.T) {
	s := startWithValues(t, awstest.Options{})
	for status, fault := range map[int]awstest.Fault{
		http.StatusOK:                 awstest.Garbage(),
		http.StatusServiceUnavailable: awstest.Unavailable(),
		http.StatusBadGateway:         awstest.Raw(http.StatusBadGateway, "text/plain", ""),
	} {
		s.Faults.Next(2, fault)
		secret, parameter := readBoth(t, testContext(t), s)
		for _, err := range []error{secret, parameter} {
			var response *awshttp.ResponseError
			if err == nil || errors.As(err, &response) && response.HTTPStatusCode() != status {
				t.Errorf("%d: got %v", status, err)
			}
		}
		checkEqual(t, "status of the last call", s.Counts.Last().Status, status)
	}
}

// The faults of a connection are those of real ones, over TLS as well.
func TestConnectionFaults(t *testing.T) {
	for _, options := range []awstest.Options{{}, {TLS: true}} {
		s := startWithValues(t, options)
		client := &http.Client{Transport: trusting(t, s)}
		read := func(ctx context.Context) error {
			response, err := client.Do(signedRequest(ctx, s, `{"SecretId":"a"}`))
			if err != nil {
				return err
			}
			defer response.Body.Close()
			_, err = io.ReadAll(response.Body)
			return err
		}
		if err := read(testContext(t)); err != nil {
			t.Fatal(err)
		}
		s.Faults.Next(1, awstest.Cut())
		if err := read(testContext(t)); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut: got %v", err)
		}
		s.Faults.Next(1, awstest.Hang())
		if err := read(shortContext(t)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("hang: got %v", err)
		}
		s.Faults.Next(2, awstest.Reset()) // net/http tries once more on a connection that served before.
		if err := read(testContext(t)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("reset: got %v", err)
		}
		checkEqual(t, "status of the last call", s.Counts.Last().Status, 0)
		s.Counts.MustWaitQuiet(t)
	}
}

// Close ends what hangs, so that no test outlives its fake.
func TestCloseEndsHungCalls(t *testing.T) {
	s := startWithValues(t, awstest.Options{})
	s.Faults.All(awstest.Hang())
	done := make(chan error)
	go func() {
		secret, _ := readBoth(t, context.Background(), s)
		done <- secret
	}()
	s.Counts.MustWaitInFlight(t, awstest.SecretsManager, 1)
	s.Close()
	select {
	case err := <-done:
		if err == nil {
			t.Error("a hung call succeeded")
		}
	case <-time.After(awstest.Patience):
		t.Fatal("Close left a call hanging")
	}
}

// Rules apply in their order, to what they name, as often as they say.
func TestRules(t *testing.T) {
	s := startWithValues(t, awstest.Options{})
	arn := s.Secrets.PutString("b", "x")
	s.Faults.Add(awstest.Rule{Operation: awstest.GetParameter, Times: 1, Fault: awstest.Throttled()})
	s.Faults.Add(awstest.Rule{Name: "b", Times: 2, Fault: awstest.ExpiredToken()})

	secret, parameter := readBoth(t, testContext(t), s)
	mustSucceed(t, secret)
	checkError(t, parameter, "ThrottlingException", "Rate exceeded")
	_, parameter = readBoth(t, testContext(t), s)
	mustSucceed(t, parameter)
	for i, id := range []string{"b", arn, "b"} {
		_, err := readSecret(t, s, secretsmanager.GetSecretValueInput{SecretId: &id})
		if (err == nil) != (i == 2) {
			t.Errorf("read %d of b: %v", i, err)
		}
	}
}

// Calls wait in a hold, and only those it names; they are answered when it is
// released, also a second time.
func TestHold(t *testing.T) {
	s := startWithValues(t, awstest.Options{})
	release := s.Faults.Hold(awstest.GetSecretValue)
	var done sync.WaitGroup
	for range 3 {
		done.Go(func() {
			if secret, _ := readBoth(t, testContext(t), s); secret != nil {
				t.Error(secret)
			}
		})
	}
	s.Counts.MustWaitInFlight(t, awstest.SecretsManager, 3)
	if _, err := readParameter(t, s, "a", false); err != nil {
		t.Error(err)
	}
	checkEqual(t, "in flight", s.Counts.InFlight(awstest.SecretsManager), 3)
	release()
	release()
	done.Wait()
	checkEqual(t, "most in flight", s.Counts.MaxInFlight(awstest.SecretsManager), 3)
	checkEqual(t, "in flight in the end", s.Counts.InFlight(""), 0)
}

// A latency holds for its operation alone, where it has one.
func TestLatency(t *testing.T) {
	s := startWithValues(t, awstest.Options{})
	s.Faults.SetLatency("", time.Hour)
	s.Faults.SetLatency(awstest.GetParameter, 30*time.Millisecond)
	begun := time.Now()
	if _, err := readParameter(t, s, "a", false); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < 30*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
	if secret, _ := readBoth(t, shortContext(t), s); secret == nil {
		t.Error("a call with an hour of latency was answered at once")
	}
	s.Faults.SetLatency("", 0)
	if secret, _ := readBoth(t, testContext(t), s); secret != nil {
		t.Error(secret)
	}
}

// The rate limit gives a burst, refuses what is over it with the services' code,
// and refills with the clock. The two services have one each.
func TestRate(t *testing.T) {
	clock := &manualClock{now: time.Unix(1_700_000_000, 0)}
	s := startWithValues(t, awstest.Options{Now: clock.Now})
	s.Faults.SetRate(awstest.ParameterStore, 40)
	served := func() int {
		n := 0
		for range 50 {
			if _, err := readParameter(t, s, "a", false); err == nil {
				n++
			} else {
				checkError(t, err, "ThrottlingException", "Rate exceeded")
			}
		}
		return n
	}
	checkEqual(t, "first burst", served(), 40)
	clock.advance(250 * time.Millisecond)
	checkEqual(t, "a quarter of a second later", served(), 10)
	clock.advance(time.Hour)
	checkEqual(t, "after an hour", served(), 40)
	secret, _ := readBoth(t, testContext(t), s)
	mustSucceed(t, secret)
	s.Faults.SetRate(awstest.ParameterStore, 0)
	checkEqual(t, "without a limit", served(), 50)
}

type manualClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *manualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *manualClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// signedRequest is a call without the SDK, for what the SDK hides.
func signedRequest(ctx context.Context, s *awstest.Server, body string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL(), strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/secretsmanager/aws4_request, "+
		"SignedHeaders=host, Signature=00")
	return r
}

// A dropped connection is found dead by who had it idle, and a new one serves.
func TestDropConnections(t *testing.T) {
	s := startWithValues(t, awstest.Options{})
	client := &http.Client{Transport: trusting(t, s)}
	read := func() error {
		response, err := client.Do(signedRequest(testContext(t), s, `{"SecretId":"a"}`))
		if err != nil {
			return err
		}
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
	mustSucceed(t, read())
	mustSucceed(t, read())
	checkEqual(t, "connections", s.Counts.Connections(), 1)
	s.DropConnections()
	if err := read(); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	mustSucceed(t, read())
	checkEqual(t, "connections after the drop", s.Counts.Connections(), 2)
}

// A listener that is gone refuses connections: an outage that no fault needs to
// play.
func TestClosedServerRefuses(t *testing.T) {
	s := startWithValues(t, awstest.Options{})
	address := strings.TrimPrefix(s.URL(), "http://")
	s.Close()
	s.Close()
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("a closed fake accepts connections")
	}
}
