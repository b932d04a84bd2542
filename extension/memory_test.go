package main_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
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

// plainExecutable is the path of an executable without the race detector, whose own memory grows with all that
// happens. It lies beside the other, and goes with it.
var plainExecutable = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(executable), "plain", "larder")
	build := exec.Command("go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the extension: %w\n%s", err, output)
	}
	return path, nil
})

// startPlain starts the executable without the race detector, as Lambda does once it has invoked the function, and
// reads once.
func (s *scene) startPlain(settings ...string) *process {
	s.t.Helper()
	path, err := plainExecutable()
	if err != nil {
		s.t.Fatal(err)
	}
	p := s.launchCommand(exec.Command(path), nil, append(settings, "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=info"))
	p.mustWaitIdle()
	s.lambda.Invoke("")
	s.lambda.MustWaitNext(s.t, 2)
	p.mustRead(secretTarget)
	return p
}

// LARDER_CACHE_MAX_BYTES bounds what the whole process needs for what it remembers: five times as many values as fit
// cost little more than those that do.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const bound, size, values = 2 << 20, 10 << 10, 1000 // 10 MB in all
	s := newScene(t)
	value := canary + strings.Repeat("x", size)
	for n := range values {
		s.aws.Secrets.PutString(strconv.Itoa(n), value)
	}
	p := s.startPlain("LARDER_CACHE_MAX_BYTES="+strconv.Itoa(bound), "PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE=100000")
	before := p.mustUsage().memory
	conn := s.mustDial("")
	for n := range values {
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		mustExchange(t, s, conn, request{target: "/secretsmanager/get?secretId=" + strconv.Itoa(n), keep: true}, http.StatusOK)
	}
	checkCache(t, p.mustRead("/secretsmanager/get?secretId="+strconv.Itoa(values-1)), "hit")
	checkCache(t, p.mustRead("/secretsmanager/get?secretId=0"), "fwd=miss")
	after := p.mustUsage().memory
	t.Logf("%d KiB before, %d KiB after", before, after)
	if most := before + 3*bound/1024; after > most {
		t.Errorf("%d KiB after %d KiB of values, want %d at most", after, values*size/1024, most)
	}
}

// Reads leave nothing behind: what the process needs once it is in full use is what it needs after ten times as many
// reads. Values change and expire meanwhile.
func TestMemoryStaysFlat(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.put(0)
	p := s.startPlain("SECRETS_MANAGER_TTL=1", "LARDER_STALE_WAIT_MILLIS=15000")
	const clients, reads, most = 64, 12_000, 4 << 10 // KiB; 1 KB a read would be three times as much
	rotate := func(read int64) {
		if read%1000 == 0 {
			s.put(read)
		}
	}
	p.load(clients, reads/10, func(int64) {})
	before := p.mustUsage().memory
	p.load(clients, reads, rotate)
	after := p.mustUsage().memory
	t.Logf("%d KiB before, %d KiB after", before, after)
	if after > before+most {
		t.Errorf("%d KiB after %d reads, %d before", after, reads, before)
	}
}
