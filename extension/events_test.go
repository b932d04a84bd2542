package main_test

import (
	"context"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/lambdatest"
)

// The loop of events: each INVOKE is followed by the next next, a kind of event that is not known is passed over,
// and SHUTDOWN ends the process with 0, well within the second that it plans for.
func TestInvokeAndShutdown(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"spindown", "TIMEOUT", "Failure"} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			p := s.start()
			for n := 2; n <= 4; n++ {
				s.lambda.Invoke("")
				s.lambda.MustWaitNext(t, n)
				p.mustRead(secretTarget)
			}
			s.lambda.Shutdown(reason, 0)
			checkEndsInTime(t, p)
		})
	}
}

// checkEndsInTime checks that the process ends with 0 within a second of the SHUTDOWN that is its next event.
func checkEndsInTime(t *testing.T, p *process) {
	t.Helper()
	sent := mustWaitShutdown(t, p)
	if code := p.mustExit(); code != 0 {
		t.Errorf("exit code %d after SHUTDOWN", code)
	}
	if took := time.Since(sent); took > time.Second {
		t.Errorf("it took %s to end after SHUTDOWN", took)
	}
	if n := len(p.scene.lambda.Reports()); n != 0 {
		t.Errorf("an orderly end was reported as an error: %v", p.scene.lambda.Reports())
	}
}

// mustWaitShutdown returns when SHUTDOWN was sent.
func mustWaitShutdown(t *testing.T, p *process) (sent time.Time) {
	t.Helper()
	mustWait(t, "SHUTDOWN to be delivered", func() bool {
		for _, delivery := range p.scene.lambda.Deliveries() {
			if delivery.EventType == "SHUTDOWN" {
				sent = delivery.SentAt
				return true
			}
		}
		return false
	})
	return sent
}

// SHUTDOWN does not wait for AWS: reads that hang there are given up.
func TestShutdownWhileAWSHangs(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Faults.All(awstest.Hang())
	p := s.start()
	var reads sync.WaitGroup
	for range 3 {
		reads.Go(func() { _, _ = p.try(request{target: secretTarget}) }) // it may be answered, or not
	}
	s.aws.Counts.MustWaitInFlight(t, awstest.SecretsManager, 1)
	s.lambda.Shutdown("spindown", 0)
	checkEndsInTime(t, p)
	reads.Wait()
}

// A SHUTDOWN that leaves less time than usual is obeyed, too.
func TestShutdownDeadline(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	conn := s.mustDial("") // a connection on which half a request stands does not hold the end up
	if _, err := conn.Write([]byte("GET /secretsmanager/get?secretId=")); err != nil {
		t.Fatal(err)
	}
	s.lambda.Shutdown("timeout", 300*time.Millisecond)
	checkEndsInTime(t, p)
}

// The wait for an event has no time limit: the environment may be frozen for hours meanwhile.
func TestNextHasNoTimeLimit(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	const held = 3 * time.Second // longer than any time limit that is used for another call
	ctx, cancel := context.WithTimeout(context.Background(), held)
	defer cancel()
	if _, err := s.lambda.WaitCalls(ctx, lambdatest.Next, 2); err == nil {
		t.Error("next was given up and called again")
	}
	s.lambda.Invoke("")
	s.lambda.MustWaitNext(t, 2)
	if a := p.get(secretTarget); a.status != http.StatusOK {
		t.Errorf("status %d", a.status)
	}
}

// While a call to AWS is under way, next is not called: frozen half-way, the call would take until the next
// invocation. The wait has an end, since it is billed.
func TestNextWaitsForACallUnderWay(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	release := s.aws.Faults.Hold(awstest.GetSecretValue)
	defer release()
	var reads sync.WaitGroup
	defer reads.Wait()
	reads.Go(func() { _, _ = p.try(request{target: secretTarget}) })
	s.aws.Counts.MustWaitInFlight(t, awstest.SecretsManager, 1)
	s.lambda.Invoke("")
	invoked := s.lambda.MustWaitDelivery(t, 1).SentAt
	asked := s.lambda.MustWaitNext(t, 2)
	if waited := asked.Sub(invoked); waited < 500*time.Millisecond || waited > 2*time.Second {
		t.Errorf("next was called after %s, with a call under way all the time", waited)
	}
	release()
}

// SIGTERM, which containers send, ends it cleanly, outside Lambda and in it.
func TestSIGTERM(t *testing.T) {
	t.Parallel()
	t.Run("outside Lambda", func(t *testing.T) {
		t.Parallel()
		s := newScene(t)
		p := s.startOutside()
		p.mustRead(secretTarget)
		checkEndsBySignal(t, p)
		if calls := s.lambda.Calls(); len(calls) != 0 {
			t.Errorf("Lambda was called without being there: %v", calls)
		}
	})
	t.Run("in Lambda", func(t *testing.T) {
		t.Parallel()
		s := newScene(t)
		p := s.start()
		p.mustRead(secretTarget)
		checkEndsBySignal(t, p)
		if reports := s.lambda.Reports(); len(reports) != 0 {
			t.Errorf("a clean end was reported as an error: %v", reports)
		}
	})
}

func checkEndsBySignal(t *testing.T, p *process) {
	t.Helper()
	p.mustSignal(syscall.SIGTERM)
	if code := p.mustExit(); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	if text := p.stderr.String(); text != "" {
		t.Errorf("a clean end left on standard error: %s", text)
	}
}

// After a timeout of the function the process is killed, and a new one starts in the same environment: it binds
// the port at once, although the first one's connections are not over.
func TestSecondProcessAfterKill(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	first := s.start()
	for _, host := range loopback(t) {
		conn := s.mustDial(host)
		if _, err := conn.Write([]byte(request{target: secretTarget, keep: true}.bytes(s))); err != nil {
			t.Fatal(err)
		}
		if a := mustReadAnswer(t, conn, http.MethodGet); a.status != http.StatusOK {
			t.Fatalf("status %d", a.status)
		}
	}
	first.mustSignal(syscall.SIGKILL)
	first.mustExit()
	s.lambda.Restart()
	second := s.start()
	for _, host := range loopback(t) {
		if a := second.mustAsk(request{target: secretTarget, address: host}); a.status != http.StatusOK {
			t.Errorf("status %d on %s", a.status, host)
		}
	}
	if n := len(s.lambda.Registrations()); n != 2 {
		t.Errorf("%d registrations, want 2", n)
	}
}

// A read that is under way at the end is answered and recorded: AWS takes longer here than any wait that does not
// look at it would last.
func TestReadUnderWayAtTheEnd(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Faults.SetLatency(awstest.GetSecretValue, 400*time.Millisecond)
	p := s.start()
	answered := make(chan answer, 1)
	go func() {
		got, _ := p.try(request{target: secretTarget})
		answered <- got
	}()
	s.aws.Counts.MustWaitInFlight(t, awstest.SecretsManager, 1)
	s.lambda.Shutdown("spindown", 0)
	if got := <-answered; got.status != http.StatusOK {
		t.Errorf("the read got %d %s", got.status, got.body)
	}
	checkEndsInTime(t, p)
	p.mustRecords(1)
}
