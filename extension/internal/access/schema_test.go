package access_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"larder/extension/internal/access"
)

// mustCompileSchema reads the description of the lines that is in the repository.
func mustCompileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("record.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func mustUnmarshal(t *testing.T, line []byte) any {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// whole is a record in which every field is set.
func whole() access.Record {
	return access.Record{
		Time: aTime, RequestID: "request", RequestIDFrom: access.OfInvocation, TraceID: "1-5759e988-bd862e3fe1be46a994272793",
		Source: "ssm", Name: "/name", Selector: "3", Outcome: access.Stale, Age: time.Second, Duration: time.Millisecond,
		Upstream: time.Microsecond, Status: 200, Error: "Timeout", Action: "kms:Decrypt", VersionID: "12", Class: "TimedOut",
	}
}

// The schema describes the fields of a record and of a summary, every one of them and no other.
func TestSchemaHasTheRecordsFields(t *testing.T) {
	summary := whole()
	summary.Outcome, summary.Reads, summary.Error = access.Hit, 2, ""
	var document struct {
		Defs map[string]struct{ Properties map[string]any } `json:"$defs"`
	}
	content, err := os.ReadFile("record.schema.json")
	if err == nil {
		err = json.Unmarshal(content, &document)
	}
	if err != nil {
		t.Fatal(err)
	}
	schema := mustCompileSchema(t)
	for name, record := range map[string]access.Record{"read": whole(), "summary": summary} {
		line := mustWriteOne(t, access.Config{Function: "function", Version: "7"}, record)
		if err := schema.Validate(mustUnmarshal(t, line)); err != nil {
			t.Errorf("%s: %v\n%s", name, err, line)
		}
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatal(err)
		}
		got, want := slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(document.Defs[name].Properties))
		if !slices.Equal(got, want) {
			t.Errorf("%s has the fields\n%q, and the schema\n%q", name, got, want)
		}
	}
}

// Every outcome is one that the schema knows, and none that it does not know is let through.
func TestSchemaKnowsTheOutcomes(t *testing.T) {
	schema := mustCompileSchema(t)
	for _, outcome := range []access.Outcome{
		access.Hit, access.Miss, access.Refresh, access.Stale, access.Negative, access.Error, access.Denied,
	} {
		record := whole()
		record.Outcome = outcome
		if err := schema.Validate(mustUnmarshal(t, mustWriteOne(t, access.Config{}, record))); err != nil {
			t.Error(err)
		}
	}
	for _, change := range []func(*access.Record){
		func(r *access.Record) { r.Outcome = "other" },
		func(r *access.Record) { r.Status = 0 },
		func(r *access.Record) { r.Source = "kms" },
		func(r *access.Record) { r.TraceID = "1-2" },
		func(r *access.Record) { r.RequestIDFrom = "elsewhere" },
		func(r *access.Record) { r.Age = -time.Second },
	} {
		record := whole()
		change(&record)
		line := mustWriteOne(t, access.Config{}, record)
		if schema.Validate(mustUnmarshal(t, line)) == nil {
			t.Errorf("the schema lets through %s", line)
		}
	}
	for _, field := range []string{"value", "token", "message", "reads"} {
		line := bytes.Replace(mustWriteOne(t, access.Config{}, whole()), []byte("}\n"), fmt.Appendf(nil, `,%q:"x"}`, field), 1)
		if schema.Validate(mustUnmarshal(t, line)) == nil {
			t.Errorf("the schema lets through the field %s", field)
		}
	}
}
