package main_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"larder/extension/internal/awstest"
)

// A connection serves one request after the other, refusals included.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.start()
	conn := s.mustDial("")
	from := bufio.NewReader(conn)
	for _, row := range []struct {
		request
		status int
	}{
		{request{target: secretTarget}, 200},
		{request{target: secretTarget}, 200},
		{request{target: "/nowhere"}, 404},
		{request{target: secretTarget, token: "wrong"}, 403},
		{request{target: secretTarget, host: "example.com"}, 403},
		{request{method: "POST", target: secretTarget, headers: []string{"Content-Length: 4"}, body: "a=b&"}, 405},
		{request{method: "HEAD", target: secretTarget}, 200},
		{request{target: parameterTarget}, 200},
	} {
		row.keep = true
		if _, err := io.WriteString(conn, row.bytes(s)); err != nil {
			t.Fatal(err)
		}
		a, _, err := readAnswer(from, or(row.method, http.MethodGet))
		if err != nil {
			t.Fatalf("%s: %v", row.target, err)
		}
		checkAnswer(t, s, a)
		if a.status != row.status {
			t.Errorf("%s: status %d, want %d", row.target, a.status, row.status)
		}
	}
}

// Requests that are sent without waiting for answers are answered in their order.
func TestPipelining(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.start()
	conn := s.mustDial("")
	targets := []string{secretTarget, parameterTarget, "/nowhere", secretTarget, parameterTarget + "&version=1"}
	var all strings.Builder
	for _, target := range targets {
		all.WriteString(request{target: target, keep: true}.bytes(s))
	}
	if _, err := io.WriteString(conn, all.String()); err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(conn)
	for i, has := range []string{"SecretString", "LastModifiedDate", "no such path", "SecretString", `"Selector":":1"`} {
		a, _, err := readAnswer(from, http.MethodGet)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(a.body, has) {
			t.Errorf("answer %d, to %s, lacks %s: %s", i, targets[i], has, a.body)
		}
	}
}

// A client of HTTP/1.0 is answered, and its connection closed.
func TestHTTP10(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.start()
	conn := s.mustDial("")
	if _, err := io.WriteString(conn, request{target: secretTarget, version: "HTTP/1.0", keep: true}.bytes(s)); err != nil {
		t.Fatal(err)
	}
	a, from, err := readAnswer(bufio.NewReader(conn), http.MethodGet)
	if err != nil || a.status != http.StatusOK {
		t.Fatalf("status %d: %v", a.status, err)
	}
	if _, err := from.ReadByte(); err != io.EOF {
		t.Errorf("after the answer: %v, want the end of the connection", err)
	}
}

// A body that comes with a read, of a known length or in chunks, is ignored, and is not taken for the next request.
func TestBodyIsIgnored(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.start()
	conn := s.mustDial("")
	from := bufio.NewReader(conn)
	const other = `{"secretId":"other"}`
	for _, r := range []request{
		{target: secretTarget, headers: []string{"Content-Type: application/json", "Content-Length: 20"}, body: other},
		{target: secretTarget, headers: []string{"Transfer-Encoding: chunked"}, body: "14\r\n" + other + "\r\n0\r\n\r\n"},
		{target: secretTarget},
	} {
		r.keep = true
		if _, err := io.WriteString(conn, r.bytes(s)); err != nil {
			t.Fatal(err)
		}
		a, _, err := readAnswer(from, http.MethodGet)
		if err != nil {
			t.Fatal(err)
		}
		if a.status != http.StatusOK {
			t.Errorf("%v: status %d: %s", r.headers, a.status, a.body)
		}
	}
	if n := s.aws.Counts.OfName(awstest.GetSecretValue, "other"); n != 0 {
		t.Error("a body was read as a query")
	}
}

// What is too large, or is no request at all, is refused, recorded, and harms nobody else.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	rows := []struct {
		sent   string
		status int
		code   string
	}{
		{request{target: secretTarget, headers: []string{"X-Long: " + strings.Repeat("x", 20<<10)}}.bytes(s), 431, "HeadersTooLarge"},
		{request{target: secretTarget + "&x=" + strings.Repeat("x", 20<<10)}.bytes(s), 431, "HeadersTooLarge"},
		{request{target: secretTarget, headers: []string{"Content-Length: 100000"}}.bytes(s), 413, "BodyTooLarge"},
		{"hello\r\n\r\n", 400, "MalformedRequest"},
		{"GET " + secretTarget + "\r\n\r\n", 400, "MalformedRequest"},
		{request{target: secretTarget, headers: []string{"Content-Length: many"}}.bytes(s), 400, "MalformedRequest"},
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "MalformedRequest"}, // TLS
	}
	for i, row := range rows {
		conn := s.mustDial("")
		if _, err := io.WriteString(conn, row.sent); err != nil {
			t.Fatal(err)
		}
		a := mustReadAnswer(t, conn, http.MethodGet)
		checkAnswer(t, s, a)
		if a.status != row.status || a.header.Get("X-Larder-Error") != row.code {
			t.Errorf("row %d: status %d %s, want %d %s: %s", i, a.status, a.header.Get("X-Larder-Error"), row.status, row.code, a.body)
		}
	}
	p.mustRead(secretTarget)
	records := p.mustRecords(len(rows) + 1)
	for i, row := range rows {
		if r := records[i]; r.Status != row.status || r.Error != row.code || r.Outcome != "error" {
			t.Errorf("row %d is recorded as %s", i, r.text)
		}
	}
}

// A header of a usual size, with a long session token and a tracing header, is no problem.
func TestLargeHeaders(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	name := strings.Repeat("n", 2000)
	a := p.mustAsk(request{target: "/secretsmanager/get?secretId=" + name, headers: []string{"Traceparent: " + strings.Repeat("t", 8<<10)}})
	checkError(t, a, http.StatusBadRequest, "ResourceNotFoundException", name)
}

// A connection that carries no request, as a probe of the port makes, is not recorded.
func TestProbesAreNotRecorded(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	for range 5 {
		conn := s.mustDial("")
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
			t.Errorf("a probe was answered: %q %v", rest, err)
		}
	}
	p.mustRead(secretTarget)
	p.mustRecords(1)
}

// More requests in flight than are allowed are refused at once, and told when to come again; the others get
// their answers.
func TestTooManyInFlight(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start("LARDER_MAX_IN_FLIGHT=2")
	p.mustRead(parameterTarget)
	release := s.aws.Faults.Hold(awstest.GetSecretValue)
	defer release()
	answers := make(chan answer, 2)
	var reads sync.WaitGroup
	for _, target := range []string{secretTarget, "/secretsmanager/get?secretId=other"} {
		reads.Go(func() {
			a, err := p.try(request{target: target})
			if err != nil {
				t.Error(err)
			}
			answers <- a
		})
	}
	s.aws.Counts.MustWaitInFlight(t, awstest.SecretsManager, 2)
	a := p.get(parameterTarget) // although it is remembered
	checkError(t, a, http.StatusTooManyRequests, "TooManyRequests", "LARDER_MAX_IN_FLIGHT")
	if got := a.header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After is %q", got)
	}
	release()
	reads.Wait()
	close(answers)
	for a := range answers {
		if a.status == http.StatusTooManyRequests {
			t.Error("a request within the limit was refused")
		}
	}
	p.mustRead(parameterTarget)
}
