package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"larder/extension/internal/awstest"
)

const summary = "LARDER_ACCESS_LOG=summary"

// summaries are the records that stand for several reads.
func (p *process) summaries() []line {
	p.t.Helper()
	return p.mustLines(func(l line) bool { return isRecord(l) && l.Reads > 0 })
}

func (p *process) mustSummaries(n int) []line {
	p.t.Helper()
	mustWait(p.t, "summaries to be written", func() bool { return len(p.summaries()) >= n })
	got := p.summaries()
	if len(got) > n {
		p.t.Fatalf("%d summaries, want %d", len(got), n)
	}
	return got
}

// What is read from memory in an invocation is told when the next one begins, in one line for each value and under the
// first one's ids; what is read in the last one is told at SHUTDOWN. An invocation without reads has no line. That each
// minute does the same where there are no invocations is not waited for here.
func TestSummaryOfInvocations(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start(summary)
	first := s.lambda.Invoke("")
	s.lambda.MustWaitNext(t, 2)
	const hits = 5
	for range 1 + hits {
		p.mustRead(secretTarget)
		p.mustRead(parameterTarget)
	}
	p.mustRead(parameterTarget + "&version=1")
	p.mustRead(parameterTarget + "&version=1")
	p.mustRecords(3) // of the misses
	second := s.lambda.Invoke("")
	p.mustSummaries(3)
	s.lambda.MustWaitNext(t, 3)
	p.mustRead(secretTarget)
	s.lambda.Shutdown("spindown", 0)
	checkEndsInTime(t, p)
	want := []struct {
		requestID, source, name, selector string
		reads                             int
	}{
		{first, "secretsmanager", secretName, "", hits},
		{first, "ssm", parameterName, "", hits},
		{first, "ssm", parameterName, "1", 1},
		{second, "secretsmanager", secretName, "", 1},
	}
	for i, got := range p.mustSummaries(len(want)) {
		row := want[i]
		if got.RequestID != row.requestID || got.From != "invocation" || got.Source != row.source || got.Name != row.name ||
			got.Selector != row.selector || got.Reads != row.reads || got.Outcome != "hit" || got.Status != http.StatusOK {
			t.Errorf("summary %d is %s, want %+v", i, got.text, row)
		}
	}
	if n := len(p.records()); n != 3+len(want) {
		t.Errorf("%d records in all", n)
	}
}

// A summary says how old the youngest and the oldest of its answers were.
func TestSummaryTellsAges(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start(summary)
	s.lambda.Invoke("")
	s.lambda.MustWaitNext(t, 2)
	p.mustRead(secretTarget)
	begin := time.Now()
	p.mustRead(secretTarget)
	const pause = 300 * time.Millisecond
	stand(pause)
	p.mustRead(secretTarget)
	most := time.Since(begin) + time.Second
	s.lambda.Invoke("")
	var ages struct {
		Min int64 `json:"min_age_ms"`
		Max int64 `json:"max_age_ms"`
	}
	if err := json.Unmarshal([]byte(p.mustSummaries(1)[0].text), &ages); err != nil {
		t.Fatal(err)
	}
	if apart := time.Duration(ages.Max-ages.Min) * time.Millisecond; apart < pause || time.Duration(ages.Max)*time.Millisecond > most {
		t.Errorf("ages are %d to %d ms", ages.Min, ages.Max)
	}
}

// All but reads from memory has a line of its own, at once. With none nothing has, and the reads go on.
func TestWhatIsNotSummed(t *testing.T) {
	t.Parallel()
	for detail, want := range map[string][]string{
		"summary": {"miss", "miss", "refresh", "error", "negative", "denied", "denied", "error", "stale"},
		"none":    nil,
	} {
		t.Run(detail, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.aws.Secrets.PutString("denied", canary)
			s.aws.Secrets.Deny("denied")
			p := s.start("LARDER_ACCESS_LOG="+detail, "SSM_PARAMETER_STORE_TTL=1", "LARDER_NEGATIVE_TTL=60", "AWS_MAX_ATTEMPTS=1")
			s.lambda.Invoke("")
			s.lambda.MustWaitNext(t, 2)
			p.mustRead(secretTarget)
			p.mustRead(parameterTarget)
			p.mustRead(secretTarget) // from memory
			p.mustRead(secretTarget + "&refreshNow=true")
			for _, row := range []struct {
				request
				status int
			}{
				{request{target: "/secretsmanager/get?secretId=missing"}, http.StatusBadRequest},
				{request{target: "/secretsmanager/get?secretId=missing"}, http.StatusBadRequest},
				{request{target: "/secretsmanager/get?secretId=denied"}, http.StatusBadRequest},
				{request{target: secretTarget, token: "wrong"}, http.StatusForbidden},
				{request{target: "/nowhere"}, http.StatusNotFound},
			} {
				if a := p.mustAsk(row.request); a.status != row.status {
					t.Errorf("%s: status %d, want %d", row.target, a.status, row.status)
				}
			}
			s.aws.Faults.All(awstest.Throttled())
			stand(time.Second)
			p.mustRead(parameterTarget)
			var got []string
			for _, l := range p.mustRecords(len(want)) {
				got = append(got, l.Outcome)
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("records of\n%q, want\n%q", got, want)
			}
			s.lambda.Shutdown("spindown", 0)
			checkEndsInTime(t, p)
			summed := 0
			if detail == "summary" {
				summed = 1
			}
			if n := len(p.summaries()); n != summed || len(p.records()) != len(want)+summed {
				t.Errorf("%d records, %d of them summaries", len(p.records()), n)
			}
		})
	}
}

// Of many readers at once, over many invocations, no read is lost between two summaries and none is counted twice.
func TestSummaryLosesNothing(t *testing.T) {
	t.Parallel()
	s := newLogScene(t)
	s.put(0)
	p := s.start(append(sinkTo("both"), summary)...)
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
	counts := make(map[string]int)
	total := 0
	for _, l := range p.records() {
		if l.Reads == 0 {
			l.Reads = 1 // a miss, or what waited for one
		}
		counts[l.Name] += l.Reads
		total += l.Reads
	}
	if total != reads || len(counts) != secretsOfLoad {
		t.Errorf("%d reads of %d values were recorded, want %d", total, len(counts), reads)
	}
	for n := range secretsOfLoad {
		if name, _ := numbered(n); counts[name] != reads/secretsOfLoad {
			t.Errorf("%s has %d reads", name, counts[name])
		}
	}
	if n := len(p.summaries()); n > (invocations+2)*secretsOfLoad {
		t.Errorf("%d summaries of %d invocations", n, invocations)
	}
	if written, delivered := len(p.records()), len(s.delivered()); written != delivered {
		t.Errorf("%s: %d lines were written and %d delivered", fmt.Sprint(s.aws.Logs.Streams(logGroup)), written, delivered)
	}
}
