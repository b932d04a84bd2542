package api_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"larder/extension/internal/access"
	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

// Each way of being answered has its form of RFC 9211's Cache-Status, of RFC 9111's Age, and of the record.
func TestCacheStatus(t *testing.T) {
	const ttl = 90*time.Second + 999*time.Millisecond
	for _, row := range []struct {
		answer  cache.Answer
		status  string
		outcome access.Outcome
	}{
		{cache.Answer{Outcome: cache.Hit, TTL: ttl}, "larder; hit; ttl=90", access.Hit},
		{cache.Answer{Outcome: cache.Hit, TTL: 1}, "larder; hit; ttl=0", access.Hit},
		{cache.Answer{Outcome: cache.Miss}, "larder; fwd=miss", access.Miss},
		{cache.Answer{Outcome: cache.Miss, TTL: ttl}, "larder; fwd=miss; stored", access.Miss},
		{cache.Answer{Outcome: cache.Miss, TTL: ttl, Shared: true}, "larder; fwd=miss; stored; collapsed", access.Miss},
		{cache.Answer{Outcome: cache.Miss, Shared: true}, "larder; fwd=miss; collapsed", access.Miss},
		{cache.Answer{Outcome: cache.Expired, TTL: ttl}, "larder; fwd=stale; stored", access.Miss},
		{cache.Answer{Outcome: cache.Refreshed, TTL: ttl}, "larder; fwd=request; stored", access.Refresh},
		{cache.Answer{Outcome: cache.Bypassed}, "larder; fwd=bypass", access.Miss},
	} {
		s := mustServe(t, defaults())
		row.answer.Body, row.answer.VersionID = []byte("{}"), "v7"
		row.answer.Age, row.answer.Upstream = 2500*time.Millisecond, 7*time.Millisecond
		s.reader.get = func(source.Query, bool) (cache.Answer, error) { return row.answer, nil }
		got := s.mustGet(t, target)
		if got.status != 200 || got.header.Get("Cache-Status") != row.status || got.header.Get("Age") != "2" {
			t.Errorf("got %d %v, want %s", got.status, got.header, row.status)
		}
		record := s.recorder.mustLast(t, 1)
		if record.Outcome != row.outcome || record.Status != 200 || record.Error != "" || record.VersionID != "v7" ||
			record.Age != row.answer.Age || record.Upstream <= 0 || record.Upstream > record.Duration {
			t.Errorf("%s: the record is %+v", row.status, record)
		}
	}
}

// A body is answered byte for byte, with its type and its exact length, whatever it holds.
func TestBody(t *testing.T) {
	s := mustServe(t, defaults())
	wire := s.mustDial(t)
	for _, body := range []string{`{"SecretString":"\u003c"}`, "", "\x00\xff\r\n\r\n", strings.Repeat("x", 100_000)} {
		s.reader.mu.Lock()
		s.reader.get = func(source.Query, bool) (cache.Answer, error) {
			return cache.Answer{Outcome: cache.Hit, Body: []byte(body)}, nil
		}
		s.reader.mu.Unlock()
		got, err := wire.send(request("GET", target))
		if err != nil {
			t.Fatal(err)
		}
		if got.body != body || got.header.Get("Content-Length") != strconv.Itoa(len(body)) ||
			got.header.Get("Content-Type") != "application/json" || got.closed {
			t.Errorf("got %d bytes and %v", len(got.body), got.header)
		}
		if got.header.Get("Server") != "" || got.header.Get("Transfer-Encoding") != "" {
			t.Errorf("headers %v", got.header)
		}
	}
}

// The body that the cache holds is not touched by answering it.
func TestBodyIsNotChanged(t *testing.T) {
	s := mustServe(t, defaults())
	body := []byte(`{"SecretString":"x"}`)
	s.reader.get = func(source.Query, bool) (cache.Answer, error) {
		return cache.Answer{Outcome: cache.Hit, Body: body}, nil
	}
	wire := s.mustDial(t)
	for _, method := range []string{"GET", "HEAD", "GET", "DELETE", "GET"} {
		if _, err := wire.send(request(method, target)); err != nil {
			t.Fatal(err)
		}
	}
	if string(body) != `{"SecretString":"x"}` {
		t.Errorf("got %s", body)
	}
}

// A request is found in the log by the id in its answer: the client's own, if it can be repeated; else that of
// the invocation; else one of Larder's.
func TestRequestID(t *testing.T) {
	s := mustServe(t, defaults())
	wire := s.mustDial(t)
	records := 0
	id := func(headers ...string) string {
		t.Helper()
		got, err := wire.send(request("GET", target, headers...))
		if err != nil {
			t.Fatal(err)
		}
		records++
		record := s.recorder.mustLast(t, records)
		if answered := got.header.Get("X-Larder-Request-Id"); answered != record.RequestID {
			t.Errorf("the answer has %q, the record %q", answered, record.RequestID)
		}
		return record.RequestID
	}
	if first, second := id(), id(); first != "test-1" || second != "test-2" {
		t.Errorf("own ids: %s, %s", first, second)
	}
	s.recorder.mu.Lock()
	s.recorder.invocation = access.Invocation{RequestID: "invocation", TraceID: "1-2-3"}
	s.recorder.mu.Unlock()
	const header = "X-Larder-Request-Id: "
	for _, fit := range []string{"mine", "8476a536-e9f4-11e8-9739-2dfe598c3fcd", "~!\"#,;", strings.Repeat("x", 128)} {
		if got := id(header + fit); got != fit {
			t.Errorf("got %q, want %q", got, fit)
		}
	}
	for _, unfit := range []string{"", "two words", "ümläut", "a\tb", strings.Repeat("x", 129)} {
		if got := id(header + unfit); got != "invocation" {
			t.Errorf("%q: got %q", unfit, got)
		}
	}
	if trace := s.recorder.mustLast(t, records).TraceID; trace != "1-2-3" {
		t.Errorf("the trace is %q", trace)
	}
}

// The record names what was asked for: service, name, and the one of the selectors that counts.
func TestRecordOfAQuery(t *testing.T) {
	for target, want := range map[string]access.Record{
		secretPath + "?secretId=a":                                 {Source: "secretsmanager", Name: "a"},
		secretPath + "?secretId=a&versionId=x":                     {Source: "secretsmanager", Name: "a", Selector: "x"},
		secretPath + "?secretId=a&versionStage=AWSPREVIOUS":        {Source: "secretsmanager", Name: "a", Selector: "AWSPREVIOUS"},
		secretPath + "?secretId=a&versionStage=y&versionId=x":      {Source: "secretsmanager", Name: "a", Selector: "x"},
		parameterPath + "?name=%2Fa&version=3":                     {Source: "ssm", Name: "/a", Selector: "3"},
		parameterPath + "/?name=/a&label=Dev&withDecryption=true":  {Source: "ssm", Name: "/a", Selector: "Dev"},
		parameterPath + "?name=/a&label=Dev&withDecryption=please": {Source: "ssm", Name: "/a", Selector: "Dev"},
		parameterPath:     {Source: "ssm"},
		"/unknown?name=a": {},
	} {
		s := mustServe(t, defaults())
		begin := time.Now()
		s.mustGet(t, target)
		got := s.recorder.mustLast(t, 1)
		if got.Source != want.Source || got.Name != want.Name || got.Selector != want.Selector {
			t.Errorf("%s: the record is %+v", target, got)
		}
		if got.Time.Before(begin) || got.Time.After(time.Now()) || got.Duration <= 0 || got.Duration > time.Since(begin) {
			t.Errorf("%s: at %v after %v", target, got.Time, got.Duration)
		}
	}
}

// Requests may come one after another before the first is answered; they are answered in their order.
func TestPipelining(t *testing.T) {
	s := mustServe(t, defaults())
	s.reader.get = func(q source.Query, _ bool) (cache.Answer, error) {
		return cache.Answer{Outcome: cache.Hit, Body: []byte(strings.Clone(q.Name))}, nil
	}
	wire := s.mustDial(t)
	var all strings.Builder
	const n = 50
	for i := 1; i < n; i++ {
		all.WriteString(request("GET", fmt.Sprintf("%s?secretId=%d", secretPath, i)))
	}
	got, err := wire.send(request("GET", secretPath+"?secretId=0") + all.String())
	for i := range n {
		if err != nil || got.body != strconv.Itoa(i) {
			t.Fatalf("answer %d is %q, %v", i, got.body, err)
		}
		if i < n-1 {
			got, err = wire.send("")
		}
	}
}

// A body that comes with a GET is read and ignored, and the connection stays good.
func TestBodyOfARequest(t *testing.T) {
	s := mustServe(t, defaults())
	wire := s.mustDial(t)
	for range 3 {
		got, err := wire.send(request("GET", target, "Content-Length: 5", "Content-Type: text/plain") + "hello")
		if err != nil || got.status != 200 || got.closed {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}
