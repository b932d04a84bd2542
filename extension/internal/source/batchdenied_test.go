package source_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"larder/extension/internal/awstest"
	"larder/extension/internal/source"
)

// denials collects what BatchDenied is told.
type denials struct {
	mu   sync.Mutex
	told []string
}

func (d *denials) tell(action string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = append(d.told, action)
}

// A role that may not make calls for several is told so once, with the action that it lacks. All names are read one
// by one at once, those of the refused call, those that were waiting, and those that come later, and no such call is
// ever made again.
func TestBatchDenied(t *testing.T) {
	forBoth(t, func(t *testing.T, service source.Service) {
		aws := mustStart(t)
		queries := fill(aws, service, 50)
		single, batch, action := operations(service)
		aws.Faults.Add(awstest.Rule{Operation: batch, Fault: awstest.Refused(400, "AccessDeniedException",
			"User: arn:aws:sts::123456789012:assumed-role/function is not authorized to perform: "+action)})
		var d denials
		s := mustConnect(t, aws, func(cfg *source.Config) { batching(cfg); cfg.BatchDenied = d.tell })
		for round := range 2 {
			answers := together(t, aws, s, queries...)
			for _, got := range answers {
				if got.err != nil || len(got.value.Body) == 0 {
					t.Errorf("%s: %v", got.query.Name, got.err)
				}
			}
			if made := aws.Counts.Of(batch); made != 1-round {
				t.Errorf("round %d: %d calls for several", round, made)
			}
			if made := aws.Counts.Of(single); made != len(queries) {
				t.Errorf("round %d: %d single calls", round, made)
			}
			s.Reset() // after which it is still denied
		}
		if !slices.Equal(d.told, []string{action}) {
			t.Errorf("told %v", d.told)
		}
		nobody := mustConnect(t, aws, batching) // whom nobody tells
		for _, got := range together(t, aws, nobody, queries[:3]...) {
			if got.err != nil {
				t.Error(got.err)
			}
		}
	})
}

// A parameter whose key is refused fails the whole call for several, as AWS has it. It alone gets the error, and the
// action of that call is not told to be missing: reads go on together.
func TestKeyDeniedInABatch(t *testing.T) {
	aws := mustStart(t)
	var queries []source.Query
	for i := range 4 {
		q := parameter(fmt.Sprint(i))
		q.WithDecryption = true
		aws.Parameters.PutSecure(q.Name, canary)
		queries = append(queries, q)
	}
	aws.Parameters.DenyKey("1")
	var d denials
	s := mustConnect(t, aws, func(cfg *source.Config) { batching(cfg); cfg.BatchDenied = d.tell })
	for i, got := range together(t, aws, s, queries...) {
		if (got.err != nil) != (i == 1) || i == 1 && got.err.Class != source.Denied {
			t.Errorf("%s: %v", got.query.Name, got.err)
		}
	}
	if d.told != nil {
		t.Errorf("told %v", d.told)
	}
	together(t, aws, s, queries[2:]...)
	checkBatches(t, aws, awstest.GetParameters, 2)
}

// A parameter that the role may not read fails the whole call for several, too. It alone gets the error, in the words
// of a single read.
func TestDeniedInABatch(t *testing.T) {
	aws := mustStart(t)
	queries := fill(aws, source.ParameterStore, 12)
	aws.Parameters.Deny(queries[3].Name)
	answers := together(t, aws, mustConnect(t, aws, batching), queries...)
	for i, got := range answers {
		if (got.err != nil) != (i == 3) || i == 3 && got.err.Class != source.Denied {
			t.Errorf("%s: %v", got.query.Name, got.err)
		}
	}
	checkSame(t, aws, answers)
}
