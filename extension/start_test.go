package main_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/lambdatest"
)

// The function's code starts once the extension has registered: by then both addresses have to take connections.
func TestPortIsBoundBeforeRegistering(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	var once sync.Once
	s.lambda.OnRegister(func(lambdatest.Registration) {
		once.Do(func() {
			for _, host := range loopback(t) {
				conn, err := s.dial(host)
				if err != nil {
					t.Errorf("before register was answered: %v", err)
					continue
				}
				conn.Close()
			}
		})
	})
	s.start()
}

// A function may read in its own INIT: a request that was sent before register was answered gets its value, on
// either address, and nothing has been invoked by then.
func TestReadsAreAnsweredDuringInit(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	conns := make(chan net.Conn, 2)
	s.lambda.OnRegister(func(lambdatest.Registration) {
		defer close(conns)
		for _, host := range loopback(t) {
			conn, err := s.dial(host)
			if err != nil {
				t.Error(err)
				continue
			}
			if _, err := io.WriteString(conn, request{target: secretTarget}.bytes(s)); err != nil {
				t.Error(err)
			}
			conns <- conn
		}
	})
	s.launch()
	for conn := range conns {
		a := mustReadAnswer(t, conn, http.MethodGet)
		conn.Close()
		if a.status != http.StatusOK {
			t.Errorf("status %d during INIT: %s", a.status, a.body)
		}
	}
	if n := len(s.lambda.Deliveries()); n != 0 {
		t.Errorf("%d events were delivered", n)
	}
}

// The port is loopback's alone: no other address of the machine answers on it.
func TestNoOtherAddressIsBound(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.start()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	others := []string{"127.0.0.2"} // of loopback, too, and not bound: every Linux has it
	for _, address := range addresses {
		if network, is := address.(*net.IPNet); is && network.IP.IsGlobalUnicast() {
			others = append(others, network.IP.String())
		}
	}
	for _, host := range others {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(s.port)), patience)
		if err == nil {
			conn.Close()
			t.Errorf("%s answers on the port", host)
		}
	}
}

// Registration is as Lambda wants it: the kinds of event, JSON, and next only afterwards.
func TestRegistration(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.start()
	registration := s.lambda.Registrations()[0]
	if want := []string{"INVOKE", "SHUTDOWN"}; !slices.Equal(registration.Events, want) {
		t.Errorf("registered for %q, want %q", registration.Events, want)
	}
	if registration.Name != "larder" {
		t.Errorf("registered as %q", registration.Name)
	}
	if registration.ContentType != "" && registration.ContentType != "application/json" {
		t.Errorf("the Content-Type is %q", registration.ContentType)
	}
	calls := s.lambda.Calls()
	if calls[0].Call != lambdatest.Register || calls[1].Call != lambdatest.Next || len(calls) != 2 {
		t.Errorf("calls: %v", calls)
	}
}

// Until register is answered, next is not called.
func TestNextWaitsForRegister(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	arrived, answer := make(chan struct{}), make(chan struct{})
	s.lambda.OnRegister(func(lambdatest.Registration) {
		close(arrived)
		<-answer
	})
	s.launch()
	<-arrived
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, err := s.lambda.WaitCalls(ctx, lambdatest.Next, 1); err == nil {
		t.Error("next was called before register was answered")
	}
	close(answer)
	s.lambda.MustWaitIdle(t)
}

// The extension's name is that of its file, whatever that is: some clients look for another's.
func TestNameIsThatOfTheFile(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	const name = "AWSParametersAndSecretsLambdaExtension"
	copied := filepath.Join(t.TempDir(), name)
	mustCopy(t, executable, copied)
	s.launchCommand(exec.Command(copied), nil, nil)
	if got := s.lambda.MustWaitRegistered(t).Name; got != name {
		t.Errorf("registered as %q, want %q", got, name)
	}
}

func mustCopy(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, content, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The Extensions API is reached directly, whatever proxy the function's variables name.
func TestProxyVariablesDoNotConcernLambda(t *testing.T) {
	t.Parallel()
	// Go's client spares loopback from any proxy. It does not know that Linux takes this address for loopback.
	s := newSceneOf(t, lambdatest.Options{Address: "0.0.0.0:0"}, awstest.Options{})
	_, port, err := net.SplitHostPort(s.lambda.Address())
	if err != nil {
		t.Fatal(err)
	}
	proxy := "http://127.0.0.1:" + strconv.Itoa(mustFreePort(t)) // where nobody listens
	s.start("AWS_LAMBDA_RUNTIME_API=0.0.0.0:"+port,
		"HTTP_PROXY="+proxy, "HTTPS_PROXY="+proxy, "http_proxy="+proxy, "https_proxy="+proxy, "ALL_PROXY="+proxy)
}
