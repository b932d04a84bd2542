package source_test

import (
	"testing"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/source"
)

// A value, and an error, tells when the attempt began that brought it: the last of the read, before AWS answered it.
func TestAsked(t *testing.T) {
	aws := mustStart(t)
	s := mustConnect(t, aws, nil)
	for _, q := range both("a") {
		aws.Faults.Next(1, awstest.InternalError())
		begin := time.Now()
		got := mustRead(t, s, q)
		made := aws.Counts.Calls()
		before, last := made[len(made)-2].At, made[len(made)-1].At
		if got.Asked.Before(begin) || got.Asked.Before(before) || got.Asked.After(last) {
			t.Errorf("asked at %v, want it between %v and %v", got.Asked, before, last)
		}
		missing := q
		missing.Name = "missing"
		if failed := mustFail(t, s, missing); failed.Asked.Before(last) || failed.Asked.After(aws.Counts.Last().At) {
			t.Errorf("asked at %v, want it between %v and %v", failed.Asked, last, aws.Counts.Last().At)
		}
	}
}

// Values that came together were asked for at one time; one that had to be read by itself after that, later.
func TestAskedTogether(t *testing.T) {
	forBoth(t, func(t *testing.T, service source.Service) {
		aws := mustStart(t)
		queries := append(fill(aws, service, 3), source.Query{Service: service, Name: "missing"})
		answers := together(t, aws, mustConnect(t, aws, batching), queries...)
		asked := answers[0].value.Asked
		for _, got := range answers[:3] {
			if got.value.Asked != asked || asked.IsZero() || asked.After(aws.Counts.Calls()[0].At) {
				t.Errorf("%s was asked for at %v, the first at %v", got.query.Name, got.value.Asked, asked)
			}
		}
		if failed := answers[3].err; !failed.Asked.After(asked) {
			t.Errorf("the missing was asked for at %v, the others at %v", failed.Asked, asked)
		}
	})
}
