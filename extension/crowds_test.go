package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
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

	"larder/extension/internal/awstest"
)

// crowd is how many read at one time.
const crowd = 300

// A crowd that reads one name for the first time is one call to AWS.
func TestCrowdOfOneName(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	release := s.aws.Faults.Hold("")
	defer release()
	var reads sync.WaitGroup
	for range crowd {
		reads.Go(func() {
			a, err := p.try(request{target: secretTarget})
			if err != nil || a.status != http.StatusOK || !strings.Contains(a.body, canary) {
				t.Errorf("status %d: %v", a.status, err)
			}
		})
	}
	s.aws.Counts.MustWaitInFlight(t, awstest.SecretsManager, 1)
	mustWait(t, "all to be connected", func() bool { return p.mustUsage().descriptors > crowd })
	release()
	reads.Wait()
	if n := s.aws.Counts.Of(""); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
	p.mustRecords(crowd)
}

// A crowd of which each reads another name is served over the default connections within the default budget, with one
// call for each. It runs beside no other test, without the race detector, and gets another chance, since a machine that is
// busy with other things does not make three hundred calls in that time.
func TestCrowdOfNames(t *testing.T) {
	s := newScene(t)
	const chances = 3
	for n := range chances * crowd {
		s.aws.Secrets.PutString(strconv.Itoa(n), fmt.Sprint(canary, n))
	}
	s.aws.Faults.SetLatency("", 5*time.Millisecond)
	p := s.startPlain()
	for chance := range chances {
		s.aws.Counts.Reset()
		late := p.readNames(chance*crowd, crowd)
		calls, connections := s.aws.Counts.Of(""), s.aws.Counts.MaxOpen("")
		if late == "" && calls == crowd && connections <= 3 {
			return
		}
		t.Logf("%d calls over %d connections, want %d over 3; the last that was not in time: %s", calls, connections, crowd, late)
	}
	t.Error("no crowd was served in time")
}

// readNames reads so many names at one time, and tells of one that was not answered within the default budget.
func (p *process) readNames(from, count int) (late string) {
	var reads sync.WaitGroup
	var mu sync.Mutex
	for n := from; n < from+count; n++ {
		reads.Go(func() {
			a, err := p.try(request{target: fmt.Sprintf("/secretsmanager/get?secretId=%d", n)})
			value := fmt.Sprintf("%s%d\"", canary, n)
			switch {
			case err != nil:
				p.t.Error(err)
			case a.status == http.StatusOK && !strings.Contains(a.body, value):
				p.t.Errorf("%d was read as %s", n, a.body)
			case a.status != http.StatusOK || a.took > 2500*time.Millisecond:
				mu.Lock()
				defer mu.Unlock()
				late = fmt.Sprintf("%d after %s: %d %s", n, a.took, a.status, a.body)
			}
		})
	}
	reads.Wait()
	return late
}

// usage is what a process holds of the machine.
type usage struct {
	descriptors int
	threads     int
	memory      int // resident, in KiB
}

func (p *process) mustUsage() usage {
	p.t.Helper()
	folder := fmt.Sprintf("/proc/%d/", p.cmd.Process.Pid)
	descriptors, err := os.ReadDir(folder + "fd")
	if err != nil {
		p.t.Fatal(err)
	}
	status, err := os.ReadFile(folder + "status")
	if err != nil {
		p.t.Fatal(err)
	}
	u := usage{descriptors: len(descriptors)}
	for text := range strings.Lines(string(status)) {
		switch name, value, _ := strings.Cut(text, ":"); name {
		case "Threads":
			u.threads, _ = strconv.Atoi(strings.TrimSpace(value))
		case "VmRSS":
			u.memory, _ = strconv.Atoi(strings.Fields(value)[0])
		}
	}
	return u
}

// outlast is longer than the extension may let any rude client go on, on a machine that is busy with other things.
const outlast = 45 * time.Second

// longTarget reads a value of the greatest length.
const longTarget = "/secretsmanager/get?secretId=long"

// rudeness is a way of being a bad client on a connection. It returns when one side has closed the connection, or
// ended is closed.
type rudeness func(s *scene, conn *net.TCPConn, ended <-chan struct{}) error

// half is a request without its end.
func half(s *scene) string {
	whole := request{target: secretTarget, keep: true}.bytes(s)
	return whole[:len(whole)/2]
}

// closeWhen closes a connection when the storm is over, unless it is stopped before.
func closeWhen(ended <-chan struct{}, conn net.Conn) (stop func()) {
	over := make(chan struct{})
	go func() {
		select {
		case <-ended:
			conn.Close()
		case <-over:
		}
	}()
	return func() { close(over) }
}

// hold waits until the extension closes the connection, or the storm is over.
func hold(conn *net.TCPConn, ended <-chan struct{}) error {
	defer closeWhen(ended, conn)()
	_, err := io.Copy(io.Discard, conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("waiting for the extension to close the connection: %w", err)
	}
	return nil // closed by either side, with RST or without
}

// send writes and ignores what became of it: the other side may have had enough.
func send(conn net.Conn, text string) { _, _ = io.WriteString(conn, text) }

// mustOption reads a socket's option.
func mustOption(conn *net.TCPConn, option int) (value int) {
	raw, err := conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { value, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, option) })
	}
	if err != nil {
		panic(err)
	}
	return value
}

var rudenesses = map[string]rudeness{
	"slow": func(s *scene, conn *net.TCPConn, ended <-chan struct{}) error {
		send(conn, half(s))
		return hold(conn, ended)
	},
	"dripping": func(s *scene, conn *net.TCPConn, ended <-chan struct{}) error {
		go func() {
			for _, c := range []byte(strings.Repeat("GET / HTTP/1.1\r\nX: ", 1000)) {
				if _, err := conn.Write([]byte{c}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond) // is how it drips
			}
		}()
		return hold(conn, ended)
	},
	"without a body": func(s *scene, conn *net.TCPConn, ended <-chan struct{}) error {
		send(conn, request{target: secretTarget, keep: true, headers: []string{"Content-Length: 100"}}.bytes(s))
		return hold(conn, ended)
	},
	"asking without reading": func(s *scene, conn *net.TCPConn, ended <-chan struct{}) error {
		defer closeWhen(ended, conn)()
		many := strings.Repeat(request{target: longTarget, keep: true}.bytes(s), 100)
		for {
			if _, err := io.WriteString(conn, many); errors.Is(err, os.ErrDeadlineExceeded) {
				return fmt.Errorf("waiting for the extension to give up: %w", err)
			} else if err != nil {
				return nil
			}
		}
	},
	"greedy": func(s *scene, conn *net.TCPConn, ended <-chan struct{}) error {
		// Few enough that the extension has taken all of them in, and more answers than the sockets hold.
		send(conn, strings.Repeat(request{target: longTarget, keep: true}.bytes(s), 80))
		for begin := time.Now(); mustOption(conn, syscall.SO_ERROR) != int(syscall.ECONNRESET); time.Sleep(10 * time.Millisecond) {
			if time.Since(begin) > outlast {
				return errors.New("the connection was not reset")
			}
			select {
			case <-ended:
				return nil
			default:
			}
		}
		return nil
	},
	"half-closed": func(s *scene, conn *net.TCPConn, _ <-chan struct{}) error {
		send(conn, request{target: secretTarget, keep: true}.bytes(s))
		if err := conn.CloseWrite(); err != nil {
			return err
		}
		a, rest, err := readAnswer(bufio.NewReader(conn), http.MethodGet)
		if err != nil || a.status != http.StatusOK {
			return fmt.Errorf("status %d: %w", a.status, err)
		}
		if _, err := rest.ReadByte(); err != io.EOF {
			return fmt.Errorf("after the answer: %w", err)
		}
		return nil
	},
	"half-closed within a request": func(s *scene, conn *net.TCPConn, ended <-chan struct{}) error {
		send(conn, half(s))
		if err := conn.CloseWrite(); err != nil {
			return err
		}
		return hold(conn, ended)
	},
	"gone within a request": func(s *scene, conn *net.TCPConn, _ <-chan struct{}) error {
		send(conn, half(s))
		return nil
	},
	"gone within an answer": func(s *scene, conn *net.TCPConn, _ <-chan struct{}) error {
		send(conn, strings.Repeat(request{target: longTarget, keep: true}.bytes(s), 20))
		_, err := io.ReadFull(conn, make([]byte, 1000))
		return err
	},
	"reset": func(s *scene, conn *net.TCPConn, _ <-chan struct{}) error {
		send(conn, request{target: longTarget, keep: true}.bytes(s))
		return conn.SetLinger(0)
	},
	"reading late": func(s *scene, conn *net.TCPConn, ended <-chan struct{}) error {
		const n = 80
		send(conn, strings.Repeat(request{target: longTarget, keep: true}.bytes(s), n))
		time.Sleep(300 * time.Millisecond) // is how late it reads
		from := bufio.NewReader(conn)
		for range n {
			if a, _, err := readAnswer(from, http.MethodGet); err != nil || len(a.body) < 60_000 {
				return fmt.Errorf("reading %d bytes late: %w", len(a.body), err)
			}
		}
		<-ended // no limit of time is left over
		_ = conn.SetDeadline(time.Now().Add(patience))
		send(conn, request{target: secretTarget, keep: true}.bytes(s))
		if a, _, err := readAnswer(from, http.MethodGet); err != nil || a.status != http.StatusOK {
			return fmt.Errorf("after a late answer: status %d: %w", a.status, err)
		}
		return nil
	},
	"silent": func(s *scene, conn *net.TCPConn, ended <-chan struct{}) error {
		<-ended // no limit of time ends it
		_ = conn.SetReadDeadline(time.Now())
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("a connection that rests was closed: %w", err)
		}
		return nil
	},
}

// storm lets so many clients of each rudeness loose. An ordinary client's reads stay prompt in it. If it is sat out, the
// extension has to end by itself what does not rest; else the clients go, and the storm is over at once.
func (p *process) storm(each int, satOut bool) {
	p.t.Helper()
	before := p.mustUsage().descriptors
	ended := make(chan struct{})
	var passing, resting sync.WaitGroup
	for name, rude := range rudenesses {
		group := &passing
		if name == "silent" || name == "reading late" {
			group = &resting
		}
		for range each {
			group.Go(func() {
				conn, err := p.scene.dial("")
				if err == nil {
					defer conn.Close()
					_ = conn.SetDeadline(time.Now().Add(outlast))
					err = rude(p.scene, conn.(*net.TCPConn), ended)
				}
				if err != nil {
					p.t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	mustWait(p.t, "the storm to rise", func() bool { return p.mustUsage().descriptors >= before+7*each })
	passed := make(chan struct{})
	go func() {
		passing.Wait()
		close(passed)
	}()
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for reads, over := 0, false; !over; reads++ {
		checkTook(p.t, p.mustRead(secretTarget), 0, 3*time.Second) // on a busy machine; a client that is waited for takes 10 s
		select {
		case <-passed:
			over = true
		case <-pause.C:
			over = !satOut && reads > 20
		}
	}
	close(ended)
	<-passed
	resting.Wait()
	mustWait(p.t, "the connections to be closed", func() bool { return p.mustUsage().descriptors <= before })
}

// startForStorm starts an extension for a storm.
func startForStorm(t *testing.T, path string) *process {
	t.Helper()
	s := newScene(t)
	s.aws.Secrets.PutString("long", canary+strings.Repeat("x", 60_000))
	p := s.launchCommand(exec.Command(path), nil, nil)
	p.mustWaitIdle()
	p.mustRead(longTarget)
	p.mustRead(secretTarget)
	return p
}

// Slow, dripping, half-closed, abandoned and greedy clients delay nobody. Their time is over by itself, and they leave
// no connection behind, and no thread.
func TestRudeClients(t *testing.T) {
	t.Parallel()
	p := startForStorm(t, executable)
	begin := p.mustUsage()
	const each = 10
	p.storm(each, true)
	if after := p.mustUsage(); after.threads > begin.threads+5 {
		t.Errorf("%d threads, %d before", after.threads, begin.threads)
	}
	timedOut := func(l line) bool {
		return isRecord(l) && l.Status == http.StatusRequestTimeout && l.Error == "RequestTimeout"
	}
	if n := len(p.mustLines(timedOut)); n != 3*each {
		t.Errorf("%d requests are recorded as out of time, want those of the slow, the dripping and those without a body", n)
	}
}

// One storm after another needs no more memory than the first ones. The executable is one without the race detector,
// whose own memory grows with all that happens.
func TestRudeClientsLeaveNoMemory(t *testing.T) {
	t.Parallel()
	plain := filepath.Join(t.TempDir(), "larder")
	build := exec.Command("go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-o", plain, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the extension: %v\n%s", err, output)
	}
	p := startForStorm(t, plain)
	const each, storms, most = 20, 4, 8 << 10 // of which a client that left 20 KiB would need 20 MiB
	for range storms {
		p.storm(each, false)
	}
	before := p.mustUsage().memory
	for range storms {
		p.storm(each, false)
	}
	if after := p.mustUsage().memory; after > before+most {
		t.Errorf("%d KiB, %d before the last %d storms of %d clients", after, before, storms, each*len(rudenesses))
	}
}
