package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/lambdatest"
)

const logGroup = "/larder/access"

func sinkTo(sink string, more ...string) []string {
	return append([]string{"LARDER_ACCESS_SINK=" + sink, "LARDER_LOG_GROUP=" + logGroup}, more...)
}

// newLogScene is a scene whose account has the log group. When the test is over all that was delivered is checked.
func newLogScene(t *testing.T) *scene {
	t.Helper()
	return newScene(t).withLogGroup()
}

func (s *scene) withLogGroup() *scene {
	s.aws.Logs.PutGroup(logGroup)
	s.t.Cleanup(func() {
		text := strings.Join(s.delivered(), "\n")
		if text != "" {
			text += "\n"
		}
		checkLines(s.t, text)
		checkNothingSecret(s.t, s, "the log group", text)
	})
	return s
}

// delivered are the lines that are in the log group, stream by stream.
func (s *scene) delivered() []string {
	var lines []string
	for _, event := range s.aws.Logs.Events(logGroup) {
		lines = append(lines, event.Message)
	}
	return lines
}

func (s *scene) mustDeliver(n int) []string {
	s.t.Helper()
	mustWait(s.t, "lines to be delivered", func() bool { return len(s.delivered()) >= n })
	return s.delivered()
}

// mustInvoke lets an invocation begin, and waits until the extension asks for the next event. What was read before is
// delivered then.
func (p *process) mustInvoke() {
	p.t.Helper()
	p.scene.lambda.Invoke("")
	p.mustWaitIdle()
}

// told are the messages about the delivery, of a level.
func (p *process) told(level string) []line {
	p.t.Helper()
	return p.mustLines(func(l line) bool {
		return l.Type == "larder" && l.Level == level && strings.Contains(l.Message, "CloudWatch Logs")
	})
}

// readAs reads a secret under an id of its own, by which its line is found.
func (p *process) readAs(id string) {
	p.t.Helper()
	a := p.mustAsk(request{target: secretTarget, headers: []string{"X-Larder-Request-Id: " + id}})
	if a.status != http.StatusOK {
		p.t.Fatalf("status %d: %s", a.status, a.body)
	}
}

// Each sink gets every record, and what is no sink gets none: on standard output alone no call is made. The stream is
// named after the function and its version.
func TestSinks(t *testing.T) {
	t.Parallel()
	for sink, row := range map[string]struct{ stdout, cloudwatch bool }{
		"stdout": {true, false}, "cloudwatch": {false, true}, "both": {true, true},
	} {
		t.Run(sink, func(t *testing.T) {
			t.Parallel()
			s := newLogScene(t)
			p := s.start(sinkTo(sink)...)
			s.lambda.Invoke("")
			const reads = 10
			for range reads {
				p.mustRead(secretTarget)
			}
			p.mustInvoke()
			delivered := s.delivered()
			if row.cloudwatch {
				if len(delivered) != reads {
					t.Errorf("%d lines were delivered", len(delivered))
				}
				if streams := s.aws.Logs.Streams(logGroup); len(streams) != 1 || !strings.HasPrefix(streams[0], "function/$LATEST/") {
					t.Errorf("streams are %q", streams)
				}
			}
			if row.stdout {
				written := p.mustRecords(reads)
				for i, text := range delivered {
					if written[i].text != text {
						t.Errorf("line %d differs:\n%s\n%s", i, written[i].text, text)
					}
				}
			} else if n := len(p.records()); n > 0 {
				t.Errorf("%d records are on standard output", n)
			}
			if n := s.aws.Counts.OfName("", logGroup); (n > 0) != row.cloudwatch || s.aws.Counts.Of(awstest.CreateLogGroup) > 0 {
				t.Errorf("%d calls of CloudWatch Logs", n)
			}
		})
	}
}

// Without the group it is made, where the role may do so.
func TestLogGroupIsMade(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.start(sinkTo("cloudwatch")...).mustRead(secretTarget)
	s.mustDeliver(1)
	if n := s.aws.Counts.Of(awstest.CreateLogGroup); n != 1 {
		t.Errorf("the group was made %d times", n)
	}
}

// What the role may not do is told once, by its name, and costs neither a read nor an invocation anything.
func TestSinkIsDenied(t *testing.T) {
	t.Parallel()
	for _, operation := range []awstest.Operation{awstest.CreateLogGroup, awstest.CreateLogStream, awstest.PutLogEvents} {
		t.Run(string(operation), func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			if operation != awstest.CreateLogGroup {
				s.withLogGroup()
			}
			s.aws.Logs.Deny(operation)
			p := s.start(sinkTo("both")...)
			const rounds = 5
			for range rounds {
				p.mustRead(secretTarget)
				p.mustInvoke()
			}
			mustWait(t, "the log to tell of it", func() bool { return len(p.told("WARN")) > 0 })
			for _, warned := range p.told("WARN") {
				action := "logs:" + string(operation)
				if warned.Action != action || warned.Error != "AccessDeniedException" || !strings.Contains(warned.Message, "allow "+action) {
					t.Errorf("the warning is %s", warned.text)
				}
			}
			if n := len(p.told("WARN")); n != 1 {
				t.Errorf("it was told %d times", n)
			}
			p.mustRecords(rounds)
			stand(300 * time.Millisecond) // in which what passes by itself would be tried again
			if n := s.aws.Counts.Of(operation); n != 1 {
				t.Errorf("%d calls of what is denied", n)
			}
		})
	}
}

// While CloudWatch fails, reads and invocations go on, and it is told once. When it takes lines again, that is told
// once, too, and each line is there once.
func TestSinkFails(t *testing.T) {
	t.Parallel()
	for code, fault := range map[string]awstest.Fault{
		"ThrottlingException": awstest.Throttled(), "InternalServiceError": awstest.InternalError(),
		"HTTP503": awstest.Unavailable(), "NoConnection": awstest.Reset(),
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s := newLogScene(t)
			p := s.start(sinkTo("cloudwatch")...)
			s.aws.Faults.Add(awstest.Rule{Operation: awstest.PutLogEvents, Fault: fault})
			const rounds = 5
			for n := range rounds {
				p.readAs(fmt.Sprint(n))
				p.mustInvoke()
			}
			s.aws.Counts.MustWaitCalls(t, awstest.PutLogEvents, 2)
			mustWait(t, "the log to tell of it", func() bool { return len(p.told("WARN")) > 0 })
			if len(s.delivered()) > 0 || len(p.told("INFO")) > 0 {
				t.Fatalf("delivered while CloudWatch fails: %q", s.delivered())
			}
			s.aws.Faults.Clear()
			checkEach(t, s.mustDeliver(rounds), rounds)
			mustWait(t, "the log to tell of it", func() bool { return len(p.told("INFO")) > 0 })
			if warned := p.told("WARN"); len(warned) != 1 || warned[0].Error != code || len(p.told("INFO")) != 1 {
				t.Errorf("told %v and %v", warned, p.told("INFO"))
			}
		})
	}
}

// checkEach checks that the lines are those of the reads 0 to n, once each.
func checkEach(t *testing.T, lines []string, n int) {
	t.Helper()
	seen := make([]int, n)
	for _, text := range lines {
		_, after, _ := strings.Cut(text, `"requestId":"`)
		id, _, _ := strings.Cut(after, `"`)
		i, err := strconv.Atoi(id)
		if err != nil || i < 0 || i >= n || !strings.HasPrefix(text, "{") || !strings.HasSuffix(text, "}") {
			t.Fatalf("a line of no read: %s", text)
		}
		seen[i]++
	}
	for i, times := range seen {
		if times != 1 {
			t.Fatalf("read %d has %d lines", i, times)
		}
	}
}

// A read is answered while a call of CloudWatch is unanswered. The invocation's end waits for that call, and no longer
// than until it is over.
func TestSlowSink(t *testing.T) {
	t.Parallel()
	s := newLogScene(t)
	p := s.start(sinkTo("cloudwatch")...)
	release := s.aws.Faults.Hold(awstest.PutLogEvents)
	defer release()
	p.readAs("0")
	s.lambda.Invoke("")
	s.aws.Counts.MustWaitInFlight(t, awstest.CloudWatchLogs, 1)
	held := time.Now()
	const reads = 20
	for n := 1; n < reads; n++ {
		p.readAs(fmt.Sprint(n))
	}
	if len(s.delivered()) > 0 || s.aws.Counts.Of(awstest.PutLogEvents) != 1 {
		t.Error("the call did not outlast the reads")
	}
	released := time.Now()
	release()
	if next := s.lambda.MustWaitNext(t, 2); next.Before(released) && released.Sub(held) < 800*time.Millisecond {
		t.Errorf("the next event was asked for %s before the call was over", released.Sub(next))
	}
	checkEach(t, s.mustDeliver(reads), reads)
	if told := p.told("WARN"); len(told) > 0 {
		t.Errorf("told of a call that went well: %v", told)
	}
}

// A call that hangs holds an invocation's end up for a second at most, and not at all once it is known to hang.
func TestHangingSink(t *testing.T) {
	t.Parallel()
	s := newLogScene(t)
	s.aws.Faults.Add(awstest.Rule{Operation: awstest.PutLogEvents, Fault: awstest.Hang()})
	p := s.start(sinkTo("both")...)
	p.mustRead(secretTarget)
	begin := time.Now()
	p.mustInvoke()
	if took := time.Since(begin); took < 900*time.Millisecond || took > time.Second+little {
		t.Errorf("the next event was asked for after %s", took)
	}
	mustWait(t, "the log to tell of it", func() bool { return len(p.told("WARN")) > 0 })
	begin = time.Now()
	const rounds = 10
	for range rounds {
		p.mustRead(secretTarget)
		p.mustInvoke()
	}
	if took := time.Since(begin); took > rounds*time.Second/2 {
		t.Errorf("%d invocations took %s", rounds, took)
	}
	p.mustRecords(1 + rounds)
	if warned := p.told("WARN"); len(warned) != 1 || warned[0].Error != "Timeout" {
		t.Errorf("told %v", warned)
	}
	s.lambda.Shutdown("spindown", 0)
	checkEndsInTime(t, p)
}

// What waits at the end is delivered before the process is gone.
func TestSinkAtShutdown(t *testing.T) {
	t.Parallel()
	s := newLogScene(t)
	p := s.start(sinkTo("cloudwatch")...)
	const reads = 50
	for n := range reads {
		p.readAs(fmt.Sprint(n))
	}
	s.lambda.Shutdown("spindown", 0)
	checkEndsInTime(t, p)
	checkEach(t, s.delivered(), reads)
}

// A process that is killed while a batch is under way leaves whole lines behind and none of them twice; the next one
// writes to a stream of its own.
func TestKilledSink(t *testing.T) {
	t.Parallel()
	s := newLogScene(t)
	p := s.start(sinkTo("cloudwatch")...)
	const reads = 30
	for n := range reads / 3 {
		p.readAs(fmt.Sprint(n))
	}
	p.mustInvoke()
	release := s.aws.Faults.Hold(awstest.PutLogEvents)
	defer release()
	for range reads / 3 {
		p.readAs("lost")
	}
	s.lambda.Invoke("")
	s.aws.Counts.MustWaitInFlight(t, awstest.CloudWatchLogs, 1)
	p.mustSignal(syscall.SIGKILL)
	<-p.exited
	release()
	s.lambda.Restart()
	second := s.start(sinkTo("cloudwatch")...)
	for n := reads / 3; n < 2*reads/3; n++ {
		second.readAs(fmt.Sprint(n))
	}
	second.mustInvoke()
	lines := slices.DeleteFunc(s.delivered(), func(text string) bool { return strings.Contains(text, `"lost"`) })
	checkEach(t, lines, 2*reads/3)
	if lost := len(s.delivered()) - len(lines); lost > reads/3 {
		t.Errorf("%d lines of %d reads", lost, reads/3)
	}
	if streams := s.aws.Logs.Streams(logGroup); len(streams) != 2 {
		t.Errorf("streams are %q", streams)
	}
}

// Where there are no invocations lines are delivered all the same, a second after they came.
func TestSinkWithoutInvocations(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*scene) *process{
		"Managed Instances": func(s *scene) *process { return s.start(sinkTo("cloudwatch", managedInstances)...) },
		"outside Lambda":    func(s *scene) *process { return s.startOutside(sinkTo("cloudwatch")...) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSceneOf(t, lambdatest.Options{ManagedInstances: name == "Managed Instances"}, awstest.Options{}).withLogGroup()
			p := start(s)
			for _, id := range []string{"first", "second"} {
				p.readAs(id)
				mustWait(t, "the line", func() bool { return strings.Contains(strings.Join(s.delivered(), ""), `"`+id+`"`) })
			}
		})
	}
}

// The clones of a snapshot share no stream: after the first invocation another one takes the lines.
func TestSinkUnderSnapStart(t *testing.T) {
	t.Parallel()
	s := newLogScene(t)
	p := s.startSnapStart(sinkTo("cloudwatch")...)
	p.readAs("before")
	s.mustDeliver(1)
	p.mustRestore()
	p.readAs("after")
	s.mustDeliver(2)
	if streams := s.aws.Logs.Streams(logGroup); len(streams) != 2 {
		t.Errorf("streams are %q", streams)
	}
}

// Lines are signed with the credentials that the container's endpoint hands out, and with others once the former ones
// are refused: no read finds that out for them, for all are from memory.
func TestSinkUsesContainerCredentials(t *testing.T) {
	t.Parallel()
	s := newLogScene(t)
	keys := s.newKeys(1, 0)
	s.aws.Credentials.Enforce(true)
	s.token = s.aws.Credentials.Token()
	p := s.start(s.containerCredentials(sinkTo("cloudwatch")...)...)
	signedBy := func(want awstest.Keys) {
		t.Helper()
		p.mustInvoke()
		call := s.aws.Counts.Last()
		if call.Operation != awstest.PutLogEvents || call.AccessKeyID != want.AccessKeyID || call.SessionToken != want.SessionToken {
			t.Errorf("the last call is %s, signed by %s", call.Operation, call.AccessKeyID)
		}
	}
	p.readAs("0")
	signedBy(keys)
	for n := 1; n <= 3; n++ {
		keys = s.newKeys(1+n, 0)
		p.readAs(fmt.Sprint(n))
		signedBy(keys)
	}
	checkEach(t, s.delivered(), 4)
	if n := s.aws.Counts.Of(awstest.GetSecretValue); n != 1 {
		t.Errorf("%d reads of the secret", n)
	}
	if told := p.told("WARN"); len(told) > 0 {
		t.Errorf("told %v", told)
	}
}

// Of a hundred thousand reads each line is on standard output once, and in CloudWatch once. Lambda invokes the function
// all the while, and so lets lines be delivered.
func TestManyReadsIntoBothSinks(t *testing.T) {
	t.Parallel()
	s := newScene(t) // without the checks of each line, which would take longer than the rest
	s.aws.Logs.PutGroup(logGroup)
	path, failed := plainExecutable()
	out, err := os.Create(filepath.Join(t.TempDir(), "out")) // no reader of a file is ever too slow
	if err = errors.Join(failed, err); err != nil {
		t.Fatal(err)
	}
	p := s.launchCommand(exec.Command(path), out, sinkTo("both", "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=none"))
	p.mustWaitIdle()
	conn := s.mustDial("")
	before, after, _ := strings.Cut(request{target: secretTarget, keep: true, headers: []string{"X-Larder-Request-Id: ID"}}.bytes(s), "ID")
	const reads, together = 100_000, 2000 // less than the queue holds
	buffer, begin := make([]byte, 1<<20), []byte("HTTP/1.1 200 OK")
	for first, answered, rest := 0, 0, 0; first < reads; first += together {
		_ = conn.SetDeadline(time.Now().Add(patience)) // it fails like the read
		go func() {
			var requests strings.Builder
			for n := range together {
				requests.WriteString(before + strconv.Itoa(first+n) + after)
			}
			_, _ = io.WriteString(conn, requests.String()) // that it fails is seen by who reads
		}()
		for answered < first+together {
			n, err := conn.Read(buffer[rest:])
			if err != nil {
				t.Fatalf("after %d answers: %v", answered, err)
			}
			answered += bytes.Count(buffer[:rest+n], begin)
			rest = copy(buffer, buffer[max(0, rest+n-len(begin)+1):rest+n]) // an answer may begin here
		}
		p.mustInvoke()
	}
	checkEach(t, s.delivered(), reads)
	s.lambda.Shutdown("spindown", 0)
	p.mustExit()
	written, _ := os.ReadFile(out.Name()) // without it there are no lines
	checkEach(t, strings.Fields(string(written)), reads)
}
