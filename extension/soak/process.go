// This file runs the extension's process, reads what it writes, and looks at what it holds.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// process is the extension.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has exited and all that it wrote was read

	mu      sync.Mutex
	lines   map[string][]line
	other   int
	dropped int
	exposed []string
	last    []string // lines that are no access lines, to tell when something is wrong
}

// startProcess starts the executable with this environment alone. It is killed when ctx is done.
func startProcess(ctx context.Context, executable string, environ []string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, executable), ended: make(chan struct{}), lines: make(map[string][]line)}
	stdout, stderr := &lineWriter{take: p.take}, &lineWriter{take: p.take}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = environ, stdout, stderr
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the extension: %w", err)
	}
	go func() {
		p.cmd.Wait() // how it ended is asked of ProcessState
		stdout.flush()
		stderr.flush()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// take reads one line that the extension wrote.
func (p *process) take(text []byte) {
	var l line
	understood := json.Unmarshal(text, &l) == nil
	p.mu.Lock()
	defer p.mu.Unlock()
	if bytes.Contains(text, []byte(canary)) {
		p.exposed = append(p.exposed, strings.ReplaceAll(string(text), canary, "(canary)"))
	}
	p.dropped += l.Dropped
	if understood && l.Type == "larder.access" {
		p.lines[l.RequestID] = append(p.lines[l.RequestID], l)
		return
	}
	const most = 12
	p.other++
	p.last = append(p.last, string(text))
	p.last = p.last[max(0, len(p.last)-most):]
}

// broken adds to an error what the extension wrote last.
func (p *process) broken(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Errorf("%w\nwhat the extension wrote last:\n%s", err, strings.Join(p.last, "\n"))
}

// usage is what the process holds.
type usage struct {
	files   int   // open file descriptors
	threads int   // which Go's runtime keeps for good
	memory  int64 // resident, in bytes
}

func (p *process) usage() (usage, error) {
	folder := fmt.Sprintf("/proc/%d/", p.cmd.Process.Pid)
	files, err := os.ReadDir(folder + "fd")
	if err != nil {
		return usage{}, fmt.Errorf("looking at the extension: %w", err)
	}
	status, err := os.ReadFile(folder + "status")
	if err != nil {
		return usage{}, fmt.Errorf("looking at the extension: %w", err)
	}
	threads, err := parseStatus(string(status), "Threads")
	if err != nil {
		return usage{}, err
	}
	memory, err := parseStatus(string(status), "VmRSS")
	return usage{len(files), int(threads), memory << 10}, err
}

// parseStatus finds a number in /proc/PID/status. One that is in kB is in KiB.
func parseStatus(status, field string) (int64, error) {
	for text := range strings.Lines(status) {
		if value, is := strings.CutPrefix(text, field+":"); is {
			return strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		}
	}
	return 0, fmt.Errorf("looking at the extension: there is no %s", field)
}

// lineWriter cuts what is written to it into lines. It is used by one goroutine.
type lineWriter struct {
	take func([]byte)
	rest []byte
}

func (w *lineWriter) Write(b []byte) (int, error) {
	w.rest = append(w.rest, b...)
	for {
		text, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			return len(b), nil
		}
		w.take(text)
		w.rest = rest
	}
}

// flush takes a last line that has no end.
func (w *lineWriter) flush() {
	if len(w.rest) > 0 {
		w.take(w.rest)
	}
}
