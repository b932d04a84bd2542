package main_test

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is one extension that runs, or ran.
type process struct {
	t      *testing.T
	scene  *scene
	cmd    *exec.Cmd
	stdout *output
	stderr *output
	exited chan struct{} // closed when the process is gone and its output is complete
}

// output gathers what a process writes. It may be read at any time.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start starts the extension and waits until it waits for its first event. Settings are NAME=value, and go
// before the scene's own.
func (s *scene) start(settings ...string) *process {
	s.t.Helper()
	p := s.launch(settings...)
	p.mustWaitIdle()
	return p
}

// startOutside starts the extension without a Lambda around it, and waits until it answers.
func (s *scene) startOutside(settings ...string) *process {
	s.t.Helper()
	p := s.launch(append(settings, "AWS_LAMBDA_RUNTIME_API=")...)
	mustWait(s.t, "the port to be bound", func() bool {
		if p.hasExited() {
			s.t.Fatal("the extension ended instead of serving")
		}
		_, err := p.try(request{target: "/"})
		return err == nil
	})
	return p
}

// launch starts the extension and waits for nothing.
func (s *scene) launch(settings ...string) *process {
	s.t.Helper()
	return s.launchCommand(exec.Command(executable), nil, settings)
}

// launchCommand starts a command that is the extension. Its standard output goes to stdout unless that is nil.
func (s *scene) launchCommand(cmd *exec.Cmd, stdout io.Writer, settings []string) *process {
	s.t.Helper()
	p := &process{
		t: s.t, scene: s, cmd: cmd,
		stdout: &output{}, stderr: &output{},
		exited: make(chan struct{}),
	}
	cmd.Env = append(s.environ(), settings...)
	cmd.Stdout, cmd.Stderr = p.stdout, p.stderr
	if stdout != nil {
		cmd.Stdout = stdout
	}
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("starting the extension: %v", err)
	}
	go func() {
		defer close(p.exited)
		_ = cmd.Wait() // how it ended is asked of ProcessState
	}()
	s.t.Cleanup(p.finish)
	return p
}

// mustWaitIdle waits until the extension waits for an event. An extension that ends instead ends the test at once.
func (p *process) mustWaitIdle() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() {
		select {
		case <-p.exited:
			cancel()
		case <-ctx.Done():
		}
	}()
	if _, err := p.scene.lambda.WaitIdle(ctx); err != nil || p.hasExited() {
		p.t.Fatalf("the extension does not wait for an event (exited: %t): %v", p.hasExited(), err)
	}
}

func (p *process) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// mustExit waits until the process ended by itself, and returns its exit code.
func (p *process) mustExit() int {
	p.t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("the extension still runs after %s", patience)
		return 0
	}
}

func (p *process) mustSignal(signal syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatalf("sending %s: %v", signal, err)
	}
}

// finish ends the process if the test did not, and then checks what holds for every process, whatever it was
// asked.
func (p *process) finish() {
	const longest = 5 * time.Second
	if !p.hasExited() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended since
		select {
		case <-p.exited:
		case <-time.After(longest):
			p.t.Errorf("the extension did not end within %s of SIGTERM", longest)
			_ = p.cmd.Process.Kill()
			<-p.exited
		}
	}
	checkLines(p.t, p.stdout.String())
	checkNothingSecret(p.t, p.scene, "standard output", p.stdout.String())
	checkNothingSecret(p.t, p.scene, "standard error", p.stderr.String())
	if strings.Contains(p.stderr.String(), "DATA RACE") || strings.Contains(p.stderr.String(), "panic") {
		p.t.Error("the extension ran into a data race or a panic")
	}
	if p.t.Failed() {
		p.t.Logf("%s\nstandard output:\n%s\nstandard error:\n%s",
			p.cmd.ProcessState, tail(p.stdout.String()), tail(p.stderr.String()))
	}
}

// tail keeps a failure readable.
func tail(text string) string {
	const longest = 8 << 10
	if len(text) > longest {
		return "…" + text[len(text)-longest:]
	}
	return text
}
