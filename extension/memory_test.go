package main_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// No core dump is written: the limit is 0, and cannot be raised again.
func TestCoreLimit(t *testing.T) {
	t.Parallel()
	p := newScene(t).start()
	limits, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/limits")
	if err != nil {
		t.Fatal(err)
	}
	for text := range strings.Lines(string(limits)) {
		if rest, is := strings.CutPrefix(text, "Max core file size"); is {
			if got := strings.Fields(rest); got[0] != "0" || got[1] != "0" {
				t.Errorf("soft and hard limit of a core dump: %q", got)
			}
			return
		}
	}
	t.Error("there is no such limit")
}

// The process is not dumpable, so that no other process of its user may read its memory. The kernel gives what
// belongs to such a process in /proc to root, whoever runs it (proc(5)).
func TestNotDumpable(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	command := exec.Command(executable)
	command.Dir = "/"
	if os.Getuid() == 0 { // whose own processes cannot be told apart
		const nobody = 65534
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	p := s.launchCommand(command, nil, nil)
	p.mustWaitIdle()
	info, err := os.Stat("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/mem")
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 0 {
		t.Errorf("the memory belongs to user %d: the process is dumpable", owner)
	}
}
