package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/extension/internal/access"
	"larder/extension/internal/api"
	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

const (
	patience = 15 * time.Second
	token    = "the-function's-token=="
)

// reader stands for the cache: it keeps what it was asked last, and answers as get says.
type reader struct {
	mu     sync.Mutex
	latest asked
	reads  int
	get    func(q source.Query, refresh bool) (cache.Answer, error)
}

type asked struct {
	source.Query
	refresh bool
}

var aHit = cache.Answer{Outcome: cache.Hit, Body: []byte(`{"A":1}`), VersionID: "v1", Age: 61500 * time.Millisecond, TTL: 90 * time.Second}

func (r *reader) Get(q source.Query, refresh bool) (cache.Answer, error) {
	r.mu.Lock()
	r.latest = asked{q.Clone(), refresh}
	r.reads++
	get := r.get
	r.mu.Unlock()
	if get == nil {
		return aHit, nil
	}
	return get(q, refresh)
}

func (r *reader) last() (asked, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.latest, r.reads
}

// recorder stands for the log, and keeps its last record.
type recorder struct {
	mu         sync.Mutex
	latest     access.Record
	records    int
	came       chan struct{}
	invocation access.Invocation
}

// Access keeps copies of the strings: they may be borrowed from the request.
func (r *recorder) Access(record access.Record) {
	kept := record
	for _, text := range []*string{&kept.RequestID, &kept.TraceID, &kept.Source, &kept.Name, &kept.Selector, &kept.Error, &kept.VersionID} {
		*text = strings.Clone(*text)
	}
	r.mu.Lock()
	r.latest = kept
	r.records++
	r.mu.Unlock()
	select {
	case r.came <- struct{}{}:
	default:
	}
}

func (r *recorder) Invocation() access.Invocation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.invocation
}

// mustLast waits until there are n records, which may come after the answer, and returns the last.
func (r *recorder) mustLast(t *testing.T, n int) access.Record {
	t.Helper()
	deadline := time.After(patience)
	for {
		r.mu.Lock()
		latest, records := r.latest, r.records
		r.mu.Unlock()
		if records > n {
			t.Fatalf("%d records, want %d", records, n)
		}
		if records == n {
			return latest
		}
		select {
		case <-r.came:
		case <-deadline:
			t.Fatalf("%d records, want %d", records, n)
		}
	}
}

// service is a server that is serving.
type service struct {
	reader   *reader
	recorder *recorder
	address  string
}

func defaults() api.Config { return api.Config{Token: token, MaxInFlight: 100, Instance: "test"} }

// mustServe serves until the test is over, and proves that the end is none of an error.
func mustServe(t testing.TB, cfg api.Config) *service {
	t.Helper()
	s := &service{reader: &reader{}, recorder: &recorder{came: make(chan struct{}, 1)}}
	s.address = mustListenAndServe(t, api.New(cfg, s.reader, s.recorder))
	return s
}

// mustListenAndServe serves on one family alone: a request that was answered then proves that all is begun.
func mustListenAndServe(t testing.TB, server *api.Server) (address string) {
	t.Helper()
	listeners, err := api.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range listeners[1:] {
		other.Close()
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listeners[:1]) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		server.Shutdown(ctx)
		checkServed(t, served)
	})
	return listeners[0].Addr().String()
}

// checkServed proves that Serve ends after Shutdown, and without an error.
func checkServed(t testing.TB, served <-chan error) {
	t.Helper()
	select {
	case err := <-served:
		if err != nil {
			t.Errorf("serving: %v", err)
		}
	case <-time.After(patience):
		t.Error("Serve does not end after Shutdown")
	}
}

// wire is one connection to the server, on which requests are written byte by byte as the test wants them.
type wire struct {
	net.Conn
	buffered *bufio.Reader
}

func (s *service) mustDial(t testing.TB) *wire {
	t.Helper()
	w := s.mustDialFor(t)
	t.Cleanup(func() { w.Close() })
	return w
}

// mustDialFor leaves it to the caller to close the connection.
func (s *service) mustDialFor(t testing.TB) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &wire{conn, bufio.NewReader(conn)}
}

type answer struct {
	status int
	header http.Header
	body   string
	closed bool // by the server, after this answer
}

// send writes a request and reads the answer to it.
func (w *wire) send(request string) (answer, error) {
	if _, err := io.WriteString(w, request); err != nil {
		return answer{}, err
	}
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(w.buffered, &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body), response.Close}, err
}

// request is a whole request; headers are lines, and one that begins with "Host:" or the token's name replaces it.
func request(method, target string, headers ...string) string {
	text := method + " " + target + " HTTP/1.1\r\n"
	for _, standard := range []string{"Host: localhost:2773", "X-Aws-Parameters-Secrets-Token: " + token} {
		name, _, _ := strings.Cut(standard, " ")
		replaced := slices.ContainsFunc(headers, func(h string) bool {
			return len(h) >= len(name) && strings.EqualFold(h[:len(name)], name)
		})
		if !replaced {
			text += standard + "\r\n"
		}
	}
	for _, header := range headers {
		text += header + "\r\n"
	}
	return text + "\r\n"
}

// mustSend makes a request on a connection of its own.
func (s *service) mustSend(t *testing.T, request string) answer {
	t.Helper()
	got, err := s.mustDial(t).send(request)
	if err != nil {
		t.Fatalf("%v, after %.200q", err, request)
	}
	return got
}

func (s *service) mustGet(t *testing.T, target string, headers ...string) answer {
	t.Helper()
	return s.mustSend(t, request("GET", target, headers...))
}

// checkFailure proves the form that every failure has: status, code, and one line of plain text.
func checkFailure(t *testing.T, got answer, status int, code, text string) {
	t.Helper()
	if got.status != status || got.header.Get("X-Larder-Error") != code || !strings.Contains(got.body, text) {
		t.Errorf("got %d %s: %q\nwant %d %s: …%s…", got.status, got.header.Get("X-Larder-Error"), got.body, status, code, text)
	}
	if got.body == "" || strings.ContainsAny(got.body, "\r\n") || got.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("not one line of text: %q as %s", got.body, got.header.Get("Content-Type"))
	}
	if strings.Contains(fmt.Sprint(got), token) {
		t.Error("the token is in the answer")
	}
}
