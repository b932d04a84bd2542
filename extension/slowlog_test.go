package main_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// mustLaunchIntoPipe starts the extension with a pipe as standard output that nobody reads yet.
func (s *scene) mustLaunchIntoPipe(settings ...string) (p *process, reader *os.File) {
	s.t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { reader.Close() })
	p = s.launchCommand(exec.Command(executable), writer, settings)
	writer.Close() // the child has its own
	p.mustWaitIdle()
	return p, reader
}

// A standard output that nobody reads fills up, and delays no read. When it is read again, what is missing is told:
// no line is lost that is not counted.
func TestFullStandardOutput(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p, reader := s.mustLaunchIntoPipe("PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=none")
	refused := request{target: "/systemsmanager/parameters/get?version=x&name=" + strings.Repeat("n", 1000), keep: true}
	const requests = 1500 // whose records have 1.2 KB each: pipe and queue hold about 1.1 MB
	conn := s.mustDial("")
	slowest := time.Duration(0)
	for range requests {
		begin := time.Now()
		mustExchange(t, s, conn, refused, http.StatusBadRequest)
		slowest = max(slowest, time.Since(begin))
	}
	if slowest > time.Second {
		t.Errorf("a request took %s while nobody read the log", slowest)
	}
	if a := p.mustRead(secretTarget); a.took > time.Second {
		t.Errorf("a read took %s while nobody read the log", a.took)
	}
	text := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(reader) // its end is the process's
		text <- string(all)
	}()
	s.lambda.Shutdown("spindown", 0)
	checkEndsInTime(t, p)
	all := <-text
	checkLines(t, all)
	checkNothingSecret(t, s, "standard output", all)
	lines, err := parseLines(all)
	if err != nil {
		t.Fatal(err)
	}
	written, dropped := 0, 0
	for _, l := range lines {
		dropped += l.Dropped
		if isRecord(l) {
			written++
		}
	}
	if dropped == 0 || written+dropped != requests+1 {
		t.Errorf("%d records are written and %d are told to be missing, of %d", written, dropped, requests+1)
	}
}

// Nobody reading the log does not hold up the end either.
func TestShutdownWithFullStandardOutput(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p, _ := s.mustLaunchIntoPipe()
	refused := request{target: "/systemsmanager/parameters/get?version=x&name=" + strings.Repeat("n", 2000), keep: true}
	conn := s.mustDial("")
	for range 100 {
		mustExchange(t, s, conn, refused, http.StatusBadRequest)
	}
	s.lambda.Shutdown("spindown", 0)
	checkEndsInTime(t, p)
}

// Whoever read the log may go away: reads are answered all the same.
func TestClosedStandardOutput(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p, reader := s.mustLaunchIntoPipe()
	reader.Close()
	for range 20 {
		p.mustRead(secretTarget)
	}
	s.lambda.Invoke("")
	s.lambda.MustWaitNext(t, 2)
	p.mustRead(secretTarget)
	s.lambda.Shutdown("spindown", 0)
	checkEndsInTime(t, p)
}
