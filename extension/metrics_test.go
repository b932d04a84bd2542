package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"larder/extension/internal/awstest"
)

// metrics is a document of CloudWatch's embedded metric format, which tells what was read of one source.
type metrics struct {
	AWS struct {
		Timestamp         int64
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name, Unit string }
		}
	} `json:"_aws"`
	Source, FunctionName string
	UpstreamLatency      []float64

	Reads, Hits, Misses, Refreshes, Stale, Negatives, Errors                      int
	NotFoundErrors, DeniedErrors, RefusedErrors, MalformedErrors, ThrottledErrors int

	members map[string]any
}

func isMetrics(l line) bool { return l.Type == "larder.metrics" }

// metrics waits until so many documents are written, checks that each is what CloudWatch takes, and returns them.
func (p *process) metrics(n int) []metrics {
	p.t.Helper()
	mustWait(p.t, "metrics to be written", func() bool { return len(p.mustLines(isMetrics)) >= n })
	var all []metrics
	for _, l := range p.mustLines(isMetrics) {
		var m metrics
		if err := json.Unmarshal([]byte(l.text), &m); err != nil {
			p.t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(l.text), &m.members); err != nil {
			p.t.Fatal(err)
		}
		checkMetrics(p.t, m)
		all = append(all, m)
	}
	if len(all) > n {
		p.t.Fatalf("%d documents, want %d", len(all), n)
	}
	return all
}

// checkMetrics checks what the format asks for: each dimension is a text of the document, each metric a number or up to
// a hundred of them, and the time is now, in milliseconds.
func checkMetrics(t *testing.T, m metrics) {
	t.Helper()
	if len(m.AWS.CloudWatchMetrics) != 1 || m.AWS.CloudWatchMetrics[0].Namespace != "Larder" {
		t.Fatalf("the directives are %+v", m.AWS)
	}
	if age := time.Since(time.UnixMilli(m.AWS.Timestamp)); age < 0 || age > 10*patience {
		t.Errorf("the time is %s ago", age)
	}
	directive := m.AWS.CloudWatchMetrics[0]
	if !slices.EqualFunc(directive.Dimensions, [][]string{{"FunctionName", "Source"}}, slices.Equal) {
		t.Errorf("the dimensions are %q", directive.Dimensions)
	}
	for _, dimension := range slices.Concat(directive.Dimensions...) {
		if text, _ := m.members[dimension].(string); text == "" {
			t.Errorf("the dimension %s is %v", dimension, m.members[dimension])
		}
	}
	for _, metric := range directive.Metrics {
		switch value := m.members[metric.Name].(type) {
		case float64:
			if metric.Unit != "Count" {
				t.Errorf("%s is counted in %s", metric.Name, metric.Unit)
			}
		case []any:
			if metric.Unit != "Milliseconds" || len(value) == 0 || len(value) > 100 {
				t.Errorf("%s has %d values in %s", metric.Name, len(value), metric.Unit)
			}
		default:
			t.Errorf("%s is %v", metric.Name, value)
		}
	}
}

// Nothing is measured unless it is asked for.
func TestNoMetricsByDefault(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	p.mustRead(secretTarget)
	s.lambda.Invoke("")
	s.lambda.Shutdown("spindown", 0)
	checkEndsInTime(t, p)
	if n := len(p.mustLines(isMetrics)); n > 0 {
		t.Errorf("%d documents", n)
	}
}

// An invocation has one document for each source that it read, with what was read of it, whatever the record's detail;
// one that read nothing has none.
func TestMetricsOfInvocations(t *testing.T) {
	t.Parallel()
	for _, detail := range []string{"all", "summary", "none"} {
		t.Run(detail, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.aws.Secrets.PutString("denied", canary)
			s.aws.Secrets.Deny("denied")
			p := s.start("LARDER_METRICS=on", "LARDER_ACCESS_LOG="+detail, "LARDER_NEGATIVE_TTL=60", "AWS_MAX_ATTEMPTS=1")
			s.lambda.Invoke("")
			s.lambda.MustWaitNext(t, 2)
			for range 5 {
				p.mustRead(secretTarget)
			}
			p.mustRead(secretTarget + "&refreshNow=true")
			for range 3 {
				p.get("/secretsmanager/get?secretId=missing")
			}
			p.get("/secretsmanager/get?secretId=denied")
			p.mustRead(parameterTarget)
			s.aws.Faults.All(awstest.Throttled())
			p.get("/systemsmanager/parameters/get?name=/throttled")
			s.aws.Faults.Clear()
			p.get("/nowhere")
			s.lambda.Invoke("")
			s.lambda.MustWaitNext(t, 3)
			first := p.metrics(3)
			s.lambda.Invoke("")
			s.lambda.MustWaitNext(t, 4) // of an invocation without reads
			p.mustRead(parameterTarget)
			s.lambda.Shutdown("spindown", 0)
			checkEndsInTime(t, p)

			bySource := make(map[string]metrics)
			for _, m := range first {
				bySource[m.Source] = m
				if m.FunctionName != "function" {
					t.Errorf("the function is %s", m.FunctionName)
				}
			}
			m := bySource["secretsmanager"]
			got := []int{m.Reads, m.Hits, m.Misses, m.Refreshes, m.Stale, m.Negatives, m.Errors, m.NotFoundErrors, m.DeniedErrors, len(m.UpstreamLatency)}
			if want := []int{10, 4, 1, 1, 0, 2, 4, 3, 1, 4}; !slices.Equal(got, want) {
				t.Errorf("of secrets: %d, want %d: %v", got, want, m.members)
			}
			m = bySource["ssm"]
			got = []int{m.Reads, m.Hits, m.Misses, m.Errors, m.ThrottledErrors, len(m.UpstreamLatency)}
			if want := []int{2, 0, 1, 1, 1, 2}; !slices.Equal(got, want) {
				t.Errorf("of parameters: %d, want %d: %v", got, want, m.members)
			}
			m = bySource["none"]
			if m.Reads != 1 || m.Errors != 1 || m.MalformedErrors != 1 {
				t.Errorf("of requests for nothing: %v", m.members)
			}
			if last := p.metrics(4)[3]; last.Source != "ssm" || last.Reads != 1 || last.Hits != 1 || last.Errors != 0 {
				t.Errorf("of the last invocation: %v", last.members)
			}
			if n := len(p.records()); (n == 0) != (detail == "none") {
				t.Errorf("%d records", n)
			}
		})
	}
}

// What is served past its TTL in place of an error is counted as stale, and as no error.
func TestMetricsOfAnOutage(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start("LARDER_METRICS=on", "SECRETS_MANAGER_TTL=1", "LARDER_ACCESS_SINK=cloudwatch", "LARDER_LOG_GROUP="+logGroup)
	s.lambda.Invoke("")
	s.lambda.MustWaitNext(t, 2)
	p.mustRead(secretTarget)
	s.aws.Faults.Add(awstest.Rule{Operation: awstest.GetSecretValue, Fault: awstest.Throttled()})
	stand(time.Second)
	const stale = 3
	for range stale {
		if a := p.get(secretTarget); a.status != http.StatusOK {
			t.Fatalf("status %d: %s", a.status, a.body)
		}
	}
	s.lambda.Shutdown("spindown", 0)
	checkEndsInTime(t, p)
	m := p.metrics(1)[0] // on standard output, whatever the sink
	if m.Reads != 1+stale || m.Misses != 1 || m.Stale != stale || m.Errors != 0 {
		t.Errorf("got %v", m.members)
	}
}

// Of many readers at once, over many invocations, each read is counted once.
func TestMetricsLoseNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.put(0)
	p := s.start("LARDER_METRICS=on", "LARDER_ACCESS_LOG=none")
	s.lambda.Invoke("")
	s.lambda.MustWaitNext(t, 2)
	const clients, reads, invocations = 16, 4000, 20
	p.load(clients, reads, func(read int64) {
		if read%(reads/invocations) == 0 {
			s.lambda.Invoke("")
		}
	})
	s.lambda.Shutdown("spindown", 0)
	checkEndsInTime(t, p)
	documents := p.mustLines(isMetrics)
	counted, hits := 0, 0
	for _, m := range p.metrics(len(documents)) {
		counted += m.Reads
		hits += m.Hits
	}
	if counted != reads || hits < reads-clients*secretsOfLoad || len(documents) > invocations+2 {
		t.Errorf("%s", fmt.Sprint(counted, " reads and ", hits, " hits in ", len(documents), " documents"))
	}
}
