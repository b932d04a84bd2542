package main_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"larder/extension/internal/awstest"
)

// What LARDER_STALE_WHILE_REVALIDATE does, and where it ends.
func TestRevalidation(t *testing.T) {
	t.Parallel()
	together(t, map[string]func(*testing.T){
		"serves at once": testStaleWhileRevalidate,
		"is bounded":     testRevalidationIsBounded,
		"fails":          testRevalidationFails,
	}, func(t *testing.T, test func(*testing.T)) { test(t) })
}

// With LARDER_STALE_WHILE_REVALIDATE a value past its TTL is served at once, and one call behind the answers fetches it
// anew: AWS answers here only after all of them. That is the ordinary way of such a value, and no warning.
func testStaleWhileRevalidate(t *testing.T) {
	s := newScene(t)
	p := s.start(brief("LARDER_STALE_WHILE_REVALIDATE=60", "SECRETS_MANAGER_TIMEOUT_MILLIS=60000")...)
	begin := time.Now()
	old := p.mustRead(secretTarget).body
	end := time.Now()
	s.aws.Secrets.Rotate(secretName, canary+"-rotated")
	release := s.aws.Faults.Hold("")
	defer release()
	expire()
	const reads = 30
	var last answer
	for range reads {
		last = p.mustRead(secretTarget)
		checkStale(t, last, old, "")
	}
	s.aws.Counts.MustWaitInFlight(t, awstest.SecretsManager, 1)
	for _, r := range p.mustRecords(1 + reads)[1:] {
		checkStaleRecord(t, r, last, "", begin, end)
	}
	release()
	a := p.readUntilNew(secretTarget, old)
	checkCache(t, a, "hit")
	if n := s.aws.Counts.Of(""); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
	if lines := p.outages("secretsmanager"); len(lines) != 0 {
		t.Errorf("told as an outage: %v", lines)
	}
}

// After the time of LARDER_STALE_WHILE_REVALIDATE a read waits for AWS, as without it.
func testRevalidationIsBounded(t *testing.T) {
	together(t, map[string]time.Duration{"1": 2 * shortTTL, "0": shortTTL}, func(t *testing.T, longest time.Duration) {
		seconds := strings.TrimSuffix((longest - shortTTL).String(), "s")
		s := newScene(t)
		p := s.start(brief("LARDER_STALE_WHILE_REVALIDATE="+seconds, "LARDER_STALE_WAIT_MILLIS=10000")...)
		old := p.mustRead(secretTarget).body
		s.aws.Secrets.Rotate(secretName, canary+"-rotated")
		<-time.After(longest)
		a := p.mustRead(secretTarget)
		checkCache(t, a, "fwd=stale; stored")
		if a.body == old {
			t.Error("the old value came")
		}
	})
}

// A fetch behind that fails is the beginning of an outage: from then on the answers say why they are old.
func testRevalidationFails(t *testing.T) {
	s := newScene(t)
	p := s.start(brief("LARDER_STALE_WHILE_REVALIDATE=60")...)
	begin := time.Now()
	old := p.mustRead(secretTarget).body
	s.aws.Faults.All(awstest.Throttled())
	expire()
	checkStale(t, p.mustRead(secretTarget), old, "")
	mustWait(t, "the log to tell of it", func() bool { return len(p.outages("secretsmanager")) == 1 })
	for range 10 {
		checkStale(t, p.mustRead(secretTarget), old, "ThrottlingException")
	}
	if n := s.aws.Counts.Of(""); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
	s.aws.Faults.Clear()
	s.aws.Secrets.Rotate(secretName, canary+"-rotated")
	p.readUntilNew(secretTarget, old)
	mustWait(t, "the log to tell of the end", func() bool { return len(p.outages("secretsmanager")) == 2 })
	if ended := p.outages("secretsmanager")[1]; ended.LastedMS == nil || *ended.LastedMS > float64(time.Since(begin).Milliseconds()) {
		t.Errorf("it ended with %s", ended.text)
	}
}

// behind is a way in which a call goes on behind a read that was answered with the old value.
type behind struct {
	settings []string
	begin    func(t *testing.T, p *process, old string) // until AWS is held
}

var behinds = map[string]behind{
	"revalidating": {[]string{"LARDER_STALE_WHILE_REVALIDATE=60"}, func(*testing.T, *process, string) {}},
	"too slow":     {nil, func(*testing.T, *process, string) {}},
	"probing": {nil, func(t *testing.T, p *process, old string) {
		p.scene.aws.Faults.All(awstest.InternalError())
		checkStale(t, p.mustRead(secretTarget), old, "InternalServiceError")
		p.scene.aws.Faults.Clear()
	}},
}

// goBehind leaves a call under way that no read waits for, and returns what lets AWS answer it.
func (b behind) goBehind(t *testing.T, p *process) (release func()) {
	t.Helper()
	s := p.scene
	old := p.mustRead(secretTarget).body
	expire()
	b.begin(t, p, old)
	release = s.aws.Faults.Hold("")
	p.readUntil(secretTarget, "a call behind", func(a answer) bool {
		if a.body != old {
			t.Errorf("got %d %s, want the old value", a.status, a.body)
		}
		return s.aws.Counts.InFlight("") == 1
	})
	return release
}

// While such a call is under way, next is not called: it would be frozen half-way. Once it is over, next is. That is
// waited for a second at most, since it is billed.
func TestNextWaitsForACallBehind(t *testing.T) {
	t.Parallel()
	type row struct {
		behind
		answered bool // by AWS, in time
	}
	rows := make(map[string]row)
	for name, b := range behinds {
		rows[name+", and answered"], rows[name] = row{b, true}, row{b, false}
	}
	together(t, rows, func(t *testing.T, x row) {
		s := newScene(t)
		p := s.start(brief(append(x.settings, "SECRETS_MANAGER_TIMEOUT_MILLIS=60000")...)...)
		release := x.goBehind(t, p)
		defer release()
		s.lambda.Invoke("")
		invoked := s.lambda.MustWaitDelivery(t, 1).SentAt
		if !x.answered {
			if waited := s.lambda.MustWaitNext(t, 2).Sub(invoked); waited < 900*time.Millisecond || waited > time.Second+little {
				t.Errorf("next was called after %s, want 1 s", waited)
			}
			if n := s.aws.Counts.InFlight(""); n != 1 {
				t.Errorf("%d calls are under way, want 1", n)
			}
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 400*time.Millisecond)
		defer cancel()
		if _, err := s.lambda.WaitNext(ctx, 2); err == nil {
			t.Error("next was called with a call under way")
		}
		released := time.Now()
		release()
		if asked := s.lambda.MustWaitNext(t, 2); asked.Before(released) {
			t.Error("next was called before AWS answered")
		}
		checkCache(t, p.mustRead(secretTarget), "hit") // what came is there before the freeze
		if n := s.aws.Counts.InFlight(""); n != 0 {
			t.Errorf("%d calls are under way", n)
		}
	})
}
