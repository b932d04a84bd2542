// This file runs a child process and keeps what it writes.

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// process is a child, and the lines of its standard output and standard error.
type process struct {
	name  string
	cmd   *exec.Cmd
	begun time.Time
	ended chan struct{} // closed when it has exited and all that it wrote is in lines

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every new line
	lines   []string
	err     error
}

// start starts cmd, which was made with exec.CommandContext: it is killed when that context is done.
func start(name string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, cmd: cmd, ended: make(chan struct{}), changed: make(chan struct{})}
	stdout, stderr := &lineWriter{to: p}, &lineWriter{to: p}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.WaitDelay = time.Second // for pipes that a child of the child holds open
	p.begun = time.Now()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		err := cmd.Wait()
		stdout.flush()
		stderr.flush()
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		close(p.ended)
	}()
	return p, nil
}

// kill ends the process, if it has not ended, and waits until it has.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// wait waits until the process has ended by itself; its error is that of exec.Cmd.Wait.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.ended:
		return p.exit()
	case <-ctx.Done():
		return fmt.Errorf("waiting for the end of %s: %w", p.name, context.Cause(ctx))
	}
}

func (p *process) exit() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// output returns the lines so far.
func (p *process) output() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.lines)
}

// await waits until the lines so far are enough.
func (p *process) await(ctx context.Context, enough func(lines []string) bool) error {
	for {
		p.mu.Lock()
		lines, changed := p.lines, p.changed
		p.mu.Unlock()
		if enough(lines) {
			return nil
		}
		select {
		case <-changed:
		case <-p.ended:
			return p.early()
		case <-ctx.Done():
			return fmt.Errorf("waiting for lines of %s: %w", p.name, context.Cause(ctx))
		}
	}
}

// early is the error of a process that ended before it should, with the last that it wrote.
func (p *process) early() error {
	const most = 12
	lines := p.output()
	if len(lines) == 0 {
		lines = []string{"nothing"}
	}
	return fmt.Errorf("%s ended too early (%v), and wrote last:\n  %s", p.name, p.cmd.ProcessState,
		strings.Join(lines[max(0, len(lines)-most):], "\n  "))
}

func (p *process) add(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, line)
	close(p.changed)
	p.changed = make(chan struct{})
}

// memory reads the process's resident memory, now and at its most, in bytes.
func (p *process) memory() (now, most int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, fmt.Errorf("reading the memory of %s: %w", p.name, err)
	}
	for line := range strings.Lines(string(status)) {
		field, rest, _ := strings.Cut(line, ":")
		to := map[string]*int64{"VmRSS": &now, "VmHWM": &most}[field]
		if to == nil {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("reading the memory of %s: %w", p.name, err)
		}
		*to = kib << 10
	}
	return now, most, nil
}

// lineWriter cuts what is written to it into lines. It is used by one goroutine.
type lineWriter struct {
	to   *process
	rest []byte
}

func (w *lineWriter) Write(b []byte) (int, error) {
	w.rest = append(w.rest, b...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			return len(b), nil
		}
		w.to.add(string(line))
		w.rest = rest
	}
}

// flush takes a last line that has no end.
func (w *lineWriter) flush() {
	if len(w.rest) > 0 {
		w.to.add(string(w.rest))
		w.rest = nil
	}
}
