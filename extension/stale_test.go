package main_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/lambdatest"
)

const (
	// shortTTL is the shortest there is, in the settings that brief gives.
	shortTTL = time.Second
	// staleWait is the default of LARDER_STALE_WAIT_MILLIS.
	staleWait = 250 * time.Millisecond
)

// brief gives both services the shortest TTL.
func brief(settings ...string) []string {
	return append(settings, "SECRETS_MANAGER_TTL=1", "SSM_PARAMETER_STORE_TTL=1")
}

// patient lets the first read that meets trouble wait for what comes of it, however slow the machine.
const patient = "LARDER_STALE_WAIT_MILLIS=10000"

// expire lets what was just read pass its TTL. Nothing tells when that is but the clock.
func expire() { <-time.After(shortTTL) }

// readUntil reads again and again until an answer is as it should be.
func (p *process) readUntil(target, what string, is func(answer) bool) answer {
	p.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		if a := p.get(target); is(a) {
			return a
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			p.t.Fatalf("waited %s in vain for %s", patience, what)
		}
	}
}

// readUntilNew reads until the value is another than before.
func (p *process) readUntilNew(target, old string) answer {
	p.t.Helper()
	return p.readUntil(target, "the new value", func(a answer) bool { return a.status == http.StatusOK && a.body != old })
}

var staleStatus = regexp.MustCompile(`^larder; hit; ttl=(-?[0-9]+)(?:; detail=([A-Za-z.]+))?$`)

// checkStale checks an answer with the old value, for which the code of a failure is the reason.
func checkStale(t *testing.T, a answer, body, code string) {
	t.Helper()
	if a.status != http.StatusOK || a.body != body {
		t.Errorf("status %d, want 200 and the old value: %s", a.status, a.body)
	}
	status := a.header.Get("Cache-Status")
	parts := staleStatus.FindStringSubmatch(status)
	if parts == nil || parts[2] != code {
		t.Errorf("Cache-Status is %q, want larder; hit; ttl=-N; detail=%s", status, code)
		return
	}
	ttl, _ := strconv.Atoi(parts[1])
	age, err := strconv.Atoi(a.header.Get("Age"))
	// The age is that of the value; by its TTL of 0.9 to 1 s it is more than what the value is overdue by. The one is
	// rounded down, the other up.
	if past := -ttl; err != nil || past < 1 || age-past < -1 || age-past > 1 {
		t.Errorf("Age is %q with Cache-Status %q, and a TTL of %s", a.header.Get("Age"), status, shortTTL)
	}
}

// checkStaleRecord checks the record of an answer with an old value, which AWS gave between two times.
func checkStaleRecord(t *testing.T, r line, a answer, code string, earliest, latest time.Time) {
	t.Helper()
	level := "WARN"
	if code == "" {
		level = "INFO"
	}
	if r.Outcome != "stale" || r.Error != code || r.Level != level || r.Status != http.StatusOK || r.VersionID == "" {
		t.Errorf("recorded as %s", r.text)
	}
	written, err := time.Parse(time.RFC3339Nano, r.Timestamp)
	if err != nil || r.AgeMS == nil {
		t.Errorf("recorded as %s", r.text)
		return
	}
	age := time.Duration(*r.AgeMS) * time.Millisecond
	// The age was taken a moment before the record was written.
	if least, most := written.Sub(latest)-little, written.Sub(earliest); age < least || age > most {
		t.Errorf("age_ms is %s, want %s to %s", age, least, most)
	}
	if got, want := a.header.Get("Age"), fmt.Sprint(int(age.Seconds())); got != want {
		t.Errorf("Age is %s and the age recorded %s", got, age)
	}
}

// trouble is a way in which AWS cannot be read, from one moment to another.
type trouble struct {
	code     string
	address  string                // of AWS; empty for any
	settings func(*scene) []string // nil for none
	begin    func(*testing.T, *scene)
	end      func(*testing.T, *scene)
}

// faulty lets every call end in this way.
func faulty(fault awstest.Fault, code string) trouble {
	return trouble{
		code:  code,
		begin: func(_ *testing.T, s *scene) { s.aws.Faults.All(fault) },
		end:   func(_ *testing.T, s *scene) { s.aws.Faults.Clear() },
	}
}

func troubles(t *testing.T) map[string]trouble {
	return map[string]trouble{
		"throttled":     faulty(awstest.Throttled(), "ThrottlingException"),
		"500":           faulty(awstest.InternalError(), "InternalServiceError"),
		"503":           faulty(awstest.Unavailable(), "UnreadableAnswer"),
		"reset":         faulty(awstest.Reset(), "NoConnection"),
		"cut":           faulty(awstest.Cut(), "NoConnection"),
		"headers hang":  faulty(awstest.Hang(), "Timeout"),
		"body hangs":    faulty(awstest.Stall(), "Timeout"),
		"garbage":       faulty(awstest.Garbage(), "UnreadableAnswer"),
		"expired token": faulty(awstest.ExpiredToken(), "ExpiredTokenException"),
		"refused": {
			code:    "NoConnection",
			address: fmt.Sprintf("127.0.0.1:%d", mustFreePort(t)), // which nobody takes while AWS is away
			begin:   func(_ *testing.T, s *scene) { s.aws.Close() },
			end: func(t *testing.T, s *scene) {
				s.aws = awstest.MustStart(t, awstest.Options{Address: strings.TrimPrefix(s.aws.URL(), "http://")})
				s.aws.Secrets.PutString(secretName, secretValue)
			},
		},
		"no credentials": {
			code: "NoCredentials",
			settings: func(s *scene) []string {
				keys := s.aws.Credentials.Keys()
				keys.Expiration = time.Now().Add(time.Second) // so that every call needs new ones
				s.aws.Credentials.SetKeys(keys)
				s.token = s.aws.Credentials.Token()
				return s.containerCredentials()
			},
			begin: func(_ *testing.T, s *scene) { s.aws.Credentials.Fail(-1, awstest.InternalError()) },
			end:   func(_ *testing.T, s *scene) { s.aws.Credentials.Fail(0, awstest.Fault{}) },
		},
		"expired credentials": {
			code: "UnrecognizedClientException",
			begin: func(_ *testing.T, s *scene) {
				s.aws.Credentials.SetKeys(awstest.Keys{AccessKeyID: "ASIA" + canary + "0002", SessionToken: canary})
				s.aws.Credentials.Enforce(true)
			},
			end: func(_ *testing.T, s *scene) { s.aws.Credentials.Enforce(false) },
		},
	}
}

// Whatever comes in the way of AWS, the old value is served: the first read waits a moment, those after it do not; all
// are marked, and recorded with the reason; one call is under way at a time. Soon after AWS is back the new value is
// served. The log says once when it begins, and once when it is over, with the number of such reads.
func TestStaleWhateverTheTrouble(t *testing.T) {
	t.Parallel()
	together(t, troubles(t), func(t *testing.T, x trouble) {
		s := newSceneOf(t, lambdatest.Options{}, awstest.Options{Address: x.address})
		settings := brief("SECRETS_MANAGER_TIMEOUT_MILLIS=1000")
		wait := staleWait
		if x.code != "Timeout" { // the failure is waited for, however slow the machine
			wait = time.Second
			settings = append(settings, "LARDER_STALE_WAIT_MILLIS=1000")
		}
		if x.settings != nil {
			settings = append(settings, x.settings(s)...)
		}
		p := s.start(settings...)
		begin := time.Now()
		old := p.mustRead(secretTarget).body
		end := time.Now()
		x.begin(t, s)
		expire()
		first := p.mustRead(secretTarget)
		checkStale(t, first, old, x.code)
		checkTook(t, first, 0, wait+little)
		var last answer
		const more = 10
		for range more {
			last = p.mustRead(secretTarget)
			checkStale(t, last, old, x.code)
		}
		records := p.mustRecords(1 + 1 + more)
		checkStaleRecord(t, records[1], first, x.code, begin, end)
		checkStaleRecord(t, records[1+more], last, x.code, begin, end)
		if n := s.aws.Counts.MaxInFlight(""); n > 1 {
			t.Errorf("%d calls were under way at one time", n)
		}
		mustWait(t, "the log to tell of it", func() bool { return len(p.outages("secretsmanager")) == 1 })

		x.end(t, s)
		s.aws.Secrets.Rotate(secretName, canary+"-rotated")
		p.readUntilNew(secretTarget, old)
		if n := s.aws.Counts.MaxInFlight(""); n > 1 {
			t.Errorf("%d calls were under way at one time", n)
		}
		p.checkOneOutage("secretsmanager", x.code, time.Since(end))
	})
}

// checkOneOutage checks what the log says of the one outage that there was, and that is over: once each. The number of
// stale reads is that of the records.
func (p *process) checkOneOutage(service, code string, longest time.Duration) {
	p.t.Helper()
	mustWait(p.t, "the last record", func() bool {
		records := p.records()
		return len(p.outages(service)) > 1 && records[len(records)-1].Outcome != "stale"
	})
	lines := p.outages(service)
	if len(lines) != 2 {
		p.t.Errorf("%d lines of the log for one outage: %v", len(lines), lines)
		return
	}
	began, ended := lines[0], lines[1]
	if began.Level != "WARN" || !strings.HasPrefix(began.Message, "AWS cannot be read") || began.Reason != code {
		p.t.Errorf("it began with %s", began.text)
	}
	if ended.Level != "INFO" || ended.Message != "AWS can be read again" || ended.Reason != code {
		p.t.Errorf("it ended with %s", ended.text)
	}
	stale := len(p.mustLines(func(l line) bool { return isRecord(l) && l.Source == service && l.Outcome == "stale" }))
	if ended.StaleReads == nil || *ended.StaleReads != stale {
		p.t.Errorf("%d reads are recorded as stale: %s", stale, ended.text)
	}
	if ended.LastedMS == nil || *ended.LastedMS < 0 || *ended.LastedMS > float64(longest.Milliseconds()) {
		p.t.Errorf("it lasted no longer than %s: %s", longest, ended.text)
	}
}

// While a call hangs, cached reads are answered, however many and of whichever name, and no other call is made: AWS
// answers here only after all of them. What it then brings is served to the next read. A slow answer is no outage.
func TestStaleWhileAWSHangs(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Secrets.PutString("other", canary)
	const otherTarget = "/secretsmanager/get?secretId=other"
	p := s.start(brief("SECRETS_MANAGER_TIMEOUT_MILLIS=60000")...)
	old, other := p.mustRead(secretTarget).body, p.mustRead(otherTarget).body
	s.aws.Secrets.Rotate(secretName, canary+"-rotated")
	expire()
	release := s.aws.Faults.Hold("")
	defer release()
	var reads sync.WaitGroup
	for range 40 { // that come first, and wait together
		reads.Go(func() {
			a, err := p.try(request{target: secretTarget})
			if err != nil {
				t.Error(err)
				return
			}
			checkStale(t, a, old, "Timeout")
			checkTook(t, a, 0, staleWait+little)
		})
	}
	reads.Wait()
	for range 40 {
		checkStale(t, p.mustRead(secretTarget), old, "Timeout")
		checkStale(t, p.mustRead(otherTarget), other, "Timeout")
	}
	if n, all := s.aws.Counts.InFlight(""), s.aws.Counts.Of(""); n != 1 || all != 3 {
		t.Errorf("%d calls are under way and %d were made, want 1 and 3", n, all)
	}
	release()
	a := p.readUntilNew(secretTarget, old)
	checkCache(t, a, "hit")
	if n := s.aws.Counts.OfName("", secretName); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
	if lines := p.outages("secretsmanager"); len(lines) != 0 {
		t.Errorf("told as an outage: %v", lines)
	}
}

// LARDER_STALE_WAIT_MILLIS is how long the first read waits: here not at all, and long enough for AWS to answer.
func TestStaleWait(t *testing.T) {
	t.Parallel()
	for millis, wait := range map[string]time.Duration{"0": 0, "10000": 10 * time.Second} {
		t.Run(millis, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			p := s.start(brief("LARDER_STALE_WAIT_MILLIS="+millis, "SECRETS_MANAGER_TIMEOUT_MILLIS=60000")...)
			old := p.mustRead(secretTarget).body
			s.aws.Secrets.Rotate(secretName, canary+"-rotated")
			expire()
			release := s.aws.Faults.Hold("")
			defer release()
			if wait == 0 {
				checkStale(t, p.mustRead(secretTarget), old, "Timeout")
				s.aws.Counts.MustWaitInFlight(t, awstest.SecretsManager, 1)
				return
			}
			time.AfterFunc(staleWait+little, release)
			a := p.mustRead(secretTarget)
			checkCache(t, a, "fwd=stale; stored")
			if a.body == old {
				t.Error("the old value came, although AWS answered in time")
			}
		})
	}
}

// LARDER_STALE_IF_ERROR bounds how long past its TTL a value is served; 0 is not at all. After that the failure is
// answered.
func TestStaleIfErrorIsBounded(t *testing.T) {
	t.Parallel()
	together(t, map[string]time.Duration{"1": shortTTL + time.Second, "0": shortTTL}, func(t *testing.T, longest time.Duration) {
		seconds := fmt.Sprint(int((longest - shortTTL).Seconds()))
		s := newScene(t)
		p := s.start(brief("LARDER_STALE_IF_ERROR="+seconds, patient, "LARDER_NEGATIVE_TTL=0", "AWS_MAX_ATTEMPTS=1")...)
		begin := time.Now()
		old := p.mustRead(secretTarget).body
		end := time.Now()
		s.aws.Faults.All(awstest.InternalError())
		var latest, sent time.Time
		a := p.readUntil(secretTarget, "the value not to be served any more", func(a answer) bool {
			if a.status == http.StatusOK {
				latest = time.Now()
			}
			return a.status != http.StatusOK
		})
		sent = time.Now()
		checkError(t, a, http.StatusBadGateway, "InternalServiceError", awsSentence)
		if lived := latest.Add(-little).Sub(end); lived > longest {
			t.Errorf("it was served for %s, want %s at most", lived, longest)
		}
		if lived, least := sent.Sub(begin), longest-shortTTL/10; lived < least {
			t.Errorf("it was served for %s, want %s at least", lived, least)
		}
		s.aws.Faults.Clear()
		p.readUntil(secretTarget, "AWS to be asked again", func(a answer) bool { return a.status == http.StatusOK && a.body == old })
	})
}
