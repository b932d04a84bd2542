package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/lambdatest"
)

// A frozen process is played by one that is stopped: nothing of it runs, while its clocks, AWS and the kernel go on.

// freeze stops the process, and returns once it stands.
func (p *process) freeze() {
	p.t.Helper()
	p.mustSignal(syscall.SIGSTOP)
	p.t.Cleanup(func() { _ = p.cmd.Process.Signal(syscall.SIGCONT) }) // else it would not hear that it is to end
	mustWait(p.t, "the process to stand", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		_, state, _ := strings.Cut(string(stat), ") ")
		return err == nil && strings.HasPrefix(state, "T")
	})
}

func (p *process) thaw() {
	p.t.Helper()
	p.mustSignal(syscall.SIGCONT)
}

// stand lets time pass for all but a frozen process: so much, and a little more.
func stand(d time.Duration) { <-time.After(d + 200*time.Millisecond) }

// asked is a read that is under way.
type asked struct {
	target string
	got    chan answer
}

// ask begins a read.
func (p *process) ask(target string) asked {
	r := asked{target, make(chan answer, 1)}
	go func() {
		a, err := p.try(request{target: target})
		if err != nil {
			a.body = err.Error()
		}
		r.got <- a
	}()
	return r
}

// checkGot waits for the answer to a read, and checks that it is a value with this text in it.
func (r asked) checkGot(t *testing.T, text string) answer {
	t.Helper()
	a := <-r.got
	if a.status != http.StatusOK || !strings.Contains(a.body, text) {
		t.Errorf("%s: status %d, want a value with %q in it: %s", r.target, a.status, text, a.body)
	}
	return a
}

// A process that is frozen before it has registered goes on where it was: it answers what was asked meanwhile, and
// tells Lambda that it waits.
func TestFreezeBeforeRegistering(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	launched, frozen := make(chan *process), make(chan asked)
	s.lambda.OnRegister(func(lambdatest.Registration) {
		p := <-launched
		p.freeze()
		frozen <- p.ask(secretTarget)
	})
	p := s.launch()
	launched <- p
	read := <-frozen
	stand(time.Second)
	p.thaw()
	read.checkGot(t, canary)
	p.mustWaitIdle()
	checkCache(t, p.mustRead(secretTarget), "hit")
}

// So does one that is frozen at any other time in INIT, before its first next or in it.
func TestFreezeInInit(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for moment := range 5 {
		p := s.launch()
		<-time.After(time.Duration(moment) * 20 * time.Millisecond)
		p.freeze()
		stand(0)
		p.thaw()
		p.mustWaitIdle()
		checkCache(t, p.mustRead(secretTarget), "fwd=miss; stored")
		p.finish()
		s.lambda.Restart()
	}
}

// Reads that are frozen in the middle of a call get their time back, and their values, however the calls ended
// meanwhile. So does one that waits for a connection. Without the freeze, each would have got its value at once.
func TestFreezeInACall(t *testing.T) {
	t.Parallel()
	const budget = time.Second
	faults := map[string][]awstest.Fault{ // of the first call for each secret
		"answered": nil,
		"throttle": {awstest.Throttled()},
		"failing":  {awstest.Unavailable()},
		"reset":    {awstest.Reset()},
		"half":     {awstest.Stall()},
		"hanging":  {awstest.Hang()},
	}
	s := newScene(t)
	for name, of := range faults {
		s.aws.Secrets.PutString(name, canary+name)
		for _, fault := range of {
			s.aws.Faults.Add(awstest.Rule{Name: name, Times: 1, Fault: fault})
		}
	}
	release, releaseLate := s.aws.Faults.Hold(awstest.GetSecretValue), s.aws.Faults.Hold(awstest.GetParameter)
	defer release()
	defer releaseLate()
	connections := fmt.Sprintf("PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS=%d", len(faults))
	p := s.start(append(budgetOf(budget), connections)...)
	texts := map[string]string{parameterTarget: canary, secretTarget: canary}
	for name := range faults {
		texts["/secretsmanager/get?secretId="+name] = canary + name
	}
	reads := []asked{p.ask(parameterTarget)}
	for target := range texts {
		if target != parameterTarget && target != secretTarget {
			reads = append(reads, p.ask(target))
		}
	}
	s.aws.Counts.MustWaitInFlight(t, "", len(reads))
	reads = append(reads, p.ask(secretTarget))
	p.get("/") // by then the last one is on its way, too
	p.freeze()
	release()
	stand(budget + time.Second)
	p.thaw()
	thawed := time.Now()
	releaseLate()
	for _, read := range reads {
		read.checkGot(t, texts[read.target])
	}
	if took := time.Since(thawed); took > budget+little {
		t.Errorf("the reads took %s once the process went on", took)
	}
	if n, most := s.aws.Counts.Of(""), 2*len(reads)+len(faults); n > most {
		t.Errorf("%d calls for %d reads, want %d at most", n, len(reads), most)
	}
}

// The same for a read that is frozen while it waits to try again.
func TestFreezeBetweenAttempts(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Faults.Next(1, awstest.Unavailable())
	p := s.start(budgetOf(budget)...)
	read := p.ask(secretTarget)
	s.aws.Counts.MustWaitCalls(t, "", 1)
	s.aws.Counts.MustWaitQuiet(t)
	p.freeze()
	stand(budget + time.Second)
	p.thaw()
	read.checkGot(t, canary)
}

// The same for a read whose credentials are being fetched.
func TestFreezeWhileCredentialsAreFetched(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	fetching := make(chan struct{})
	var hung atomic.Bool
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hung.Swap(true) {
			close(fetching)
			<-r.Context().Done() // it is given up
			return
		}
		s.aws.Credentials.ServeHTTP(w, r)
	}))
	t.Cleanup(endpoint.Close)
	s.token = s.aws.Credentials.Token() // as the function sends it
	settings := append(s.containerCredentials(), "AWS_CONTAINER_CREDENTIALS_FULL_URI="+endpoint.URL+"/credentials")
	p := s.start(append(settings, budgetOf(budget)...)...)
	read := p.ask(secretTarget)
	<-fetching
	p.freeze()
	stand(budget + time.Second)
	p.thaw()
	read.checkGot(t, canary)
}

// Answers that wait for their client to take them when the process is frozen come whole.
func TestFreezeInAnAnswer(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Secrets.PutString("long", strings.Repeat(canary, 10_000))
	p := s.start()
	whole := p.mustRead(longTarget).body
	conn := s.mustDial("")
	const answers = 200 // together more than the kernel keeps for a connection
	if _, err := io.WriteString(conn, strings.Repeat(request{target: longTarget, keep: true}.bytes(s), answers)); err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(conn)
	if _, err := from.Peek(1); err != nil { // the first has begun
		t.Fatal(err)
	}
	stand(0)
	p.freeze()
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		for n := range answers {
			a, _, err := readAnswer(from, http.MethodGet)
			if err != nil || a.status != http.StatusOK || a.body != whole {
				t.Errorf("answer %d has status %d and %d bytes, want %d: %v", n, a.status, len(a.body), len(whole), err)
				return
			}
		}
	}()
	stand(time.Second)
	select {
	case <-taken:
		t.Error("there was nothing left to send when the process was frozen")
	default:
	}
	p.thaw()
	<-taken
}

// What expired while the process stood is fetched anew by the first read after it, or by one that came meanwhile,
// although AWS has closed the idle connections: nothing waits for a dead one.
func TestFreezeForLongerThanTheTTL(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	settings := append(budgetOf(patience), "LARDER_STALE_WAIT_MILLIS=15000")
	p := s.start(append(settings, "SECRETS_MANAGER_TTL=1", "SSM_PARAMETER_STORE_TTL=1")...)
	p.mustRead(secretTarget)
	p.mustRead(parameterTarget)
	p.freeze()
	s.aws.Secrets.Rotate(secretName, canary+"-rotated")
	s.aws.Parameters.PutString(parameterName, canary+"-rotated")
	s.aws.DropConnections()
	stand(time.Second)
	meanwhile := p.ask(secretTarget)
	p.thaw()
	thawed := time.Now()
	afterwards := p.ask(parameterTarget)
	for _, read := range []asked{meanwhile, afterwards} {
		checkCache(t, read.checkGot(t, canary+"-rotated"), "fwd=stale; stored")
	}
	if took := time.Since(thawed); took > patience/5 {
		t.Errorf("the reads took %s", took)
	}
	checkCache(t, p.mustRead(secretTarget), "hit")
	checkCache(t, p.mustRead(parameterTarget), "hit")
}

// A value that was never read comes as soon, and one that has not expired is still there.
func TestFreezeWithIdleConnections(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Secrets.PutString("other", canary+"-other")
	s.aws.Parameters.PutString("/other", canary+"-other")
	p := s.start(budgetOf(patience)...)
	p.mustRead(secretTarget)
	p.mustRead(parameterTarget)
	p.freeze()
	s.aws.DropConnections()
	p.thaw()
	for _, target := range []string{"/secretsmanager/get?secretId=other", "/systemsmanager/parameters/get?name=/other"} {
		if a := p.mustRead(target); a.took > patience/5 {
			t.Errorf("%s took %s", target, a.took)
		}
	}
	checkCache(t, p.mustRead(secretTarget), "hit")
	if n := s.aws.Counts.Of(""); n != 4 {
		t.Errorf("%d calls reached AWS for four reads", n)
	}
}

// A process that is frozen while it fetches behind the reads makes that one call again when it goes on, and no other.
// Reads are answered from memory meanwhile, and with the new value once that has come; nothing holds next up then.
func TestFreezeInAFetchBehind(t *testing.T) {
	t.Parallel()
	outage := func(p *process) {
		p.scene.aws.Faults.All(awstest.InternalError())
		mustWait(p.t, "an outage to be known", func() bool {
			p.mustRead(secretTarget)
			return len(p.mustLines(isOfOutage)) == 1
		})
		p.scene.aws.Faults.Clear()
	}
	for _, row := range []struct {
		name    string
		begin   func(*process)
		lines   int // of the log, about outages: the freeze is none
		setting string
	}{
		{"a fetch that takes too long", func(*process) {}, 0, ""},
		{"a probe", outage, 2, ""},
		{"a revalidation", func(*process) {}, 0, "LARDER_STALE_WHILE_REVALIDATE=60"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			p := s.start(append(budgetOf(budget), "SECRETS_MANAGER_TTL=1", "LARDER_STALE_WAIT_MILLIS=100", row.setting)...)
			p.mustRead(secretTarget)
			row.begin(p)
			before := s.aws.Counts.Of("")
			release := s.aws.Faults.Hold("")
			defer release()
			mustWait(t, "a call behind the reads", func() bool {
				p.mustRead(secretTarget)
				return s.aws.Counts.InFlight("") == 1
			})
			p.freeze()
			s.aws.Secrets.Rotate(secretName, canary+"-rotated")
			stand(budget + time.Second)
			p.thaw()
			s.aws.Counts.MustWaitCalls(t, "", before+2)
			for range 3 {
				if a := p.mustRead(secretTarget); strings.Contains(a.body, "rotated") {
					t.Error("a value came from AWS, which has not answered")
				}
			}
			release()
			mustWait(t, "the new value", func() bool {
				a := p.mustRead(secretTarget)
				return strings.Contains(a.body, canary+"-rotated")
			})
			if n := s.aws.Counts.Of(""); n != before+2 {
				t.Errorf("%d calls for what one would have brought, if it had not been frozen, want 2", n-before)
			}
			s.lambda.Invoke("")
			invoked := s.lambda.MustWaitDelivery(t, 1).SentAt
			if waited := s.lambda.MustWaitNext(t, 2).Sub(invoked); waited > 700*time.Millisecond {
				t.Errorf("next was called after %s, with nothing to wait for", waited)
			}
			// All lines are written before next.
			if lines := p.mustLines(isOfOutage); len(lines) != row.lines {
				t.Errorf("the log speaks of an outage %d times, want %d: %v", len(lines), row.lines, lines)
			}
		})
	}
}

// isOfOutage picks the lines that say that AWS cannot be read, or can be read again.
func isOfOutage(l line) bool {
	return l.Type == "larder" && (strings.HasPrefix(l.Message, "AWS cannot be read") || l.Message == "AWS can be read again")
}
