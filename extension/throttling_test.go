package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"larder/extension/internal/awstest"
)

// many is how many parameters are read at one time, and allowed the calls that Parameter Store lets an account make in
// a second by default.
const many, allowed = 100, 40

// putMany puts the parameters that readMany reads.
func (s *scene) putMany() {
	for n := range many {
		s.aws.Parameters.PutString(fmt.Sprintf("/many/%d", n), fmt.Sprintf("%s %d", canary, n))
	}
}

// startBatching starts the extension with batches, and with so much time that what is counted does not depend on the
// machine.
func (s *scene) startBatching(settings ...string) *process {
	s.t.Helper()
	return s.start(append(append(settings, "LARDER_BATCH=on"), budgetOf(patience)...)...)
}

// readMany reads all of them at one time, and checks that each read gets its own value.
func (p *process) readMany() {
	p.t.Helper()
	var reads sync.WaitGroup
	for n := range many {
		reads.Go(func() {
			a, err := p.try(request{target: fmt.Sprintf("/systemsmanager/parameters/get?name=/many/%d", n)})
			if err != nil || a.status != http.StatusOK || !strings.Contains(a.body, fmt.Sprintf(`"%s %d"`, canary, n)) {
				p.t.Errorf("%d: status %d: %s %v", n, a.status, a.body, err)
			}
		})
	}
	reads.Wait()
}

// When AWS lets only so many calls a second through, all get their answer within the budget, which would be a 504
// otherwise, with few calls in vain: the first that is throttled slows the queue down. The other service is not slowed
// down, and nobody's value is served in the place of another's.
func TestThrottledCrowd(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.putMany()
	s.aws.Faults.SetRate(awstest.ParameterStore, allowed)
	p := s.start("SSM_PARAMETER_STORE_TIMEOUT_MILLIS=4000") // more than the default, since the machine may be busy
	crowd := make(chan struct{})
	go func() {
		defer close(crowd)
		p.readMany()
	}()
	mustWait(t, "a call to be throttled", func() bool { return s.aws.Counts.Of(awstest.GetParameter) > allowed })
	p.mustRead(secretTarget)
	if n := s.aws.Counts.Of(awstest.GetParameter); n >= many {
		t.Errorf("a secret was read after %d calls for parameters", n)
	}
	<-crowd
	if n := s.aws.Counts.Of(awstest.GetParameter); n < many || n > 130 {
		t.Errorf("%d calls, want %d to 130", n, many)
	}
	for _, r := range p.mustRecords(many + 1) {
		if r.Outcome != "miss" || r.Level != "INFO" {
			t.Errorf("recorded as %s", r.text)
		}
	}
}

// In batches they do so even where ten calls a second are let through: one by one it would take ten seconds.
func TestThrottledCrowdInBatches(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.putMany()
	s.aws.Faults.SetRate(awstest.ParameterStore, 10)
	p := s.startBatching()
	p.readMany()
	if n := s.aws.Counts.Of(""); n > 40 {
		t.Errorf("%d calls for %d names", n, many)
	}
}

// A throttled call is made again where another is not: the value is there, and no outage is told of.
func TestThrottlingIsNoOutage(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Faults.Next(2, awstest.Throttled())
	p := s.start()
	checkCache(t, p.mustRead(parameterTarget), "fwd=miss; stored")
	if n := s.aws.Counts.Of(""); n != 3 {
		t.Errorf("%d calls, want 3", n)
	}
	if lines := p.mustLines(isWarning); len(lines) != 0 {
		t.Errorf("warnings: %v", lines)
	}
}
