package access_test

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"larder/extension/internal/access"
)

// A reader of standard output that stands still never holds a request up. The oldest lines make room, and the
// line that tells how many are missing is right, and stands where they would have stood.
func TestBlockedSink(t *testing.T) {
	out := newSink()
	out.gate = make(chan struct{})
	l := newBook(out, access.Config{})
	end := run(t, l.Log)
	l.Access(numbered("ssm", 0, 200))
	out.mustWait(t) // from here on the writer hangs
	const n = 20_000
	for i := 1; i < n; i++ {
		l.Access(numbered("ssm", i, 200))
	}
	close(out.gate)
	end()
	out.checkWrites(t)

	next, missing := 0, 0
	for _, text := range out.lines() {
		got := mustDecode(t, text)
		if got.Type == "larder.dropped" {
			if got.Level != "WARN" || got.Message == "" || got.Timestamp.IsZero() || got.Dropped <= 0 {
				t.Errorf("got %s", text)
			}
			missing += got.Dropped
			next += got.Dropped
			continue
		}
		if *got.Selector != strconv.Itoa(next) {
			t.Fatalf("record %s stands where %d should", *got.Selector, next)
		}
		next++
	}
	if next != n {
		t.Errorf("%d records are written or told as missing, want %d", next, n)
	}
	if missing == 0 || missing > n-1000 {
		t.Errorf("%d of %d are missing", missing, n)
	}
}

// What waits for a sink that stands still is bounded: about a megabyte.
func TestBlockedSinkKeepsLittle(t *testing.T) {
	out := newSink()
	l := newBook(out, access.Config{})
	for i := range 50_000 {
		l.Access(numbered("ssm", i, 200))
	}
	l.Drain()
	if kept := len(bytes.Join(out.all(), nil)); kept > 3<<19 || kept < 1<<19 {
		t.Errorf("%d bytes were kept", kept)
	}
}

// With a sink that keeps up, nothing is lost, doubled, or put out of order within one goroutine.
func TestManyWriters(t *testing.T) {
	const writers, each, between = 8, 12_500, 100
	out := newSink()
	l := newBook(out, access.Config{})
	end := run(t, l.Log)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			source := fmt.Sprint(w)
			for i := range each {
				l.Access(numbered(source, i, 20))
				if i%between == 0 { // keeps far fewer lines waiting than the queue takes
					flush(t, l.Log)
				}
			}
		})
	}
	all.Wait()
	end()
	out.checkWrites(t)
	checkComplete(t, out, writers, each)
}

// checkComplete proves that each source's records stand there once and in order. It reads without encoding/json,
// for there are many.
func checkComplete(t *testing.T, out *sink, writers, each int) {
	t.Helper()
	next := make([]int, writers)
	for _, text := range out.lines() {
		_, rest, ok := bytes.Cut(text, []byte(`"source":"`))
		writer, err := strconv.Atoi(string(rest[:max(bytes.IndexByte(rest, '"'), 0)]))
		_, rest, found := bytes.Cut(rest, []byte(`"selector":"`))
		n, wrong := strconv.Atoi(string(rest[:max(bytes.IndexByte(rest, '"'), 0)]))
		if !ok || !found || err != nil || wrong != nil || !bytes.HasSuffix(text, []byte("}\n")) {
			t.Fatalf("not a record: %q", text)
		}
		if n != next[writer] {
			t.Fatalf("writer %d: record %d stands where %d should", writer, n, next[writer])
		}
		next[writer]++
	}
	for writer, n := range next {
		if n != each {
			t.Errorf("writer %d: %d records, want %d", writer, n, each)
		}
	}
}

// BenchmarkAccess is what a read pays for its record.
func BenchmarkAccess(b *testing.B) {
	l := newBook(discard{}, access.Config{Function: "function", Version: "$LATEST"})
	go l.Run(b.Context())
	r := access.Record{
		Time: aTime, RequestID: "8476a536-e9f4-11e8-9739-2dfe598c3fcd", TraceID: "1-5759e988-bd862e3fe1be46a994272793",
		Source: "secretsmanager", Name: "prod/db-credentials", Outcome: access.Hit, Age: 1234567, Duration: 12345,
		Status: 200, VersionID: "EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE",
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Access(r)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
