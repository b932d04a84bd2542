package awstest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"larder/extension/internal/awstest"
)

// To a deaf address no connection comes about, however often it is tried, and
// none is refused.
func TestDeaf(t *testing.T) {
	s := awstest.MustStartDeaf(t)
	for range 3 {
		c, err := net.DialTimeout("tcp", s.Address(), 100*time.Millisecond)
		if err == nil {
			c.Close()
		}
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("got %v", err)
		}
	}
}

// A mute address takes connections and what is sent on them, and says nothing
// until it is closed.
func TestMute(t *testing.T) {
	s := awstest.MustStartMute(t)
	var silent []net.Conn
	for range 20 {
		c, err := net.DialTimeout("tcp", s.Address(), awstest.Patience)
		mustSucceed(t, err)
		defer c.Close()
		_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		mustSucceed(t, err)
		silent = append(silent, c)
	}
	mustSucceed(t, silent[0].SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	if n, err := silent[0].Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d bytes: %v", n, err)
	}
	s.Close()
	mustSucceed(t, silent[0].SetReadDeadline(time.Now().Add(awstest.Patience)))
	if n, err := silent[0].Read(make([]byte, 1)); n > 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after Close: read %d bytes, %v", n, err)
	}
}

// An answer that stalls has its headers and half of its body, over TLS as well,
// and is a call under way until the client goes away.
func TestStall(t *testing.T) {
	for _, options := range []awstest.Options{{}, {TLS: true}} {
		s := startWithValues(t, options)
		client := &http.Client{Transport: trusting(t, s)}
		s.Faults.Next(1, awstest.Stall())
		ctx, cancel := context.WithCancel(testContext(t))
		response, err := client.Do(signedRequest(ctx, s, `{"SecretId":"a"}`))
		mustSucceed(t, err)
		half := make([]byte, response.ContentLength/2)
		_, err = io.ReadFull(response.Body, half)
		mustSucceed(t, err)
		if !strings.HasPrefix(string(half), `{"ARN":`) {
			t.Errorf("got %s", half)
		}
		checkEqual(t, "calls in flight", s.Counts.InFlight(awstest.SecretsManager), 1)
		time.AfterFunc(50*time.Millisecond, cancel)
		if n, err := response.Body.Read(make([]byte, 1)); n > 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("after half of the body: %d bytes, %v", n, err)
		}
		response.Body.Close()
		s.Counts.MustWaitQuiet(t)
	}
}

// The endpoint for credentials can hang and stall, too.
func TestCredentialsHang(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	for _, fault := range []awstest.Fault{awstest.Hang(), awstest.Stall()} {
		s.Credentials.Fail(1, fault)
		request, err := http.NewRequestWithContext(shortContext(t), http.MethodGet, s.Credentials.URL(), nil)
		mustSucceed(t, err)
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_, err = io.ReadAll(response.Body)
			response.Body.Close()
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	}
}
