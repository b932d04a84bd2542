package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"larder/extension/internal/awstest"
)

// Many first reads of one value at one time make one call.
func TestConcurrentFirstReads(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	release := s.aws.Faults.Hold("")
	defer release()
	const readers = 40
	var reads sync.WaitGroup
	for range readers {
		reads.Go(func() {
			a, err := p.try(request{target: secretTarget})
			if err != nil || a.status != http.StatusOK || !strings.Contains(a.body, canary) {
				t.Errorf("status %d: %v", a.status, err)
			}
		})
	}
	s.aws.Counts.MustWaitInFlight(t, awstest.SecretsManager, 1)
	release()
	reads.Wait()
	if n := s.aws.Counts.Of(""); n != 1 {
		t.Errorf("%d calls for %d reads of one value", n, readers)
	}
	p.mustRecords(readers)
}

// A failure is shared by those who wait for it, too.
func TestConcurrentFailures(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	release := s.aws.Faults.Hold("")
	defer release()
	var reads sync.WaitGroup
	first := func() { // the one that makes the call
		a, err := p.try(request{target: "/secretsmanager/get?secretId=missing"})
		if err != nil || a.status != http.StatusBadRequest {
			t.Errorf("status %d: %v", a.status, err)
		}
	}
	reads.Go(first)
	s.aws.Counts.MustWaitInFlight(t, awstest.SecretsManager, 1)
	for range 10 {
		reads.Go(first)
	}
	release()
	reads.Wait()
}

// A secret's name, its ARN and the stage AWSCURRENT, given or not, lead to one entry. So does the ARN's entry
// serve what the name's call brought, and a refresh by one is seen by the others.
func TestNamesOfOneSecretMeet(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	arn := s.aws.Secrets.ARN(secretName)
	p := s.start()
	same := []string{
		secretTarget,
		secretTarget + "&versionStage=AWSCURRENT",
		"/secretsmanager/get?secretId=" + arn,
		"/secretsmanager/get?versionStage=AWSCURRENT&secretId=" + strings.ReplaceAll(arn, "/", "%2F"),
	}
	checkCache(t, p.mustRead(same[0]), "fwd=miss")
	for _, target := range same {
		checkCache(t, p.mustRead(target), "hit")
	}
	s.aws.Secrets.Rotate(secretName, canary+"-rotated")
	for _, refresher := range same {
		checkCache(t, p.mustRead(refresher+"&refreshNow=true"), "fwd=request")
		for _, target := range same {
			a := p.mustRead(target)
			checkCache(t, a, "hit")
			if !strings.Contains(a.body, canary+"-rotated") {
				t.Errorf("%s got the old value after a refresh by %s", target, refresher)
			}
		}
	}
	if n, want := s.aws.Counts.Of(""), 1+len(same); n != want {
		t.Errorf("%d calls, want %d", n, want)
	}
}

// What differs in what it asks for is remembered apart.
func TestDifferentReadsAreApart(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	version := s.aws.Secrets.VersionID(secretName, "AWSCURRENT")
	s.aws.Secrets.Stage(secretName, "AWSPENDING", version)
	s.aws.Parameters.Label(parameterName, "Dev", 1)
	p := s.start()
	targets := []string{
		secretTarget,
		secretTarget + "&versionId=" + version,
		secretTarget + "&versionStage=AWSPENDING",
		parameterTarget,
		parameterTarget + "&withDecryption=true",
		parameterTarget + "&version=1",
		parameterTarget + "&label=Dev",
		parameterTarget + "&label=Dev&withDecryption=true",
	}
	for _, target := range targets {
		checkCache(t, p.mustRead(target), "fwd=miss")
	}
	for _, target := range targets {
		checkCache(t, p.mustRead(target), "hit")
	}
	if n := s.aws.Counts.Of(""); n != len(targets) {
		t.Errorf("%d calls, want %d", n, len(targets))
	}
}

// A rotation is not seen by reads within the TTL, and is seen from the first refreshNow on.
func TestRefreshNow(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	p.mustRead(secretTarget)
	p.mustRead(parameterTarget)
	s.aws.Secrets.Rotate(secretName, canary+"-rotated")
	s.aws.Parameters.PutString(parameterName, canary+"-rotated")
	for _, target := range []string{secretTarget, parameterTarget} {
		if a := p.mustRead(target); strings.Contains(a.body, "rotated") {
			t.Errorf("%s: a change was detected within the TTL", target)
		}
		for _, more := range []string{"&refreshNow=true", ""} {
			if a := p.mustRead(target + more); !strings.Contains(a.body, canary+"-rotated") {
				t.Errorf("%s%s got the old value", target, more)
			}
		}
	}
}

// A refresh that fails is answered with the failure, and leaves the entry to the other reads: whether the failure
// will pass or not.
func TestFailedRefreshLeavesTheEntry(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start("SECRETS_MANAGER_TIMEOUT_MILLIS=300")
	before := p.mustRead(secretTarget).body
	for _, fault := range []awstest.Fault{awstest.InternalError(), awstest.Hang(), awstest.Refused(400, "ResourceNotFoundException", "gone")} {
		s.aws.Faults.All(fault)
		if a := p.get(secretTarget + "&refreshNow=true"); a.status == http.StatusOK {
			t.Error("a refresh that failed was answered with 200")
		}
		a := p.mustRead(secretTarget)
		checkCache(t, a, "hit")
		if a.body != before {
			t.Error("the entry changed by a refresh that failed")
		}
		s.aws.Faults.Clear()
	}
}

// Once the TTL is over, a read goes to AWS: a secret's and a parameter's by their own variables.
func TestTTL(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ setting, expires, stays string }{
		{"SECRETS_MANAGER_TTL=1", secretTarget, parameterTarget},
		{"SSM_PARAMETER_STORE_TTL=1", parameterTarget, secretTarget},
	} {
		t.Run(row.setting, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			p := s.start(row.setting)
			p.mustRead(row.stays)
			checkCache(t, p.mustRead(row.expires), "fwd=miss; stored")
			begin := s.aws.Counts.Last().At
			mustWait(t, "the value to expire", func() bool {
				return strings.HasPrefix(p.mustRead(row.expires).header.Get("Cache-Status"), "larder; fwd=stale; stored")
			})
			if lived := s.aws.Counts.Last().At.Sub(begin); lived.Seconds() < 0.85 || lived.Seconds() > 3 {
				t.Errorf("the value lived for %s with a TTL of 1 s", lived)
			}
			checkCache(t, p.mustRead(row.expires), "hit")
			checkCache(t, p.mustRead(row.stays), "hit")
		})
	}
}

// All the ways to switch the cache off send every read to AWS: each for what it is about.
func TestCacheOff(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		setting            string
		secret, parameters string // the Cache-Status of a second read
	}{
		{"PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED=False", "fwd=bypass", "fwd=bypass"},
		{"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE=0", "fwd=bypass", "fwd=bypass"},
		{"LARDER_CACHE_MAX_BYTES=0", "fwd=bypass", "fwd=bypass"},
		{"SECRETS_MANAGER_TTL=0", "fwd=bypass", "hit"},
		{"SSM_PARAMETER_STORE_TTL=0", "hit", "fwd=bypass"},
	} {
		t.Run(row.setting, func(t *testing.T) {
			t.Parallel()
			p := newScene(t).start(row.setting)
			for range 2 {
				p.mustRead(secretTarget)
				p.mustRead(parameterTarget)
			}
			checkCache(t, p.mustRead(secretTarget), row.secret)
			checkCache(t, p.mustRead(parameterTarget), row.parameters)
		})
	}
}

// The cache holds so many items, secrets and parameters together, and lets go of the least recently used.
func TestCacheSize(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for n := range 4 {
		s.aws.Secrets.PutString(fmt.Sprint(n), canary)
	}
	p := s.start("PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE=3")
	read := func(target, how string) {
		t.Helper()
		checkCache(t, p.mustRead(target), how)
	}
	const secret = "/secretsmanager/get?secretId="
	read(secret+"0", "fwd=miss")
	read(secret+"1", "fwd=miss")
	read(parameterTarget, "fwd=miss")
	read(secret+"0", "hit")      // 1 is now the least recently used
	read(secret+"2", "fwd=miss") // and goes
	read(secret+"0", "hit")      //
	read(parameterTarget, "hit") //
	read(secret+"1", "fwd=miss") // so that 2 goes
	read(secret+"2", "fwd=miss") // and 0
	read(parameterTarget, "hit") //
	read(secret+"0", "fwd=miss") //
}

// A cache of one item holds one.
func TestCacheOfOne(t *testing.T) {
	t.Parallel()
	p := newScene(t).start("PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE=1")
	for range 2 {
		checkCache(t, p.mustRead(secretTarget), "fwd=miss")
		checkCache(t, p.mustRead(secretTarget), "hit")
		checkCache(t, p.mustRead(parameterTarget), "fwd=miss")
		checkCache(t, p.mustRead(parameterTarget), "hit")
	}
}

// The cache holds so many bytes; a value that would fill it alone is served and not kept.
func TestCacheBytes(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	long := strings.Repeat("x", 10<<10)
	for n := range 10 {
		s.aws.Secrets.PutString(fmt.Sprint(n), canary+long)
	}
	s.aws.Secrets.PutString("huge", canary+strings.Repeat("x", 60<<10))
	p := s.start("LARDER_CACHE_MAX_BYTES=50000")
	const secret = "/secretsmanager/get?secretId="
	for n := range 10 {
		checkCache(t, p.mustRead(secret+fmt.Sprint(n)), "fwd=miss; stored")
	}
	checkCache(t, p.mustRead(secret+"huge"), "fwd=miss")
	checkCache(t, p.mustRead(secret+"huge"), "fwd=miss")
	kept := 0
	for n := 9; n >= 0; n-- {
		if strings.HasPrefix(p.mustRead(secret+fmt.Sprint(n)).header.Get("Cache-Status"), "larder; hit") {
			kept++
		} else {
			break
		}
	}
	if kept != 4 {
		t.Errorf("%d values of 10 KB were kept in 50,000 bytes, want 4", kept)
	}
}
