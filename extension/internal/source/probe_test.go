package source_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/source"
)

// probe reads for a caller that has another answer.
func probe(s *source.Services, q source.Query) answer {
	value, err := s.Probe(context.Background(), q)
	failed, _ := err.(*source.Error)
	return answer{q, value, failed}
}

// A probe makes one attempt, whatever AWS answers, since its caller has another answer. A connection that breaks says
// nothing of AWS: it may have died while it was idle, and one more attempt is made.
func TestProbe(t *testing.T) {
	for name, row := range map[string]struct {
		fault awstest.Fault
		class source.Class
		calls int
	}{
		"throttled": {awstest.Throttled(), source.Throttled, 1}, "failing": {awstest.InternalError(), source.Failing, 1},
		"unavailable": {awstest.Unavailable(), source.Unreadable, 1}, "garbage": {awstest.Garbage(), source.Unreadable, 1},
		"hanging": {awstest.Hang(), source.TimedOut, 1}, "stalling": {awstest.Stall(), source.TimedOut, 1},
		"reset": {awstest.Reset(), source.Unreachable, 2}, "cut": {awstest.Cut(), source.Unreachable, 2},
		"denied":  {awstest.Refused(400, "AccessDeniedException", ""), source.Denied, 1},
		"expired": {awstest.ExpiredToken(), source.Unauthenticated, 1},
	} {
		for _, q := range both("a") {
			t.Run(name+" "+q.Service.String(), func(t *testing.T) {
				t.Parallel()
				aws := mustStart(t)
				aws.Faults.All(row.fault)
				s := mustConnect(t, aws, within(300*time.Millisecond))
				if row.class != source.TimedOut {
					s = mustConnect(t, aws, nil)
				}
				got := probe(s, q)
				if got.err == nil || got.err.Class != row.class || got.err.Name != q.Name {
					t.Errorf("got %v", got.err)
				}
				if calls := aws.Counts.Of(""); calls != row.calls {
					t.Errorf("%d calls, want %d", calls, row.calls)
				}
			})
		}
	}
}

// A probe that goes well is a read like any other, after a connection that broke and with new credentials, too.
func TestProbeThatGoes(t *testing.T) {
	aws := mustStart(t)
	s := mustConnect(t, aws, func(cfg *source.Config) {
		cfg.Credentials = source.NewCredentials(container(aws, source.CredentialsConfig{}))
	})
	for _, q := range both("a") {
		want := mustRead(t, s, q)
		for name, fault := range map[string]awstest.Fault{"reset": awstest.Reset(), "expired": awstest.ExpiredToken()} {
			aws.Counts.Reset()
			aws.Faults.Next(1, fault)
			got := probe(s, q)
			if got.err != nil || string(got.value.Body) != string(want.Body) || aws.Counts.Of("") != 2 {
				t.Errorf("%s: got %v by %d calls", name, got.err, aws.Counts.Of(""))
			}
		}
		aws.DropConnections()
		if got := probe(s, q); got.err != nil {
			t.Errorf("after its connection has died: %v", got.err)
		}
	}
}

// A certificate that is not trusted is not tried twice.
func TestProbeOfAStranger(t *testing.T) {
	aws := awstest.MustStart(t, awstest.Options{TLS: true})
	s := mustConnect(t, aws, nil)
	for _, q := range both("a") {
		aws.Counts.Reset()
		open := aws.Counts.Connections()
		if got := probe(s, q); got.err == nil || got.err.Class != source.Unreachable || aws.Counts.Connections() != open+1 {
			t.Errorf("got %v over %d connections", got.err, aws.Counts.Connections()-open)
		}
	}
}

// A probe's only attempt gets the whole budget.
func TestBudgetOfAProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		calls := 0
		err := source.NewProbe(1, 5, time.Second)(t.Context(), func(ctx context.Context) error {
			calls++
			<-ctx.Done()
			return ctx.Err()
		})
		var failed *source.Error
		if !errors.As(err, &failed) || failed.Class != source.TimedOut || calls != 1 || time.Since(begin) != time.Second {
			t.Errorf("%v after %v and %d calls", err, time.Since(begin), calls)
		}
	})
}

// A read that was thrown together with others, and has to be read by itself, is one attempt for a probe, too.
func TestProbeInABatch(t *testing.T) {
	forBoth(t, func(t *testing.T, service source.Service) {
		aws := mustStart(t)
		queries := fill(aws, service, 2)
		single, batch, _ := operations(service)
		aws.Faults.Add(awstest.Rule{Operation: batch, Fault: awstest.Refused(400, "ValidationException", "")})
		s := mustConnect(t, aws, batching)
		release := aws.Faults.Hold("")
		defer release()
		go read(s, source.Query{Service: service, Name: "a"})
		aws.Counts.MustWaitInFlight(t, "", 1)
		answers := make(chan answer, 2)
		for i, q := range queries {
			go func() { answers <- probe(s, q) }()
			mustHave(t, q.Name+" to wait", func() bool { return s.Waiting(service) == i+1 })
		}
		release()
		for range queries {
			if got := <-answers; got.err != nil || len(got.value.Body) == 0 {
				t.Errorf("%s: %v", got.query.Name, got.err)
			}
		}
		checkBatches(t, aws, batch, 2)
		checkBatches(t, aws, single, 1, 1, 1)
	})
}
