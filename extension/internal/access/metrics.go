package access

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// namespace is where the metrics are found in CloudWatch.
const namespace = "Larder"

// mostLatencies is how many values one metric of a document may have (CloudWatch's limit for EMF).
const mostLatencies = 100

// counts are the metrics of one source since the last document.
type counts struct {
	numbers   map[string]int // by metric
	latencies []float64      // of calls to AWS, in milliseconds
}

// always are the metrics that a document has even if they are 0, so that an alarm on them has data. Of the others, such
// as DeniedErrors, it has those that happened.
func always() map[string]int {
	return map[string]int{"Reads": 0, "Hits": 0, "Misses": 0, "Stale": 0, "Errors": 0}
}

func (r *Recorder) count(rec *Record) {
	source := rec.Source
	if source == "" {
		source = "none" // a dimension has a value
	}
	c := r.metrics[source]
	if c == nil {
		c = &counts{numbers: always()}
		if r.metrics == nil {
			r.metrics = make(map[string]*counts)
		}
		r.metrics[source] = c
	}
	c.numbers["Reads"]++
	if rec.Class != "" {
		c.numbers["Errors"]++
		c.numbers[rec.Class+"Errors"]++
	}
	switch rec.Outcome {
	case Hit:
		c.numbers["Hits"]++
	case Miss:
		c.numbers["Misses"]++
	case Refresh:
		c.numbers["Refreshes"]++
	case Stale:
		c.numbers["Stale"]++
	case Negative:
		c.numbers["Negatives"]++
	}
	if rec.Upstream > 0 {
		c.latencies = append(c.latencies, float64(rec.Upstream.Microseconds())/1000)
		if len(c.latencies) == mostLatencies {
			r.writeMetrics()
		}
	}
}

type metric struct {
	Name string
	Unit string
}

type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []metric
}

// writeMetrics writes a document in CloudWatch's embedded metric format for each source that was read.
func (r *Recorder) writeMetrics() {
	now := time.Now()
	for _, source := range slices.Sorted(maps.Keys(r.metrics)) {
		c := r.metrics[source]
		document := map[string]any{
			"timestamp": now.UTC().Format("2006-01-02T15:04:05.000Z"), "level": "INFO", "type": "larder.metrics",
			"Source": source,
		}
		dimensions := []string{"Source"}
		if r.config.Function != "" {
			document["FunctionName"] = r.config.Function
			dimensions = []string{"FunctionName", "Source"}
		}
		to := directive{Namespace: namespace, Dimensions: [][]string{dimensions}}
		for _, name := range slices.Sorted(maps.Keys(c.numbers)) {
			document[name] = c.numbers[name]
			to.Metrics = append(to.Metrics, metric{name, "Count"})
		}
		if len(c.latencies) > 0 {
			document["UpstreamLatency"] = c.latencies
			to.Metrics = append(to.Metrics, metric{"UpstreamLatency", "Milliseconds"})
		}
		document["_aws"] = map[string]any{"Timestamp": now.UnixMilli(), "CloudWatchMetrics": []directive{to}}
		line, err := json.Marshal(document)
		if err == nil { // there is nothing in it that could not be encoded
			r.config.Metrics.Add(now, append(line, '\n'))
		}
	}
	clear(r.metrics)
}
