package main_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/extension/internal/awstest"
)

// singleConnection lets reads wait, so that it is known which of them go together.
const singleConnection = "PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS=1"

// readTogether reads all targets at one time, while another read of the same service has the only connection. The
// answers come by their targets.
func (p *process) readTogether(service awstest.Service, targets []string) map[string]answer {
	p.t.Helper()
	s := p.scene
	busy := "/secretsmanager/get?secretId=busy"
	if service == awstest.ParameterStore {
		busy = "/systemsmanager/parameters/get?name=/busy"
	}
	release := s.aws.Faults.Hold("")
	defer release()
	var reads sync.WaitGroup
	reads.Go(func() { _, _ = p.try(request{target: busy + "&refreshNow=true"}) }) // it needs not be there
	s.aws.Counts.MustWaitInFlight(p.t, service, 1)
	before := p.mustUsage().descriptors
	var mu sync.Mutex
	answers := make(map[string]answer)
	for _, target := range targets {
		reads.Go(func() {
			a, err := p.try(request{target: target})
			if err != nil {
				p.t.Errorf("%s: %v", target, err)
			}
			mu.Lock()
			defer mu.Unlock()
			answers[target] = a
		})
	}
	mustWait(p.t, "all to be connected", func() bool { return p.mustUsage().descriptors >= before+len(targets) })
	<-time.After(50 * time.Millisecond) // nothing tells that a request was read and waits for a connection
	release()
	reads.Wait()
	return answers
}

// A hundred cold parameters on the default three connections: the first three reads may go alone.
func TestBatchOfACrowd(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.putMany()
	s.aws.Faults.SetLatency("", 20*time.Millisecond)
	p := s.startBatching()
	release := s.aws.Faults.Hold("")
	defer release()
	crowd := make(chan struct{})
	go func() {
		defer close(crowd)
		p.readMany()
	}()
	s.aws.Counts.MustWaitInFlight(t, awstest.ParameterStore, 3)
	mustWait(t, "all to be connected", func() bool { return p.mustUsage().descriptors > many })
	release()
	<-crowd
	if n := s.aws.Counts.Of(""); n > 14 {
		t.Errorf("%d calls for %d names, want 14 at most", n, many)
	}
	if n := s.aws.Counts.MaxInFlight(awstest.ParameterStore); n > 3 {
		t.Errorf("%d calls at one time", n)
	}
	for _, r := range p.mustRecords(many) {
		if r.Outcome != "miss" {
			t.Errorf("recorded as %s", r.text)
		}
	}
	p.readMany() // from memory
	if n := s.aws.Counts.Of(""); n > 14 {
		t.Errorf("%d calls after the second reading", n)
	}
}

// putKinds puts a value of each kind, and returns how they are read: what can go together, and what is read alone.
func putKinds(s *scene) (secrets, parameters, alone []string) {
	text := map[string]string{
		"json": `{"username":"CANARY","password":"a\"b\\c"}`, "html": `<a href="x?a=1&b=2">CANARY</a> '&amp;'`,
		"unicode": "CANARY \u2028\u2029 äß漢\U0001F511", "control": "CANARY\x00\x01\t\n\x7f", "long": canary + strings.Repeat("x", 60_000), "bare": "",
	}
	const secret, parameter = "/secretsmanager/get?secretId=", "/systemsmanager/parameters/get?name="
	created := time.Date(2018, 4, 11, 12, 0, 0, 5e6, time.UTC)
	for name, value := range text {
		s.aws.Secrets.Put(awstest.Secret{Name: name, String: value, Created: created})
		secrets = append(secrets, secret+name)
		s.aws.Parameters.Put(awstest.Parameter{Name: "/" + name, Value: or(value, canary), Modified: created})
		parameters = append(parameters, parameter+"/"+name)
	}
	s.aws.Secrets.Put(awstest.Secret{Name: "binary", Binary: []byte("\x00\xffCANARY")})
	s.aws.Secrets.PutString("arn", canary)
	s.aws.Secrets.PutString("suffix", canary)
	suffixed := s.aws.Secrets.ARN("suffix")
	secrets = append(secrets, secret+"binary", secret+s.aws.Secrets.ARN("arn"), secret+suffixed[:len(suffixed)-len("-abcdef")])
	s.aws.Secrets.Rotate("json", canary+"-rotated")
	s.aws.Secrets.Stage("unicode", "CUSTOM", s.aws.Secrets.VersionID("unicode", "AWSCURRENT"))
	s.aws.Parameters.Put(awstest.Parameter{Name: "/list", Value: canary + ",two, three,,", Type: awstest.StringList})
	s.aws.Parameters.Put(awstest.Parameter{Name: "/image", Value: canary, DataType: "aws:ec2:image"})
	s.aws.Parameters.PutSecure("/secure", canary)
	s.aws.Parameters.PutSecure("/plain", canary)
	s.aws.Parameters.PutString("/versions", canary+"-old")
	s.aws.Parameters.PutString("/versions", canary+"-new")
	s.aws.Parameters.PutString("/labels", canary)
	s.aws.Parameters.Label("/labels", "Dev", 1)
	s.aws.Parameters.PutString("bare", canary)
	s.aws.Parameters.PutString("/aws/service/ami-amazon-linux-latest/al2023", canary)
	parameters = append(parameters, parameter+"/list", parameter+"/image", parameter+"/secure", parameter+"/plain&withDecryption=true",
		parameter+"/versions&version=1", parameter+"/labels:Dev", parameter+"bare", parameter+"/aws/service/ami-amazon-linux-latest/al2023")
	alone = []string{
		secret + "json&versionStage=AWSPREVIOUS", secret + "html&versionId=" + s.aws.Secrets.VersionID("html", "AWSCURRENT"),
		secret + "unicode&versionStage=CUSTOM", secret + "binary&versionStage=AWSCURRENT&versionId=" + s.aws.Secrets.VersionID("binary", "AWSCURRENT"),
		parameter + "/aws/reference/secretsmanager/html&withDecryption=true", parameter + s.aws.Parameters.ARN("/html"),
	}
	return secrets, parameters, alone
}

// Bodies of reads that went together are, byte for byte, those of another process that reads one by one.
func TestBatchedBodies(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	secrets, parameters, alone := putKinds(s)
	single := s.beside(t).start()
	p := s.startBatching(singleConnection)
	compare := func(got map[string]answer) {
		for target, a := range got {
			want := single.mustRead(target)
			if a.status != http.StatusOK {
				t.Errorf("%s: status %d: %s", target, a.status, a.body)
				continue
			}
			checkBody(t, target+" read alone", a.body, want.body)
			checkCache(t, a, "fwd=miss; stored")
			checkCache(t, p.mustRead(target), "hit")
		}
	}
	of := s.aws.Counts.Of
	got := p.readTogether(awstest.SecretsManager, secrets)
	checkCalls(t, "secrets", of(awstest.GetSecretValue), of(awstest.BatchGetSecretValue), 1, 1)
	compare(got)
	got = p.readTogether(awstest.ParameterStore, parameters)
	checkCalls(t, "parameters", of(awstest.GetParameter), of(awstest.GetParameters), 2, 2) // one of them in clear text
	compare(got)
	batches := of(awstest.BatchGetSecretValue) + of(awstest.GetParameters)
	compare(p.readTogether(awstest.SecretsManager, alone[:4]))
	compare(p.readTogether(awstest.ParameterStore, alone[4:]))
	if n := of(awstest.BatchGetSecretValue) + of(awstest.GetParameters); n != batches {
		t.Errorf("%d calls for many brought what they cannot bring", n-batches)
	}
}

// checkCalls checks that reads went together. A machine that is busy may keep one or another from coming in time.
func checkCalls(t *testing.T, what string, single, batches, wantSingle, wantBatches int) {
	t.Helper()
	const late = 2
	if single > wantSingle+late || batches < wantBatches || batches > wantBatches+late {
		t.Errorf("%d single calls and %d for many %s, want %d and %d", single, batches, what, wantSingle, wantBatches)
	}
}

// requestID is what differs from call to call in an error: AWS's id, and the one in KMS's words.
var requestID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// putFailing puts what cannot be read beside what can.
func putFailing(s *scene) {
	for _, name := range []string{"denied", "deleted", "keyless", "good"} {
		s.aws.Secrets.PutString(name, canary)
		s.aws.Parameters.PutSecure("/"+name, canary)
	}
	s.aws.Secrets.Deny("denied")
	s.aws.Secrets.MarkDeleted("deleted")
	s.aws.Secrets.DenyKey("keyless")
	s.aws.Parameters.Deny("/denied")
	s.aws.Parameters.DenyKey("/keyless")
}

// A name that fails gets the answer that it gets alone, and those with which it went get their values.
func TestBatchedFailures(t *testing.T) {
	t.Parallel()
	secret := func(names ...string) (targets []string) {
		for _, name := range names {
			targets = append(targets, "/secretsmanager/get?secretId="+name)
		}
		return targets
	}
	parameter := func(names ...string) (targets []string) {
		for _, name := range names {
			targets = append(targets, "/systemsmanager/parameters/get?withDecryption=true&name="+name)
		}
		return targets
	}
	type row struct {
		service awstest.Service
		targets []string
	}
	together(t, map[string]row{
		"secrets":              {awstest.SecretsManager, secret("good", "missing", "denied", "deleted", "keyless", "prod/db-credentials", "x%20x")},
		"missing parameters":   {awstest.ParameterStore, parameter("/good", "/missing", "/good:9", "/deleted:None", parameterName)},
		"denied parameters":    {awstest.ParameterStore, parameter("/good", "/denied", "/missing", parameterName)},
		"key denied":           {awstest.ParameterStore, parameter("/good", "/keyless", "/missing", parameterName)},
		"versions of one name": {awstest.ParameterStore, parameter("/good", "/good:1", "/missing:1", "/missing:2", parameterName)},
	}, func(t *testing.T, x row) {
		s := newScene(t)
		putFailing(s)
		single, p := s.beside(t).start(), s.startBatching(singleConnection)
		answers := p.readTogether(x.service, x.targets)
		if n := s.aws.Counts.Of(awstest.GetParameters) + s.aws.Counts.Of(awstest.BatchGetSecretValue); n == 0 {
			t.Error("nothing went together")
		}
		for _, call := range s.aws.Counts.Calls() { // AWS takes no name twice
			seen := make(map[string]bool)
			for _, name := range call.Names {
				name, _, _ = strings.Cut(name, ":")
				if seen[name] {
					t.Errorf("one call for %q", call.Names)
				}
				seen[name] = true
			}
		}
		for target, a := range answers {
			alone := single.get(target)
			if a.status != alone.status || a.header.Get("X-Larder-Error") != alone.header.Get("X-Larder-Error") ||
				requestID.ReplaceAllString(a.body, "") != requestID.ReplaceAllString(alone.body, "") {
				t.Errorf("%s: got %d %s, and alone %d %s", target, a.status, a.body, alone.status, alone.body)
			}
			if a.status != http.StatusOK {
				checkRemembered(t, p.get(target), a)
			}
		}
	})
}

// A call for many that fails for a moment is made again.
func TestBatchIsRetried(t *testing.T) {
	t.Parallel()
	together(t, map[string]awstest.Fault{
		"500": awstest.InternalError(), "throttled": awstest.Throttled(), "reset": awstest.Reset(), "cut": awstest.Cut(), "garbage": awstest.Garbage(),
	}, func(t *testing.T, fault awstest.Fault) {
		s := newScene(t)
		s.putMany()
		var targets []string
		for n := range 10 {
			targets = append(targets, fmt.Sprintf("/systemsmanager/parameters/get?name=/many/%d", n))
		}
		s.aws.Faults.Add(awstest.Rule{Operation: awstest.GetParameters, Times: 1, Fault: fault})
		p := s.startBatching(singleConnection)
		for target, a := range p.readTogether(awstest.ParameterStore, targets) {
			if a.status != http.StatusOK {
				t.Errorf("%s: status %d: %s", target, a.status, a.body)
			}
		}
		if n := s.aws.Counts.Of(awstest.GetParameters); n < 1 {
			t.Error("nothing went together")
		}
	})
}

// A role that lacks the action for many reads one by one from then on: nobody's read fails for it, and the log says
// once which action it is.
func TestBatchIsDenied(t *testing.T) {
	t.Parallel()
	type row struct {
		service awstest.Service
		many    awstest.Operation
		action  string
		target  string
	}
	together(t, map[string]row{
		"parameters": {awstest.ParameterStore, awstest.GetParameters, "ssm:GetParameters", "/systemsmanager/parameters/get?name=/many/"},
		"secrets":    {awstest.SecretsManager, awstest.BatchGetSecretValue, "secretsmanager:BatchGetSecretValue", "/secretsmanager/get?secretId=/many/"},
	}, func(t *testing.T, x row) {
		s := newScene(t)
		s.putMany()
		for n := range many {
			s.aws.Secrets.PutString(fmt.Sprintf("/many/%d", n), canary)
		}
		s.aws.Faults.Add(awstest.Rule{Operation: x.many, Fault: awstest.Refused(400, "AccessDeniedException",
			"User: arn:aws:sts::123456789012:assumed-role/function-role/function is not authorized to perform: "+x.action)})
		s.aws.Faults.SetLatency("", 5*time.Millisecond)
		p := s.startBatching() // with three connections, several calls may be denied at one time
		var reads sync.WaitGroup
		for n := range many {
			reads.Go(func() {
				a, err := p.try(request{target: fmt.Sprint(x.target, n)})
				if err != nil || a.status != http.StatusOK {
					t.Errorf("status %d: %s %v", a.status, a.body, err)
				}
			})
		}
		reads.Wait()
		denied := s.aws.Counts.Of(x.many)
		if denied < 1 || denied > 3 {
			t.Errorf("%d calls were denied, want one for each connection at most", denied)
		}
		if n := s.aws.Counts.Of("") - denied; n != many {
			t.Errorf("%d single calls, want %d", n, many)
		}
		mustWait(t, "the log to tell of it", func() bool { return len(p.mustLines(isWarning)) > 0 })
		warnings := p.mustLines(isWarning)
		if w := warnings[0]; len(warnings) > 1 || w.Action != x.action || !strings.Contains(w.Message, x.action) {
			t.Errorf("the log says %v", warnings)
		}
		reads.Wait()
		for n := range 20 {
			reads.Go(func() { _, _ = p.try(request{target: fmt.Sprint(x.target, n, "&refreshNow=true")}) })
		}
		reads.Wait()
		if n := s.aws.Counts.Of(x.many); n != denied {
			t.Errorf("%d more calls for many after they were denied", n-denied)
		}
	})
}

// By default nothing ever goes together, and with batching a lone read goes alone.
func TestNoBatch(t *testing.T) {
	t.Parallel()
	t.Run("by default", func(t *testing.T) {
		t.Parallel()
		s := newScene(t)
		s.putMany()
		s.aws.Faults.SetLatency("", time.Millisecond)
		s.start().readMany()
		if n := s.aws.Counts.Of(awstest.GetParameter); n != many || s.aws.Counts.Of("") != many {
			t.Errorf("%d of %d calls are single ones, want %d", n, s.aws.Counts.Of(""), many)
		}
	})
	t.Run("for lone reads", func(t *testing.T) {
		t.Parallel()
		s := newScene(t)
		p := s.startBatching()
		for range 3 {
			p.mustRead(secretTarget + "&refreshNow=true")
			p.mustRead(parameterTarget + "&refreshNow=true")
		}
		if n := s.aws.Counts.Of(awstest.GetParameter) + s.aws.Counts.Of(awstest.GetSecretValue); n != 6 || s.aws.Counts.Of("") != 6 {
			t.Errorf("%d of %d calls are single ones, want 6", n, s.aws.Counts.Of(""))
		}
	})
}
