package main

import (
	"testing"
	"time"
)

// The lines of a child are counted, and its clock and memory can be read while it runs.
func TestChild(t *testing.T) {
	c, err := startChild(t.Context(), 0, nil, "/bin/sh", "-c", "echo one; echo two >&2; echo three; exec sleep 60")
	if err != nil {
		t.Fatal(err)
	}
	defer c.kill()
	for end := time.Now().Add(15 * time.Second); c.lines.Load() < 3 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if got := c.awaitLines(3); got != 3 {
		t.Errorf("lines = %d, want 3", got)
	}
	if cpu, err := c.cpu(); err != nil || cpu <= 0 || cpu > time.Minute {
		t.Errorf("CPU = %v, %v", cpu, err)
	}
	if memory, err := c.memory("VmRSS"); err != nil || memory <= 0 || memory > 100 {
		t.Errorf("memory = %v MiB, %v", memory, err)
	}
}

// Fields of a process's status are found by their whole name.
func TestParseStatus(t *testing.T) {
	const status = "Name:\tVmRSS\nVmHWM:\t    9876 kB\nVmRSS:\t    8192 kB\nThreads:\t7\n"
	if got, err := parseStatus(status, "VmRSS"); got != 8192 || err != nil {
		t.Errorf("VmRSS = %d, %v", got, err)
	}
	if _, err := parseStatus(status, "Vm"); err == nil {
		t.Error("a part of a name was taken for the field")
	}
}
