package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// line is one line of standard output.
type line struct {
	Timestamp string
	Level     string
	Type      string
	Message   string

	// Of the access record.
	RequestID  string `json:"requestId"`
	From       string `json:"requestIdFrom"`
	TraceID    string `json:"traceId"`
	Function   string
	Version    string
	Source     string
	Name       string
	Selector   string
	Outcome    string
	AgeMS      *float64 `json:"age_ms"`
	DurationMS *float64 `json:"duration_ms"`
	UpstreamMS *float64 `json:"upstream_ms"`
	Status     int
	Error      string
	VersionID  string `json:"versionId"`
	Reads      int    // of a summary

	// Of a warning about a setting.
	Variable string
	Value    string
	Allowed  string
	Default  string

	// Of an outage, and of an action that the role lacks.
	Service    string
	Reason     string
	StaleReads *int     `json:"stale_reads"`
	LastedMS   *float64 `json:"lasted_ms"`
	Action     string

	// Of lines that are missing.
	Dropped int

	text string
}

// parseLines reads the complete lines of an output.
func parseLines(text string) ([]line, error) {
	var lines []line
	complete := text[:strings.LastIndexByte(text, '\n')+1]
	scanner := bufio.NewScanner(strings.NewReader(complete))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		parsed := line{text: scanner.Text()}
		decoder := json.NewDecoder(bytes.NewReader(scanner.Bytes()))
		if err := decoder.Decode(&parsed); err != nil {
			return nil, err
		}
		lines = append(lines, parsed)
	}
	return lines, scanner.Err()
}

func (p *process) mustLines(which func(line) bool) []line {
	p.t.Helper()
	lines, err := parseLines(p.stdout.String())
	if err != nil {
		p.t.Fatalf("a line that is no JSON: %v", err)
	}
	return slices.DeleteFunc(lines, func(l line) bool { return !which(l) })
}

func isRecord(l line) bool { return l.Type == "larder.access" }

func isWarning(l line) bool { return l.Type == "larder" && l.Level == "WARN" }

// outages returns what the log tells of a service that cannot be read, and that can be again.
func (p *process) outages(service string) []line {
	p.t.Helper()
	return p.mustLines(func(l line) bool { return l.Type == "larder" && l.Service == service })
}

func (p *process) records() []line {
	p.t.Helper()
	return p.mustLines(isRecord)
}

// mustRecords waits until so many records are written, and returns them.
func (p *process) mustRecords(n int) []line {
	p.t.Helper()
	mustWait(p.t, "records to be written", func() bool { return len(p.records()) >= n })
	records := p.records()
	if len(records) > n {
		p.t.Fatalf("%d records, want %d", len(records), n)
	}
	return records
}

// schema is the description of all lines that is in the repository.
var schema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	return jsonschema.NewCompiler().Compile("internal/access/record.schema.json")
})

// validate checks a line against the schema.
func validate(text string) error {
	compiled, err := schema()
	if err != nil {
		return err
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return compiled.Validate(document)
}

// checkLines checks what holds for every line: it is one JSON object with a time and a level.
func checkLines(t *testing.T, text string) {
	t.Helper()
	if text != "" && !strings.HasSuffix(text, "\n") {
		t.Error("the last line of standard output is not complete")
	}
	lines, err := parseLines(text)
	if err != nil {
		t.Errorf("a line of standard output is no JSON: %v", err)
	}
	for _, l := range lines {
		if _, err := time.Parse(time.RFC3339Nano, l.Timestamp); err != nil || !strings.HasSuffix(l.Timestamp, "Z") {
			t.Errorf("the timestamp %q is not of RFC 3339 in UTC: %s", l.Timestamp, l.text)
		}
		if !slices.Contains([]string{"DEBUG", "INFO", "WARN", "ERROR"}, l.Level) {
			t.Errorf("the level %q is not one of Lambda's: %s", l.Level, l.text)
		}
		if err := validate(l.text); err != nil {
			t.Errorf("a line that is not of the schema: %v\n%s", err, l.text)
		}
	}
}

// checkNothingSecret looks for values, tokens and credentials, as they are and as base64.
func checkNothingSecret(t *testing.T, s *scene, where, text string) {
	t.Helper()
	lower := strings.ToLower(text)
	for _, secret := range []string{canary, "Q0FOQVJZ", s.aws.Credentials.Token()} { // the second is base64 of the first
		if i := strings.Index(lower, strings.ToLower(secret)); i >= 0 {
			t.Errorf("%s holds something secret: …%s…", where, text[max(0, i-80):min(len(text), i+80)])
		}
	}
}
