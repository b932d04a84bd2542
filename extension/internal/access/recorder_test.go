package access_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/extension/internal/access"
)

// Reads of many clients that are counted while invocations end and begin are each in one summary and in one document of
// metrics: none is lost between two, and none is counted twice.
func TestCountsAmongInvocations(t *testing.T) {
	var records, metrics lines
	r := access.NewRecorder(access.Config{Detail: access.Summary, Sinks: []access.Sink{&records}, Metrics: &metrics})
	const clients, reads, invocations = 8, 2000, 200
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			for n := range reads {
				r.Access(read(fmt.Sprintf("/%d", client), "", access.Hit, time.Duration(n)*time.Second))
			}
		})
	}
	all.Go(func() {
		for n := range invocations {
			r.End()
			r.Begin(fmt.Sprint(n), "")
		}
	})
	all.Wait()
	r.End()
	summed, counted := make(map[string]int), 0
	for _, text := range records {
		got := mustDecode(t, []byte(text))
		summed[*got.Name] += got.Reads
		if *got.MinAgeMS > *got.MaxAgeMS || (got.Reads == 1) != (*got.MinAgeMS == *got.MaxAgeMS) {
			t.Errorf("ages of %s", text)
		}
	}
	for client := range clients {
		if got := summed[fmt.Sprintf("/%d", client)]; got != reads {
			t.Errorf("client %d read %d times, counted %d times", client, reads, got)
		}
	}
	for _, text := range metrics {
		counted += mustDecodeMetrics(t, text).Hits
	}
	if counted != clients*reads {
		t.Errorf("%d hits are in the metrics, want %d", counted, clients*reads)
	}
}

// A summary has the ids of the invocation that it ends, and none before the first.
func TestSummaryBelongsToItsInvocation(t *testing.T) {
	var records lines
	r := access.NewRecorder(access.Config{Detail: access.Summary, Sinks: []access.Sink{&records}})
	for _, id := range []string{"first", "second"} {
		r.Access(read("/a", "", access.Hit, 0))
		r.End()
		r.Begin(id, "Root="+xrayID)
	}
	r.Access(read("/a", "", access.Hit, 0))
	r.End()
	for i, want := range []string{"", "first", "second"} {
		got := mustDecode(t, []byte(records[i]))
		if want == "" {
			if got.RequestID != nil || got.From != nil || got.TraceID != nil {
				t.Errorf("before the first: %s", records[i])
			}
			continue
		}
		if *got.RequestID != want || *got.From != "invocation" || *got.TraceID != xrayID {
			t.Errorf("got %s, want that of %s", records[i], want)
		}
	}
}

// Names of the caller do not become metrics or dimensions: a document has the same few members, whoever asks for
// whatever.
func TestMetricsDoNotExplode(t *testing.T) {
	var metrics lines
	r := access.NewRecorder(access.Config{Function: "function", Detail: access.None, Metrics: &metrics})
	for n := range 1000 {
		rec := read(fmt.Sprint("/", n), fmt.Sprint(n), access.Error, 0)
		rec.RequestID, rec.Error, rec.Class = fmt.Sprint(n), fmt.Sprintf("Code%d", n), "Invalid"
		r.Access(rec)
	}
	r.End()
	if len(metrics) != 1 || len(metrics[0]) > 1000 {
		t.Fatalf("%d documents: %.2000q", len(metrics), metrics)
	}
	var members map[string]any
	if err := json.Unmarshal([]byte(strings.TrimSpace(metrics[0])), &members); err != nil {
		t.Fatal(err)
	}
	if members["InvalidErrors"] != 1000.0 || len(members) != 12 {
		t.Errorf("members are %v", members)
	}
}
