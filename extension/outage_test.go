package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/lambdatest"
)

// However long and however much is read of whichever names, AWS is asked by one call at a time, further and further
// apart. A connection that breaks is tried twice each time, since it may be that one alone.
func TestOutageBacksOff(t *testing.T) {
	t.Parallel()
	type row struct {
		trouble
		each int // calls of one attempt
	}
	all := troubles(t)
	together(t, map[string]row{
		"500":          {all["500"], 1},
		"headers hang": {all["headers hang"], 1},
		"reset":        {all["reset"], 2},
	}, func(t *testing.T, x row) {
		s := newScene(t)
		targets := []string{secretTarget}
		for n := range 4 {
			s.aws.Secrets.PutString(fmt.Sprint(n), canary)
			targets = append(targets, fmt.Sprintf("/secretsmanager/get?secretId=%d", n))
		}
		p := s.start(brief(patient, "SECRETS_MANAGER_TIMEOUT_MILLIS=500")...)
		for _, target := range targets {
			p.mustRead(target)
		}
		s.aws.Counts.Reset()
		x.begin(t, s)
		expire()
		const long = 6 * time.Second
		pause := time.NewTicker(50 * time.Millisecond)
		defer pause.Stop()
		for begin := time.Now(); time.Since(begin) < long; <-pause.C {
			for _, target := range targets {
				if got := p.mustRead(target).header.Get("Cache-Status"); !isDetail(got, x.code) {
					t.Fatalf("Cache-Status is %q", got)
				}
			}
		}
		calls := s.aws.Counts.Calls()
		if n, most := len(calls), 4*x.each; n > most {
			t.Errorf("%d calls in %s, want %d at most", n, long, most)
		}
		if n, least := len(calls), 2*x.each; n < least {
			t.Errorf("%d calls in %s, want %d at least", n, long, least)
		}
		for i, least := x.each, time.Second; i < len(calls); i, least = i+x.each, 2*least {
			if apart := calls[i].At.Sub(calls[i-x.each].At); apart < least {
				t.Errorf("two attempts are %s apart, want %s at least", apart, least)
			}
		}
		if n := s.aws.Counts.MaxInFlight(""); n > 1 {
			t.Errorf("%d calls were under way at one time", n)
		}
		if lines := p.outages("secretsmanager"); len(lines) != 1 {
			t.Errorf("%d lines of the log for an outage that goes on: %v", len(lines), lines)
		}
	})
}

// What else an outage does, and does not.
func TestOutages(t *testing.T) {
	t.Parallel()
	together(t, map[string]func(*testing.T){
		"ends for all names":    testOutageEndsForAllNames,
		"two":                   testTwoOutages,
		"of a service":          testServicesAreApart,
		"on managed instances":  testOutageOnManagedInstances,
		"in INIT, is forgotten": testOutageInInitIsForgotten,
	}, func(t *testing.T, test func(*testing.T)) { test(t) })
}

// isDetail says that a Cache-Status ends in the code.
func isDetail(status, code string) bool { return strings.HasSuffix(status, "; detail="+code) }

// When AWS is back, the first read that finds out lets all other names be fetched anew, too: each by its next read.
func testOutageEndsForAllNames(t *testing.T) {
	s := newScene(t)
	s.aws.Secrets.PutString("other", canary)
	const otherTarget = "/secretsmanager/get?secretId=other"
	p := s.start(brief(patient)...)
	begin := time.Now()
	old, other := p.mustRead(secretTarget).body, p.mustRead(otherTarget).body
	s.aws.Faults.All(awstest.InternalError())
	expire()
	checkStale(t, p.mustRead(secretTarget), old, "InternalServiceError")
	checkStale(t, p.mustRead(otherTarget), other, "InternalServiceError") // without a call of its own
	if n := s.aws.Counts.Of(""); n != 3 {
		t.Errorf("%d calls, want 3", n)
	}
	s.aws.Faults.Clear()
	s.aws.Secrets.Rotate(secretName, canary+"-rotated")
	s.aws.Secrets.Rotate("other", canary+"-rotated")
	p.readUntilNew(secretTarget, old)
	a := p.mustRead(otherTarget)
	checkCache(t, a, "fwd=stale; stored")
	if a.body == other {
		t.Error("the old value of another name came after the end of the outage")
	}
	p.checkOneOutage("secretsmanager", "InternalServiceError", time.Since(begin))
}

// Each outage is told, with what is counted from its own beginning.
func testTwoOutages(t *testing.T) {
	s := newScene(t)
	p := s.start(brief(patient)...)
	told := 0
	for _, x := range []trouble{faulty(awstest.InternalError(), "InternalServiceError"), faulty(awstest.Throttled(), "ThrottlingException")} {
		old := p.mustRead(secretTarget).body
		x.begin(t, s)
		expire()
		reads := 3
		for range reads {
			checkStale(t, p.mustRead(secretTarget), old, x.code)
		}
		x.end(t, s)
		s.aws.Secrets.Rotate(secretName, canary+"-"+x.code)
		p.readUntil(secretTarget, "the new value", func(a answer) bool {
			if a.body == old {
				reads++
			}
			return a.body != old
		})
		told += 2
		mustWait(t, "the end to be told", func() bool { return len(p.outages("secretsmanager")) >= told })
		ended := p.outages("secretsmanager")[told-1]
		if ended.Level != "INFO" || ended.Reason != x.code || ended.StaleReads == nil || *ended.StaleReads != reads {
			t.Errorf("after %d such reads it ended with %s", reads, ended.text)
		}
	}
}

// A service that cannot be read takes nothing from the other: not its values, not its connections, not its time.
func testServicesAreApart(t *testing.T) {
	type row struct {
		out             awstest.Operation
		target, service string // of the one that is out
		well, wellToo   string
	}
	together(t, map[string]row{
		"secrets":    {awstest.GetSecretValue, secretTarget, "secretsmanager", parameterTarget, "ssm"},
		"parameters": {awstest.GetParameter, parameterTarget, "ssm", secretTarget, "secretsmanager"},
	}, func(t *testing.T, x row) {
		s := newScene(t)
		p := s.start(brief(budgetOf(500 * time.Millisecond)...)...)
		old, other := p.mustRead(x.target).body, p.mustRead(x.well).body
		s.aws.Faults.Add(awstest.Rule{Operation: x.out, Fault: awstest.Hang()})
		s.aws.Secrets.Rotate(secretName, canary+"-rotated")
		s.aws.Parameters.PutString(parameterName, canary+"-rotated")
		expire()
		checkStale(t, p.mustRead(x.target), old, "Timeout")
		a := p.mustRead(x.well)
		checkCache(t, a, "fwd=stale; stored")
		if a.body == other {
			t.Error("the service that is well gave the old value")
		}
		checkCache(t, p.mustRead(x.well), "hit")
		mustWait(t, "the log to tell of it", func() bool { return len(p.outages(x.service)) > 0 })
		checkStale(t, p.mustRead(x.target), old, "Timeout")
		if lines := p.outages(x.wellToo); len(lines) != 0 {
			t.Errorf("told of the other service: %v", lines)
		}
	})
}

// On Managed Instances, where 64 functions read at one time and no event ever comes, each gets an answer all the time:
// the old value while AWS cannot be read, the new one after that, and the failure of a missing name from memory.
func testOutageOnManagedInstances(t *testing.T) {
	s := newSceneOf(t, lambdatest.Options{ManagedInstances: true}, awstest.Options{})
	const clients = 64
	p := s.start(brief(patient, "AWS_LAMBDA_INITIALIZATION_TYPE=lambda-managed-instances", "LARDER_NEGATIVE_TTL=60")...)
	begin := time.Now()
	old := p.mustRead(secretTarget).body
	missing := p.get("/systemsmanager/parameters/get?name=missing")
	s.aws.Counts.Reset()
	s.aws.Faults.Add(awstest.Rule{Operation: awstest.GetSecretValue, Fault: awstest.Unavailable()})
	expire()
	var stale, rounds atomic.Int64
	var all, first sync.WaitGroup
	for range clients {
		first.Add(1)
		all.Go(func() {
			seen := sync.OnceFunc(first.Done)
			defer seen()
			tick := time.NewTicker(300 * time.Millisecond)
			defer tick.Stop()
			for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
				rounds.Add(1)
				a, err := p.try(request{target: secretTarget})
				gone, failed := p.try(request{target: "/systemsmanager/parameters/get?name=missing"})
				if err != nil || failed != nil || a.status != http.StatusOK {
					t.Errorf("status %d: %v, %v", a.status, err, failed)
					return
				}
				checkRemembered(t, gone, missing)
				if a.body != old {
					return
				}
				if got := a.header.Get("Cache-Status"); !isDetail(got, "UnreadableAnswer") {
					t.Errorf("Cache-Status is %q", got)
				}
				stale.Add(1)
				seen()
			}
			t.Error("the new value never came")
		})
	}
	first.Wait()
	s.aws.Secrets.Rotate(secretName, canary+"-rotated")
	s.aws.Faults.Clear()
	all.Wait()
	// Attempts are 1 to 2 s, then 2 to 4 s apart, and the last one succeeds.
	if n, most := s.aws.Counts.Of(""), 4; n < 2 || n > most || s.aws.Counts.MaxInFlight("") > 1 {
		t.Errorf("%d calls, %d at one time, for %d rounds of reads", n, s.aws.Counts.MaxInFlight(""), rounds.Load())
	}
	p.mustRead(secretTarget)
	p.checkOneOutage("secretsmanager", "UnreadableAnswer", time.Since(begin))
	if ended := p.outages("secretsmanager")[1]; int64(*ended.StaleReads) != stale.Load() {
		t.Errorf("%d reads got the old value: %s", stale.Load(), ended.text)
	}
	if n := len(s.lambda.Deliveries()); n != 0 {
		t.Errorf("%d events came", n)
	}
}

// An outage during INIT is none after the restore. Nothing is served or told of it, and the pace that AWS's throttling
// taught is forgotten: with that, only two of the reads would come to AWS within their budget.
func testOutageInInitIsForgotten(t *testing.T) {
	s := newScene(t)
	p := s.start("AWS_LAMBDA_INITIALIZATION_TYPE=snap-start", "AWS_MAX_ATTEMPTS=1", "SECRETS_MANAGER_TIMEOUT_MILLIS=1000")
	p.mustRead(secretTarget)
	s.aws.Faults.All(awstest.Throttled())
	for range 8 {
		a := p.get(secretTarget)
		checkError(t, a, http.StatusServiceUnavailable, "ThrottlingException", awsSentence)
		checkCache(t, a, "fwd=bypass")
	}
	s.aws.Faults.Clear()
	s.aws.Counts.Reset()
	s.lambda.Invoke("")
	s.lambda.MustWaitNext(t, 2)
	const names = 20
	var reads sync.WaitGroup
	for n := range names {
		s.aws.Secrets.PutString(fmt.Sprint(n), canary)
		reads.Go(func() {
			a, err := p.try(request{target: fmt.Sprintf("/secretsmanager/get?secretId=%d", n)})
			if err != nil || a.status != http.StatusOK {
				t.Errorf("status %d: %s %v", a.status, a.body, err)
				return
			}
			checkCache(t, a, "fwd=miss; stored")
		})
	}
	reads.Wait()
	if n := s.aws.Counts.Of(""); n != names {
		t.Errorf("%d calls after the restore, want %d", n, names)
	}
	if lines := p.outages("secretsmanager"); len(lines) != 0 {
		t.Errorf("told of INIT: %v", lines)
	}
}
