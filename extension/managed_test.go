package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/lambdatest"
)

const managedInstances = "AWS_LAMBDA_INITIALIZATION_TYPE=lambda-managed-instances"

// newManagedScene plays Managed Instances: there is no INVOKE.
func newManagedScene(t *testing.T) *scene {
	t.Helper()
	return newSceneOf(t, lambdatest.Options{ManagedInstances: true}, awstest.Options{})
}

// numbered is a secret whose values are numbers that rise.
func numbered(n int) (name, target string) {
	name = fmt.Sprintf("numbered-%d", n)
	return name, "/secretsmanager/get?secretId=" + name
}

const secretsOfLoad = 8

// put gives all numbered secrets this value.
func (s *scene) put(value int64) {
	for n := range secretsOfLoad {
		name, _ := numbered(n)
		s.aws.Secrets.PutString(name, canary+"-"+strconv.FormatInt(value, 10))
	}
}

// valueIn finds the number in an answer.
func valueIn(body string) int64 {
	_, after, _ := strings.Cut(body, `"SecretString":"`+canary+"-")
	digits, _, _ := strings.Cut(after, `"`)
	value, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return -1
	}
	return value
}

// load reads the numbered secrets from so many clients at once, each on a connection that it keeps, and checks that
// each read gets a value, and no client an older one than before.
func (p *process) load(clients, reads int, each func(read int64)) {
	var begun atomic.Int64
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			if err := p.client(&begun, int64(reads), each); err != nil {
				p.t.Error(err)
			}
		})
	}
	all.Wait()
}

func (p *process) client(begun *atomic.Int64, reads int64, each func(read int64)) error {
	conn, err := p.scene.dial("")
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		return err
	}
	from := bufio.NewReader(conn)
	var last [secretsOfLoad]int64
	for read := begun.Add(1); read <= reads; read = begun.Add(1) {
		each(read)
		n := int(read) % secretsOfLoad
		_, target := numbered(n)
		if _, err := io.WriteString(conn, request{target: target, keep: true}.bytes(p.scene)); err != nil {
			return err
		}
		a, _, err := readAnswer(from, http.MethodGet)
		if err != nil {
			return fmt.Errorf("read %d: %w", read, err)
		}
		value := valueIn(a.body)
		if a.status != http.StatusOK || value < last[n] {
			return fmt.Errorf("read %d: status %d, value %d after %d: %s", read, a.status, value, last[n], a.body)
		}
		last[n] = value
	}
	return nil
}

// On Managed Instances, where nothing is ever invoked, a crowd reads secrets that rotate with credentials that are
// renewed on the way: all get values, none an older one than before, each read is recorded, and when the crowd is gone
// nothing is left of it.
func TestManagedInstancesUnderLoad(t *testing.T) {
	t.Parallel()
	s := newManagedScene(t)
	s.put(0)
	s.newKeys(0, 0)
	s.aws.Credentials.Enforce(true)
	s.token = s.aws.Credentials.Token()
	settings := s.containerCredentials(managedInstances, "SECRETS_MANAGER_TTL=1", "LARDER_STALE_WAIT_MILLIS=15000",
		"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=info")
	p := s.launchCommand(exec.Command(executable), nil, settings)
	p.mustWaitIdle()
	p.mustRead(secretTarget)
	before := p.mustUsage()
	const clients, reads, changes = 64, 4000, 4
	p.load(clients, reads, func(read int64) {
		if read%(reads/changes) == 0 {
			s.put(read)
			s.newKeys(int(read), 0)
		}
	})
	mustWait(t, "the last value", func() bool {
		_, target := numbered(1)
		return valueIn(p.mustRead(target).body) == reads
	})
	if fetches, _ := s.aws.Credentials.Fetches(); fetches < 2 {
		t.Errorf("credentials were fetched %d times", fetches)
	}
	mustWait(t, "the connections to be closed", func() bool { return p.mustUsage().descriptors <= before.descriptors+2 }) // to AWS
	if after := p.mustUsage(); after.threads > before.threads+5 {
		t.Errorf("%d threads, %d before", after.threads, before.threads)
	}
	s.lambda.Shutdown("spindown", 0)
	checkEndsInTime(t, p)
	values := p.mustLines(func(l line) bool { return isRecord(l) && l.Status == http.StatusOK })
	dropped := p.mustLines(func(l line) bool { return l.Dropped > 0 })
	if len(values) < reads && len(dropped) == 0 {
		t.Errorf("%d records of %d reads", len(values), reads)
	}
	if events := s.lambda.Deliveries(); len(events) != 1 {
		t.Errorf("%d events came, want SHUTDOWN alone", len(events))
	}
}

// Credentials of the environment that have expired, and that nobody renews, are told plainly for what was never read.
// What was read is served all the same.
func TestExpiredCredentialsAreTold(t *testing.T) {
	t.Parallel()
	s := newManagedScene(t)
	p := s.start(managedInstances, "SECRETS_MANAGER_TTL=1", "LARDER_STALE_WAIT_MILLIS=15000")
	old := p.mustRead(secretTarget).body
	s.aws.Faults.All(awstest.ExpiredToken())
	checkError(t, p.get(parameterTarget), http.StatusServiceUnavailable, "ExpiredTokenException", awsSentence+": GetParameter",
		parameterName, "the credentials have expired, and the platform has not renewed them")
	s.aws.Secrets.Rotate(secretName, canary+"-rotated")
	mustWait(t, "a value past its TTL", func() bool {
		a := p.mustRead(secretTarget)
		if a.body != old {
			t.Fatalf("got %s", a.body)
		}
		return strings.Contains(a.header.Get("Cache-Status"), "; detail=ExpiredTokenException")
	})
	begun := func(l line) bool {
		return isOfOutage(l) && strings.Contains(l.text, `"reason":"ExpiredTokenException"`)
	}
	mustWait(t, "the log to tell of it", func() bool { return len(p.mustLines(begun)) == 1 })
	stale := func(l line) bool {
		return l.Outcome == "stale" && l.Error == "ExpiredTokenException" && l.Status == http.StatusOK
	}
	mustWait(t, "the record to tell of it", func() bool { return len(p.mustLines(stale)) > 0 })
	s.aws.Faults.Clear() // as if the platform had renewed them
	mustWait(t, "the new value", func() bool { return strings.Contains(p.mustRead(secretTarget).body, canary+"-rotated") })
	p.mustRead(parameterTarget + "&refreshNow=true")
}

// Where the platform offers an endpoint for credentials beside those of the environment, it is asked once these have
// expired, and from then on.
func TestExpiredCredentialsAreTakenAnew(t *testing.T) {
	t.Parallel()
	s := newManagedScene(t)
	p := s.start(append(s.aws.Credentials.Environ(), managedInstances, "SECRETS_MANAGER_TTL=0")...)
	p.mustRead(secretTarget)
	if fetches, refused := s.aws.Credentials.Fetches(); fetches+refused != 0 {
		t.Errorf("the endpoint was asked while the environment's credentials were good")
	}
	for number := 1; number <= 3; number++ {
		keys := s.newKeys(number, 0)
		s.aws.Credentials.Enforce(true)
		for range 3 {
			p.mustRead(secretTarget)
			if got := s.aws.Counts.Last().AccessKeyID; got != keys.AccessKeyID {
				t.Errorf("signed by %s, want %s", got, keys.AccessKeyID)
			}
		}
		if fetches, _ := s.aws.Credentials.Fetches(); fetches != number {
			t.Errorf("credentials were fetched %d times, want %d", fetches, number)
		}
	}
	warned := p.mustLines(isWarning)
	if slices.ContainsFunc(warned, isOfOutage) {
		t.Errorf("the log speaks of an outage: %v", warned)
	}
}
