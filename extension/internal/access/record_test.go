package access_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"larder/extension/internal/access"
)

var aTime = time.Date(2025, 2, 3, 4, 5, 6, 7_999_999, time.FixedZone("", 3600))

// mustWriteOne is the line that one record becomes.
func mustWriteOne(t *testing.T, cfg access.Config, r access.Record) []byte {
	t.Helper()
	var out bytes.Buffer
	l := newBook(&out, cfg)
	l.Access(r)
	l.Drain()
	return out.Bytes()
}

// A whole record has every field in the order and the form that the log's readers are promised.
func TestWholeRecord(t *testing.T) {
	got := mustWriteOne(t, access.Config{Function: "function", Version: "$LATEST"}, access.Record{
		Time: aTime, RequestID: "request", RequestIDFrom: access.OfClient, TraceID: "1-5759e988-bd862e3fe1be46a994272793", Source: "ssm",
		Name: "/prod/<a>&b", Selector: "3", Outcome: access.Error, Age: 1234567 * time.Microsecond,
		Duration: 2005 * time.Microsecond, Upstream: 1500 * time.Microsecond, Status: 503,
		Error: "ThrottlingException", VersionID: "12",
	})
	const want = `{"timestamp":"2025-02-03T03:05:06.007Z","level":"WARN","type":"larder.access","function":"function",` +
		`"version":"$LATEST","requestId":"request","requestIdFrom":"client","traceId":"1-5759e988-bd862e3fe1be46a994272793","source":"ssm",` +
		`"name":"/prod/<a>&b","selector":"3","outcome":"error","age_ms":1234,"duration_ms":2.005,"upstream_ms":1.500,` +
		`"status":503,"error":"ThrottlingException","versionId":"12"}` + "\n"
	if string(got) != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

// What is empty is left out; numbers never are.
func TestEmptyRecord(t *testing.T) {
	got := mustWriteOne(t, access.Config{}, access.Record{Time: aTime, Outcome: access.Hit, Status: 200})
	const want = `{"timestamp":"2025-02-03T03:05:06.007Z","level":"INFO","type":"larder.access","outcome":"hit",` +
		`"age_ms":0,"duration_ms":0,"upstream_ms":0,"status":200}` + "\n"
	if string(got) != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

// What a person should look at passes a log filter for warnings; a read that went well does not.
func TestLevels(t *testing.T) {
	for outcome, want := range map[access.Outcome]string{
		access.Hit: "INFO", access.Miss: "INFO", access.Refresh: "INFO", access.Error: "WARN", access.Denied: "WARN",
		access.Stale: "INFO", access.Negative: "WARN",
	} {
		got := mustDecode(t, mustWriteOne(t, access.Config{}, access.Record{Time: aTime, Outcome: outcome}))
		if got.Level != want || got.Outcome != string(outcome) {
			t.Errorf("%s: got level %s and outcome %s, want %s", outcome, got.Level, got.Outcome, want)
		}
	}
}

// Times are in UTC with milliseconds, also where several lines share a second or time goes back.
func TestTimestamps(t *testing.T) {
	var out bytes.Buffer
	l := newBook(&out, access.Config{})
	times := []time.Time{
		aTime, aTime.Add(time.Millisecond), aTime.Add(time.Hour), aTime, aTime.Add(-time.Second),
		aTime.Add(992 * time.Millisecond), time.Date(1969, 12, 31, 23, 59, 59, 999_000_000, time.UTC),
		time.Unix(0, 0), {},
	}
	for _, at := range times {
		l.Access(access.Record{Time: at})
	}
	l.Drain()
	lines := bytes.SplitAfter(out.Bytes(), []byte("\n"))
	for i, at := range times {
		var stamped struct{ Timestamp string }
		if err := json.Unmarshal(lines[i], &stamped); err != nil {
			t.Fatal(err)
		}
		if want := at.UTC().Truncate(time.Millisecond).Format("2006-01-02T15:04:05.000Z07:00"); stamped.Timestamp != want {
			t.Errorf("%v: got %s, want %s", at, stamped.Timestamp, want)
		}
	}
}

// Every text is read by encoding/json as what its own encoding would be read as: escapes, control characters,
// what is not UTF-8, and texts that are too long.
func TestTexts(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for _, text := range []string{
		"plain", `quote " and \ backslash`, "\x00\x01\b\f\n\r\t\x1f\x7f", "<script>&amp;\u2028\u2029",
		"ümläut €  \U0001f512", "\xff", "a\xc3", "\xe2\x82", "\xed\xa0\x80", "ok\x80\x80ok", "\ufffd", string(every),
		strings.Repeat("x", 2048), strings.Repeat("x", 2049), strings.Repeat("\x01", 5000),
		strings.Repeat("x", 2047) + "ü", strings.Repeat("x", 2046) + "€", strings.Repeat("€", 3000),
	} {
		checkTexts(t, text)
	}
}

// checkTexts puts a text into every field that takes one.
func checkTexts(t *testing.T, text string) {
	t.Helper()
	written := mustWriteOne(t, access.Config{Function: text, Version: text}, access.Record{
		Time: aTime, RequestID: text, TraceID: text, Source: text, Name: text, Selector: text, Outcome: access.Miss,
		Error: text, VersionID: text,
	})
	got := mustDecode(t, written)
	want := asRead(t, text)
	for field, read := range map[string]*string{
		"function": got.Function, "version": got.Version, "requestId": got.RequestID, "traceId": got.TraceID,
		"source": got.Source, "name": got.Name, "selector": got.Selector, "error": got.Error, "versionId": got.VersionID,
	} {
		switch {
		case read == nil && text != "":
			t.Errorf("%s is missing for %.100q", field, text)
		case read != nil && text == "":
			t.Errorf("%s is there, though it is empty", field)
		case read != nil && *read != want:
			t.Errorf("%s: got %.100q, want %.100q", field, *read, want)
		}
	}
}

// asRead is what is left of a text after encoding/json wrote and read it, of the 2,048 bytes that a line takes.
func asRead(t *testing.T, text string) string {
	t.Helper()
	encoded, err := json.Marshal(text[:min(len(text), 2048)])
	if err != nil {
		t.Fatal(err)
	}
	var read string
	if err := json.Unmarshal(encoded, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

// Durations are milliseconds to the microsecond; one that a clock's step made negative is 0.
func TestDurations(t *testing.T) {
	for d, want := range map[time.Duration]float64{
		0: 0, 1: 0, 999: 0, time.Microsecond: 0.001, 20 * time.Microsecond: 0.02, 300 * time.Microsecond: 0.3,
		1001 * time.Microsecond: 1.001, time.Second: 1000, 90 * time.Minute: 5_400_000, -time.Second: 0,
		math.MaxInt64: 9223372036854.775,
	} {
		got := mustDecode(t, mustWriteOne(t, access.Config{}, access.Record{Time: aTime, Duration: d, Upstream: d}))
		if *got.DurationMS != want || *got.UpstreamMS != want {
			t.Errorf("%v: got %v and %v, want %v", d, *got.DurationMS, *got.UpstreamMS, want)
		}
	}
}

// Whatever a request holds, it becomes one line of JSON that is read as what it was.
func FuzzRecord(f *testing.F) {
	f.Add("name", "request", int64(0), int64(0), 200)
	f.Add("\"\\\n\xff\u2028", "\x00", int64(1234567), int64(-1), -5)
	f.Add(strings.Repeat("€", 700), "", int64(math.MaxInt64), int64(math.MinInt64), 99999)
	f.Fuzz(func(t *testing.T, name, id string, nanos, second int64, status int) {
		checkTexts(t, name)
		at := time.Unix(second%200_000_000_000, nanos%int64(time.Second)).UTC()
		if at.Year() < 0 || at.Year() > 9999 { // RFC 3339 ends there
			at = aTime
		}
		age, took := time.Duration(nanos), time.Duration(second)
		got := mustDecode(t, mustWriteOne(t, access.Config{}, access.Record{
			Time: at, RequestID: id, Name: name, Outcome: access.Outcome(id), Age: age, Duration: took, Upstream: age, Status: status,
		}))
		if !got.Timestamp.Equal(at.Truncate(time.Millisecond)) {
			t.Errorf("timestamp: got %v, want %v", got.Timestamp, at)
		}
		if got.RequestID != nil && *got.RequestID != asRead(t, id) || got.RequestID == nil && id != "" {
			t.Errorf("requestId: got %v, want %q", got.RequestID, id)
		}
		if *got.AgeMS != age.Milliseconds() || got.Status != status || got.Outcome != asRead(t, id) {
			t.Errorf("got %+v", got)
		}
		if want := float64(max(took, 0).Microseconds()) / 1000; math.Abs(*got.DurationMS-want) > want*1e-12 {
			t.Errorf("duration: got %v, want %v", *got.DurationMS, want)
		}
	})
}
