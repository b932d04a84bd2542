package access_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"larder/extension/internal/access"
)

// document is a line of CloudWatch's embedded metric format.
type document struct {
	AWS struct {
		Timestamp         int64
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name, Unit string }
		}
	} `json:"_aws"`
	FunctionName, Source string
	UpstreamLatency      []float64
	Type                 string

	Reads, Hits, Misses, Refreshes, Stale, Negatives, Errors int
	ThrottledErrors, DeniedErrors, RefusedErrors             int
}

func mustDecodeMetrics(t *testing.T, line string) document {
	t.Helper()
	var d document
	if err := json.Unmarshal([]byte(line), &d); err != nil {
		t.Fatal(err)
	}
	if err := mustCompileSchema(t).Validate(mustUnmarshal(t, []byte(line))); err != nil {
		t.Error(err)
	}
	// Every metric that the document declares is a member of it.
	var members map[string]any
	if err := json.Unmarshal([]byte(line), &members); err != nil {
		t.Fatal(err)
	}
	for _, m := range d.AWS.CloudWatchMetrics[0].Metrics {
		if members[m.Name] == nil {
			t.Errorf("the metric %s has no value in %s", m.Name, line)
		}
	}
	for _, dimension := range d.AWS.CloudWatchMetrics[0].Dimensions[0] {
		if members[dimension] == nil {
			t.Errorf("the dimension %s has no value in %s", dimension, line)
		}
	}
	return d
}

// What was read in an invocation becomes one document for each source, whatever the detail of the record.
func TestMetrics(t *testing.T) {
	var metrics lines
	r := access.NewRecorder(access.Config{Function: "function", Detail: access.None, Metrics: &metrics})
	take := func(n int, rec access.Record) {
		for range n {
			r.Access(rec)
		}
	}
	const upstream = 1500 * time.Microsecond
	take(5, access.Record{Source: "ssm", Outcome: access.Hit})
	take(2, access.Record{Source: "ssm", Outcome: access.Miss, Upstream: upstream})
	take(1, access.Record{Source: "ssm", Outcome: access.Refresh, Upstream: upstream})
	take(3, access.Record{Source: "ssm", Outcome: access.Stale, Error: "Timeout"})
	take(1, access.Record{Source: "ssm", Outcome: access.Error, Class: "Throttled", Upstream: upstream})
	take(2, access.Record{Source: "ssm", Outcome: access.Negative, Class: "Throttled"})
	take(1, access.Record{Source: "secretsmanager", Outcome: access.Denied, Class: "Denied"})
	take(1, access.Record{Outcome: access.Denied, Class: "Refused"})
	if len(metrics) > 0 {
		t.Errorf("documents before the end: %q", metrics)
	}
	r.End()
	r.End() // of an invocation without a read
	if len(metrics) != 3 {
		t.Fatalf("%d documents, want 3: %q", len(metrics), metrics)
	}
	none, secrets, parameters := mustDecodeMetrics(t, metrics[0]), mustDecodeMetrics(t, metrics[1]), mustDecodeMetrics(t, metrics[2])
	if none.Source != "none" || none.Reads != 1 || none.Errors != 1 || none.RefusedErrors != 1 {
		t.Errorf("of requests for nothing: %+v", none)
	}
	if secrets.Source != "secretsmanager" || secrets.Reads != 1 || secrets.Errors != 1 || secrets.DeniedErrors != 1 || secrets.Hits != 0 {
		t.Errorf("of secrets: %+v", secrets)
	}
	p := parameters
	if p.Source != "ssm" || p.FunctionName != "function" || p.Reads != 14 || p.Hits != 5 || p.Misses != 2 || p.Refreshes != 1 ||
		p.Stale != 3 || p.Errors != 3 || p.ThrottledErrors != 3 || p.Negatives != 2 || p.Type != "larder.metrics" ||
		!slices.Equal(p.UpstreamLatency, []float64{1.5, 1.5, 1.5, 1.5}) {
		t.Errorf("of parameters: %+v", p)
	}
	if age := time.Since(time.UnixMilli(p.AWS.Timestamp)); age < 0 || age > time.Minute {
		t.Errorf("the document's time is %v ago", age)
	}
}

// A document never has more values of one metric than CloudWatch takes, and none of them is lost.
func TestMetricsOfManyCalls(t *testing.T) {
	var metrics lines
	r := access.NewRecorder(access.Config{Metrics: &metrics})
	const calls = 250
	for range calls {
		r.Access(access.Record{Source: "ssm", Outcome: access.Miss, Upstream: time.Millisecond})
	}
	r.End()
	reads, latencies := 0, 0
	for _, line := range metrics {
		d := mustDecodeMetrics(t, line)
		reads += d.Reads
		latencies += len(d.UpstreamLatency)
	}
	if len(metrics) != 3 || reads != calls || latencies != calls {
		t.Errorf("%d documents tell of %d reads and %d calls", len(metrics), reads, latencies)
	}
}
