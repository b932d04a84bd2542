package main_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

const tokenHeader = "X-Aws-Parameters-Secrets-Token"

// request is written to the connection as it stands: no client of Go's has its own idea of how to encode it.
type request struct {
	method  string // empty: GET
	target  string // path and query
	version string // empty: HTTP/1.1
	address string // 127.0.0.1 or ::1; empty: the first
	host    string // the Host header; empty: localhost with the port; "-": none
	token   string // empty: the right one; "-": no header at all
	headers []string
	body    string
	keep    bool // do not ask for the connection to be closed
}

// answer is one answer. That its Content-Length is exact was checked.
type answer struct {
	status int
	header http.Header
	body   string
	took   time.Duration
}

func (r request) bytes(s *scene) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s %s\r\n", or(r.method, http.MethodGet), r.target, or(r.version, "HTTP/1.1"))
	if r.host != "-" {
		fmt.Fprintf(&text, "Host: %s\r\n", or(r.host, "localhost:"+strconv.Itoa(s.port)))
	}
	if r.token != "-" {
		fmt.Fprintf(&text, "%s: %s\r\n", tokenHeader, or(r.token, s.token))
	}
	if !r.keep {
		text.WriteString("Connection: close\r\n")
	}
	for _, header := range r.headers {
		text.WriteString(header + "\r\n")
	}
	text.WriteString("\r\n" + r.body)
	return text.String()
}

func or(text, standard string) string {
	if text == "" {
		return standard
	}
	return text
}

// dial connects. Everything on the connection has to be over within patience.
func (s *scene) dial(address string) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(or(address, "127.0.0.1"), strconv.Itoa(s.port)), patience)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(patience))
}

func (s *scene) mustDial(address string) net.Conn {
	s.t.Helper()
	conn, err := s.dial(address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

// try sends one request on a connection of its own. It may be called from any goroutine.
func (p *process) try(r request) (answer, error) {
	conn, err := p.scene.dial(r.address)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	begin := time.Now()
	if _, err := io.WriteString(conn, r.bytes(p.scene)); err != nil {
		return answer{}, fmt.Errorf("sending the request: %w", err)
	}
	raw, err := io.ReadAll(conn)
	if err != nil && len(raw) == 0 {
		return answer{}, fmt.Errorf("reading the answer: %w", err)
	}
	a, rest, err := readAnswer(bufio.NewReader(bytes.NewReader(raw)), or(r.method, http.MethodGet))
	if err != nil {
		return answer{}, err
	}
	if rest.Buffered() > 0 {
		return answer{}, fmt.Errorf("%d bytes follow the %s that Content-Length tells", rest.Buffered(), a.header.Get("Content-Length"))
	}
	a.took = time.Since(begin)
	return a, nil
}

// readAnswer reads one answer, and what follows it stays unread.
func readAnswer(from *bufio.Reader, method string) (answer, *bufio.Reader, error) {
	response, err := http.ReadResponse(from, &http.Request{Method: method})
	if err != nil {
		return answer{}, from, fmt.Errorf("reading the answer: %w", err)
	}
	if response.ContentLength < 0 || len(response.TransferEncoding) > 0 {
		return answer{}, from, fmt.Errorf("the answer has no Content-Length: %v", response.Header)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, from, fmt.Errorf("reading the body: %w", err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: string(body)}, from, nil
}

// mustAsk is try, and checks what holds for every answer.
func (p *process) mustAsk(r request) answer {
	p.t.Helper()
	a, err := p.try(r)
	if err != nil {
		p.t.Fatalf("%s %s: %v", or(r.method, http.MethodGet), r.target, err)
	}
	checkAnswer(p.t, p.scene, a)
	return a
}

// get reads path and query with the function's token.
func (p *process) get(target string) answer {
	p.t.Helper()
	return p.mustAsk(request{target: target})
}

// mustRead is get of what must be there.
func (p *process) mustRead(target string) answer {
	p.t.Helper()
	a := p.get(target)
	if a.status != http.StatusOK {
		p.t.Fatalf("GET %s: status %d: %s", target, a.status, a.body)
	}
	return a
}

func checkAnswer(t *testing.T, s *scene, a answer) {
	t.Helper()
	if a.header.Get("X-Larder-Request-Id") == "" {
		t.Errorf("an answer without X-Larder-Request-Id: %v", a.header)
	}
	if a.status == http.StatusOK {
		if got := a.header.Get("Content-Type"); got != "application/json" {
			t.Errorf("Content-Type is %q", got)
		}
		return
	}
	checkNothingSecret(t, s, "the body of an error", a.body)
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
		t.Errorf("Content-Type of an error is %q", got)
	}
	if a.header.Get("X-Larder-Error") == "" {
		t.Errorf("an error without X-Larder-Error: %d %s", a.status, a.body)
	}
	if strings.ContainsAny(a.body, "\r\n") {
		t.Errorf("an error of several lines: %q", a.body)
	}
}

// checkError checks an answer's status, its code for programs, and that its text has all these parts, in this order.
func checkError(t *testing.T, a answer, status int, code string, parts ...string) {
	t.Helper()
	if a.status != status || a.header.Get("X-Larder-Error") != code {
		t.Errorf("status %d, X-Larder-Error %q, want %d, %q: %s", a.status, a.header.Get("X-Larder-Error"), status, code, a.body)
	}
	rest := a.body
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Errorf("the text lacks %q, or has it in another place: %q", part, a.body)
		}
		rest = after
	}
}

// checkCache checks how an answer says it was come by, as its Cache-Status begins.
func checkCache(t *testing.T, a answer, how string) {
	t.Helper()
	if got := a.header.Get("Cache-Status"); !strings.HasPrefix(got, "larder; "+how) {
		t.Errorf("Cache-Status is %q, want larder; %s…", got, how)
	}
}

// mustReadAnswer reads one answer from a connection on which no other follows.
func mustReadAnswer(t *testing.T, conn net.Conn, method string) answer {
	t.Helper()
	a, _, err := readAnswer(bufio.NewReader(conn), method)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// mustExchange sends one request on a connection that stays open, and checks the answer's status.
func mustExchange(t *testing.T, s *scene, conn net.Conn, r request, status int) {
	t.Helper()
	if _, err := io.WriteString(conn, r.bytes(s)); err != nil {
		t.Fatal(err)
	}
	if a := mustReadAnswer(t, conn, or(r.method, http.MethodGet)); a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
}
