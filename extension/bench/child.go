// This file runs a child process, drains what it writes, and reads what it costs.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// child is a process that serves on a port of 127.0.0.1.
type child struct {
	port  int
	begun time.Time
	lines atomic.Int64 // written to its standard output so far
	bytes atomic.Int64 // the same

	cmd     *exec.Cmd
	drained chan struct{}

	mu   sync.Mutex
	last []byte // of what it wrote, to tell when something is wrong
}

// startChild starts a process with this environment alone. It is killed when ctx is done.
func startChild(ctx context.Context, port int, environ []string, command ...string) (*child, error) {
	c := &child{port: port, drained: make(chan struct{})}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer writer.Close()
	widen(writer)
	c.cmd = exec.CommandContext(ctx, command[0], command[1:]...)
	c.cmd.Env, c.cmd.Stdout, c.cmd.Stderr = environ, writer, writer
	c.begun = time.Now()
	if err := c.cmd.Start(); err != nil {
		reader.Close()
		return nil, fmt.Errorf("starting %s: %w", command[0], err)
	}
	go c.drain(reader)
	return c, nil
}

// widen lets a pipe hold a megabyte (F_SETPIPE_SZ), so that draining it can be leisurely. Where that is refused the
// pipe stays as it is.
func widen(pipe *os.File) {
	const setPipeSize = 1031
	if raw, err := pipe.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { syscall.Syscall(syscall.SYS_FCNTL, fd, setPipeSize, 1<<20) })
	}
}

// drain counts the lines, in large gulps with pauses, so that it takes next to nothing of the machine.
func (c *child) drain(reader *os.File) {
	defer close(c.drained)
	defer reader.Close()
	const pause, kept = 2 * time.Millisecond, 2 << 10
	gulp := make([]byte, 1<<20)
	for {
		n, err := reader.Read(gulp)
		c.bytes.Add(int64(n))
		c.lines.Add(int64(bytes.Count(gulp[:n], []byte("\n"))))
		if n > 0 {
			c.mu.Lock()
			c.last = append(c.last[:0], gulp[max(0, n-kept):n]...)
			c.mu.Unlock()
		}
		if err != nil {
			return
		}
		time.Sleep(pause)
	}
}

// awaitLines waits until so many lines were written, or a second has passed, and returns how many were.
func (c *child) awaitLines(want int64) int64 {
	for end := time.Now().Add(time.Second); c.lines.Load() < want && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	return c.lines.Load()
}

// kill ends the process and waits until all that it wrote is counted.
func (c *child) kill() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
	<-c.drained
}

// broken adds what the process wrote last to an error.
func (c *child) broken(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.last) == 0 {
		return err
	}
	return fmt.Errorf("%w\nwhat %s wrote last:\n%s", err, c.cmd.Path, bytes.TrimSpace(c.last))
}

// cpu is the processor time of all its threads so far. The process's own clock counts nanoseconds, where /proc
// counts hundredths of a second.
func (c *child) cpu() (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED, as glibc's clock_getcpuclockid(3) puts it into a clock's number
	clock := int32(^c.cmd.Process.Pid<<3 | scheduled)
	var t syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&t)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("reading the processor time: %w", errno)
	}
	return time.Duration(t.Nano()), nil
}

// memory is its resident memory in MiB: VmRSS now, VmHWM at the most.
func (c *child) memory(field string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading the memory: %w", err)
	}
	kib, err := parseStatus(string(status), field)
	return float64(kib) / 1024, err
}

// parseStatus finds a field of /proc/PID/status that is in kB, by which it means KiB.
func parseStatus(status, field string) (int64, error) {
	for line := range strings.Lines(status) {
		if value, is := strings.CutPrefix(line, field+":"); is {
			return strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		}
	}
	return 0, errors.New("reading the memory: there is no " + field)
}
