package access_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"
	"unsafe"

	"larder/extension/internal/access"
)

func read(name, selector string, outcome access.Outcome, age time.Duration) access.Record {
	return access.Record{Time: aTime, Source: "ssm", Name: name, Selector: selector, Outcome: outcome, Age: age, Status: 200}
}

// In a summary reads from memory are one line for each value, with how many they were and how old; all else is a line
// each, at once.
func TestSummary(t *testing.T) {
	var out bytes.Buffer
	b := newBook(&out, access.Config{Function: "function", Version: "7", Detail: access.Summary})
	b.Begin("request", "Root="+xrayID)
	for _, age := range []time.Duration{3, 1, 2} {
		b.Access(read("/b", "", access.Hit, age*time.Second))
	}
	b.Access(read("/a", "3", access.Hit, time.Minute))
	b.Access(read("/a", "", access.Hit, 0))
	for _, outcome := range []access.Outcome{access.Miss, access.Refresh, access.Stale, access.Negative, access.Error, access.Denied} {
		b.Access(read("/b", "", outcome, 0))
	}
	b.Drain()
	if lines := bytes.Count(out.Bytes(), []byte("\n")); lines != 6 {
		t.Errorf("%d lines before the end, want 6: %s", lines, out.Bytes())
	}
	out.Reset()
	b.End()
	b.Drain()
	const head = `"level":"INFO","type":"larder.access","function":"function","version":"7","requestId":"request",` +
		`"requestIdFrom":"invocation","traceId":"` + xrayID + `","source":"ssm",`
	for i, want := range []string{
		head + `"name":"/a","outcome":"hit","reads":1,"min_age_ms":0,"max_age_ms":0,"status":200}`,
		head + `"name":"/a","selector":"3","outcome":"hit","reads":1,"min_age_ms":60000,"max_age_ms":60000,"status":200}`,
		head + `"name":"/b","outcome":"hit","reads":3,"min_age_ms":1000,"max_age_ms":3000,"status":200}`,
	} {
		line, _ := out.ReadBytes('\n')
		if !bytes.Contains(line, []byte(want)) {
			t.Errorf("line %d is %s, want …%s", i, line, want)
		}
	}
	b.End()
	b.Drain()
	if out.Len() > 0 {
		t.Errorf("an invocation without reads has %s", out.Bytes())
	}
}

// A summary is written early when it would get too long, and no read is lost or counted twice by it. The names may be
// borrowed: they are changed as soon as the record is taken.
func TestSummaryOfManyValues(t *testing.T) {
	var out bytes.Buffer
	b := newBook(&out, access.Config{Detail: access.Summary})
	const values, rounds = 1500, 3
	for range rounds {
		for i := range values {
			name := []byte(fmt.Sprintf("/%04d", i))
			b.Access(read(unsafe.String(&name[0], len(name)), "", access.Hit, 0))
			clear(name)
		}
	}
	b.End()
	b.Drain()
	counts := make(map[string]int)
	for line := range bytes.Lines(out.Bytes()) {
		decoded := mustDecode(t, line)
		counts[*decoded.Name] += decoded.Reads
	}
	for i := range values {
		if got := counts[fmt.Sprintf("/%04d", i)]; got != rounds {
			t.Errorf("value %d was read %d times, counted %d times", i, rounds, got)
		}
	}
}

// With none nothing is written of reads, whatever their outcome.
func TestNone(t *testing.T) {
	var out bytes.Buffer
	b := newBook(&out, access.Config{Detail: access.None})
	for _, outcome := range []access.Outcome{access.Hit, access.Miss, access.Denied} {
		b.Access(read("/a", "", outcome, 0))
	}
	b.End()
	b.Drain()
	if out.Len() > 0 {
		t.Errorf("got %s", out.Bytes())
	}
}

// Each sink gets each line.
func TestSinks(t *testing.T) {
	var first, second lines
	r := access.NewRecorder(access.Config{Sinks: []access.Sink{&first, &second}})
	r.Access(read("/a", "", access.Miss, 0))
	r.Access(read("/b", "", access.Miss, 0))
	if len(first) != 2 || len(second) != 2 || first[1] != second[1] || !bytes.Contains([]byte(first[1]), []byte(`"/b"`)) {
		t.Errorf("got %q and %q", first, second)
	}
}

// lines is a sink that keeps what it gets.
type lines []string

func (l *lines) Add(at time.Time, line []byte) { *l = append(*l, string(line)) }
