package main_test

import (
	"bufio"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/lambdatest"
)

// MAX_CONNECTIONS bounds the calls towards AWS, for each of the two services by itself.
func TestMaxConnections(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		value string
		most  int
	}{{"", 3}, {"1", 1}, {"5", 5}} {
		t.Run("value "+row.value, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			store := awstest.MustStart(t, awstest.Options{}) // the services are two hosts, as AWS's are
			p := s.start("PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS="+row.value, "AWS_ENDPOINT_URL_SSM="+store.URL(),
				"SECRETS_MANAGER_TIMEOUT_MILLIS=15000", "SSM_PARAMETER_STORE_TIMEOUT_MILLIS=15000")
			releaseSecrets, releaseParameters := s.aws.Faults.Hold(""), store.Faults.Hold("")
			defer releaseSecrets()
			defer releaseParameters()
			const each = 12
			var reads sync.WaitGroup
			for n := range each {
				id := string(rune('a' + n))
				for _, target := range []string{"/secretsmanager/get?secretId=" + id, "/systemsmanager/parameters/get?name=" + id} {
					reads.Go(func() {
						if _, err := p.try(request{target: target}); err != nil {
							t.Error(err)
						}
					})
				}
			}
			s.aws.Counts.MustWaitInFlight(t, "", row.most)
			store.Counts.MustWaitInFlight(t, "", row.most)
			releaseSecrets()
			releaseParameters()
			reads.Wait()
			for service, counts := range map[string]*awstest.Counts{"secrets": s.aws.Counts, "parameters": store.Counts} {
				if got := counts.MaxInFlight(""); got != row.most {
					t.Errorf("%d calls for %s at one time, want %d", got, service, row.most)
				}
				if got := counts.MaxOpen(""); got > row.most {
					t.Errorf("%d connections for %s at one time, want %d at most", got, service, row.most)
				}
				if n := counts.Of(""); n != each {
					t.Errorf("%d calls for %s, want %d", n, service, each)
				}
			}
		})
	}
}

// The time limits bound one read in all, each that of its own service; without them a function with Lambda's
// default limit of 3 s still gets an answer.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, target, setting string
		least, most           time.Duration
	}{
		{"secrets", secretTarget, "SECRETS_MANAGER_TIMEOUT_MILLIS=300", 250, 800},
		{"parameters", parameterTarget, "SSM_PARAMETER_STORE_TIMEOUT_MILLIS=300", 250, 800},
		{"default of secrets", secretTarget, "SSM_PARAMETER_STORE_TIMEOUT_MILLIS=300", 1500, 2950},
		{"default of parameters", parameterTarget, "SSM_PARAMETER_STORE_TIMEOUT_MILLIS=0", 1500, 2950},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.aws.Faults.All(awstest.Hang())
			p := s.start(row.setting)
			a := p.get(row.target)
			checkError(t, a, http.StatusGatewayTimeout, "Timeout", awsSentence)
			if a.took < row.least*time.Millisecond || a.took > row.most*time.Millisecond {
				t.Errorf("it took %s", a.took)
			}
		})
	}
}

// AWS_MAX_ATTEMPTS bounds the calls for one read.
func TestMaxAttempts(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		value string
		calls int
	}{{"1", 1}, {"2", 2}, {"", 5}} {
		t.Run("value "+row.value, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.aws.Faults.All(awstest.InternalError())
			p := s.start("AWS_MAX_ATTEMPTS="+row.value, "SECRETS_MANAGER_TIMEOUT_MILLIS=15000")
			checkError(t, p.get(secretTarget), http.StatusBadGateway, "InternalServiceError")
			if n := s.aws.Counts.Of(""); n != row.calls {
				t.Errorf("%d calls, want %d", n, row.calls)
			}
		})
	}
}

// A service's own endpoint goes before the common one.
func TestEndpointVariables(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	secrets, parameters := awstest.MustStart(t, awstest.Options{}), awstest.MustStart(t, awstest.Options{})
	secrets.Secrets.PutString(secretName, canary)
	parameters.Parameters.PutString(parameterName, canary)
	p := s.start("AWS_ENDPOINT_URL_SECRETS_MANAGER="+secrets.URL(), "AWS_ENDPOINT_URL_SSM="+parameters.URL())
	p.mustRead(secretTarget)
	p.mustRead(parameterTarget)
	if common, first, second := s.aws.Counts.Of(""), secrets.Counts.Of(""), parameters.Counts.Of(""); common != 0 || first != 1 || second != 1 {
		t.Errorf("calls: %d to the common endpoint, %d and %d to the services' own", common, first, second)
	}
}

// AWS_CA_BUNDLE makes a certificate trusted that is not; without it there is no connection, and AWS hears nothing.
func TestCABundle(t *testing.T) {
	t.Parallel()
	s := newSceneOf(t, lambdatest.Options{}, awstest.Options{TLS: true})
	bundle := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(bundle, s.aws.Certificate(), 0o600); err != nil {
		t.Fatal(err)
	}
	without := s.start()
	checkError(t, without.get(secretTarget), http.StatusServiceUnavailable, "NoConnection", "AWS_CA_BUNDLE")
	without.finish()
	s.lambda.Restart()
	s.start("AWS_CA_BUNDLE=" + bundle).mustRead(secretTarget)
}

// The region, by either variable, signs the call; without one only an ARN can be read.
func TestRegionVariables(t *testing.T) {
	t.Parallel()
	s := newSceneOf(t, lambdatest.Options{}, awstest.Options{Region: "ap-south-1"})
	first := s.start("AWS_DEFAULT_REGION=eu-west-3")
	first.mustRead(secretTarget)
	if got := s.aws.Counts.Last().Region; got != "ap-south-1" {
		t.Errorf("signed for %s", got)
	}
	first.finish()
	s.lambda.Restart()
	second := s.start("AWS_REGION=", "AWS_DEFAULT_REGION=ap-south-1")
	second.mustRead(secretTarget)
	second.finish()
	s.lambda.Restart()
	third := s.start("AWS_REGION=", "AWS_DEFAULT_REGION=")
	checkError(t, third.get(secretTarget), http.StatusBadRequest, "MissingRegion", "AWS_REGION")
	third.mustRead("/secretsmanager/get?secretId=" + s.aws.Secrets.ARN(secretName))
}

// Without an endpoint of the user's, calls go to that of the region and the partition, over TLS. It is seen by a
// proxy that is asked for the connection, and refuses it.
func TestEndpointsOfAWS(t *testing.T) {
	t.Parallel()
	const secret, parameter = "/secretsmanager/get?secretId=", "/systemsmanager/parameters/get?name="
	for _, row := range []struct{ setting, target, host string }{
		{"", secret + "a", "secretsmanager.eu-west-1.amazonaws.com"},
		{"", parameter + "a", "ssm.eu-west-1.amazonaws.com"},
		{"AWS_USE_FIPS_ENDPOINT=true", secret + "a", "secretsmanager-fips.us-east-1.amazonaws.com"},
		{"AWS_USE_FIPS_ENDPOINT=true", parameter + "a", "ssm-fips.us-east-1.amazonaws.com"},
		{"AWS_USE_DUALSTACK_ENDPOINT=true", parameter + "a", "ssm.eu-west-1.api.aws"},
		{"", secret + "arn:aws:secretsmanager:sa-east-1:123456789012:secret:a-AbCdEf", "secretsmanager.sa-east-1.amazonaws.com"},
		{"", secret + "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:a-AbCdEf", "secretsmanager.cn-north-1.amazonaws.com.cn"},
		{"", parameter + "arn:aws-us-gov:ssm:us-gov-west-1:123456789012:parameter/a", "ssm.us-gov-west-1.amazonaws.com"},
	} {
		t.Run(row.host, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			asked := make(chan string, 10)
			environment := []string{"AWS_ENDPOINT_URL=", "AWS_MAX_ATTEMPTS=1", "HTTPS_PROXY=" + mustRefuseConnections(t, asked), row.setting}
			if strings.Contains(row.host, "us-east-1") {
				environment = append(environment, "AWS_REGION=us-east-1")
			}
			p := s.start(environment...)
			checkError(t, p.get(row.target), http.StatusServiceUnavailable, "NoConnection", awsSentence)
			if got := <-asked; got != row.host+":443" {
				t.Errorf("asked for %s, want %s:443", got, row.host)
			}
		})
	}
}

// mustRefuseConnections starts a proxy that tells which hosts it is asked for, and refuses them.
func mustRefuseConnections(t *testing.T, asked chan<- string) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			host := "no request"
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				host = r.Method + " " + r.Host
			}
			asked <- strings.TrimPrefix(host, "CONNECT ")
			_, _ = conn.Write([]byte("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")) // the client may be gone
			conn.Close()
		}
	}()
	return "http://" + listener.Addr().String()
}
