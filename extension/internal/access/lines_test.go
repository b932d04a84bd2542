package access_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"larder/extension/internal/access"
)

// patience is how long a test waits for what has to come: only a failing one waits that long.
const patience = 15 * time.Second

// line is a record as a reader of the log decodes it.
type line struct {
	Timestamp  time.Time `json:"timestamp"`
	Level      string    `json:"level"`
	Type       string    `json:"type"`
	Function   *string   `json:"function"`
	Version    *string   `json:"version"`
	RequestID  *string   `json:"requestId"`
	From       *string   `json:"requestIdFrom"`
	TraceID    *string   `json:"traceId"`
	Source     *string   `json:"source"`
	Name       *string   `json:"name"`
	Selector   *string   `json:"selector"`
	Outcome    string    `json:"outcome"`
	AgeMS      *int64    `json:"age_ms"`
	DurationMS *float64  `json:"duration_ms"`
	UpstreamMS *float64  `json:"upstream_ms"`
	Status     int       `json:"status"`
	Error      *string   `json:"error"`
	Action     *string   `json:"action"`
	VersionID  *string   `json:"versionId"`
	Reads      int       `json:"reads"` // of a summary, and its ages
	MinAgeMS   *int64    `json:"min_age_ms"`
	MaxAgeMS   *int64    `json:"max_age_ms"`
	Dropped    int       `json:"dropped"` // of the line that tells of missing ones
	Message    string    `json:"message"`
}

// mustDecode reads one line, which has to end in the only control character that it has, a newline, and to hold no
// unknown field.
func mustDecode(t *testing.T, text []byte) line {
	t.Helper()
	if i := bytes.IndexByte(text, '\n'); i < 0 || i != len(text)-1 {
		t.Fatalf("not one whole line: %q", text)
	}
	if bytes.ContainsFunc(text[:len(text)-1], func(r rune) bool { return r < ' ' || r == 0x7f }) || !utf8.Valid(text) {
		t.Errorf("a control character, or what is not UTF-8, is in %q", text)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var decoded line
	if err := decoder.Decode(&decoded); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	return decoded
}

// sink stands for standard output, and keeps each write by itself.
type sink struct {
	mu      sync.Mutex
	writes  [][]byte
	written chan struct{} // gets one for each write, if there is somebody to take it
	gate    chan struct{} // not nil: a write takes one before it goes on
}

func newSink() *sink { return &sink{written: make(chan struct{}, 1)} }

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	s.writes = append(s.writes, slices.Clone(p))
	s.mu.Unlock()
	select {
	case s.written <- struct{}{}:
	default:
	}
	if s.gate != nil {
		<-s.gate
	}
	return len(p), nil
}

func (s *sink) all() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes)
}

// lines is all that was written, cut at the newlines, which are kept.
func (s *sink) lines() [][]byte {
	lines := bytes.SplitAfter(bytes.Join(s.all(), nil), []byte("\n"))
	return lines[:len(lines)-1]
}

func (s *sink) mustWait(t *testing.T) {
	t.Helper()
	select {
	case <-s.written:
	case <-time.After(patience):
		t.Fatal("nothing is written")
	}
}

// checkWrites proves that every write is of whole lines, and fits into a pipe unless it is one line alone.
func (s *sink) checkWrites(t *testing.T) {
	t.Helper()
	for _, write := range s.all() {
		lines := bytes.Count(write, []byte("\n"))
		switch {
		case lines == 0 || write[len(write)-1] != '\n' || write[0] != '{':
			t.Errorf("a write of no whole lines: %.200q", write)
		case len(write) > 4096 && lines > 1:
			t.Errorf("a write of %d bytes holds %d lines", len(write), lines)
		}
	}
}

// book is a recorder and the log that it writes to.
type book struct {
	*access.Log
	*access.Recorder
}

func newBook(out io.Writer, cfg access.Config) book {
	log := access.NewLog(out)
	cfg.Sinks = append(cfg.Sinks, log)
	return book{log, access.NewRecorder(cfg)}
}

// run lets the log write until end is called, or the test is over.
func run(t *testing.T, l *access.Log) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		l.Run(ctx)
		close(done)
	}()
	end = func() {
		t.Helper()
		cancel()
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatal("the log does not end")
		}
	}
	t.Cleanup(end)
	return end
}

func flush(t *testing.T, l *access.Log) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	l.Flush(ctx)
	if ctx.Err() != nil {
		t.Error("the flush does not end") // and not Fatal: other goroutines flush, too
	}
}
