package api_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension/internal/api"
	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

const (
	// longIdle is longer than a client's connection rests between two requests, freezes included.
	longIdle = 24 * time.Hour
	// workersRest is longer than the HTTP server keeps goroutines for connections that may come.
	workersRest = time.Minute
)

// pipes is a listener whose connections are pipes in memory: in a bubble of synctest their deadlines go by its clock.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accepted:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (*pipes) Addr() net.Addr { return &net.TCPAddr{} }

// dial connects. Only a failing test waits for the client's own time limit.
func (p *pipes) dial(t *testing.T) *wire {
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close() })
	if err := client.SetDeadline(time.Now().Add(30 * longIdle)); err != nil {
		t.Fatal(err)
	}
	p.accepted <- server
	return &wire{pipe{client}, bufio.NewReader(client)}
}

// pipe writes nothing where there is nothing to write, as a socket does; a pipe wakes its reader for it.
type pipe struct{ net.Conn }

func (p pipe) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	return p.Conn.Write(b)
}

// inBubble lets clients meet a server under synctest's clock. When the test is over nothing of the server may be
// left, or synctest fails it.
func inBubble(t *testing.T, test func(t *testing.T, s *service, p *pipes)) {
	t.Helper()
	mustServe(t, defaults()).mustGet(t, target) // starts the HTTP server's clock, which outlives every server
	synctest.Test(t, func(t *testing.T) {
		s := &service{reader: &reader{}, recorder: &recorder{came: make(chan struct{}, 1)}}
		p := &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}
		server := api.New(defaults(), s.reader, s.recorder)
		served := make(chan error, 1)
		go func() { served <- server.Serve([]net.Listener{p}) }()
		t.Cleanup(func() {
			server.Shutdown(context.Background())
			checkServed(t, served)
			time.Sleep(workersRest)
		})
		test(t, s, p)
	})
}

func mustAnswer(t *testing.T, w *wire, request string) {
	t.Helper()
	got, err := w.send(request)
	if err != nil || got.status != 200 || got.closed {
		t.Fatalf("got %+v, %v", got, err)
	}
}

// A connection on which nothing is asked is never closed by time, be it new or used.
func TestIdleConnectionIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, p *pipes) {
		w := p.dial(t)
		for range 3 {
			time.Sleep(longIdle)
			mustAnswer(t, w, request("GET", target))
		}
	})
}

// halves are requests that begin and are not complete.
var halves = map[string]string{
	"one byte":           "G",
	"a line":             "GET " + target + " HTTP/1.1\r\n",
	"headers":            strings.TrimSuffix(request("GET", target), "\r\n"),
	"a body":             request("GET", target, "Content-Length: 5") + "hel",
	"a chunk":            request("GET", target, "Transfer-Encoding: chunked") + "5\r\nhel",
	"an expected body":   request("GET", target, "Content-Length: 5", "Expect: 100-continue"),
	"after another, too": request("GET", target) + "GET /",
}

// A request that has begun has to be complete in time, however much of it there is and whatever came before; the
// client is told why, and the connection is closed.
func TestIncompleteRequest(t *testing.T) {
	for name, sent := range halves {
		for _, before := range []int{0, 2} {
			t.Run(name, func(t *testing.T) {
				inBubble(t, func(t *testing.T, s *service, p *pipes) {
					w := p.dial(t)
					for range before {
						mustAnswer(t, w, request("GET", target))
						time.Sleep(longIdle)
					}
					begin := time.Now()
					got, err := w.send(sent)
					for err == nil && got.status < 400 { // the answer before, or the go-ahead
						got, err = w.send("")
					}
					if err != nil {
						t.Fatal(err)
					}
					checkFailure(t, got, 408, "RequestTimeout", "complete within 10s")
					if took := time.Since(begin); took != 10*time.Second || !got.closed {
						t.Errorf("after %v, closed: %t", took, got.closed)
					}
					if rest, err := io.ReadAll(w.buffered); err != nil || len(rest) > 0 {
						t.Errorf("the connection goes on: %q, %v", rest, err)
					}
					s.recorder.mu.Lock()
					defer s.recorder.mu.Unlock()
					if last := s.recorder.latest; last.Status != 408 || last.Error != "RequestTimeout" {
						t.Errorf("the record is %+v", last)
					}
				})
			})
		}
	}
}

// Dripping gains no time.
func TestDrippingRequest(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, p *pipes) {
		w := p.dial(t)
		begin := time.Now()
		go func() {
			for _, c := range []byte(request("GET", target)) {
				if _, err := w.Write([]byte{c}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		got, err := w.send("")
		if err != nil || got.status != 408 || time.Since(begin) != 10*time.Second {
			t.Errorf("after %v: %+v, %v", time.Since(begin), got, err)
		}
	})
}

// A request in parts that is complete in time is answered, and leaves no limit to the rest after it; the next one has
// its own.
func TestRequestInParts(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, p *pipes) {
		w := p.dial(t)
		for range 3 {
			whole := request("GET", target, "Content-Length: 5") + "hello"
			for _, part := range []string{whole[:1], whole[1:40], whole[40 : len(whole)-2]} {
				if _, err := io.WriteString(w, part); err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Second)
			}
			mustAnswer(t, w, whole[len(whole)-2:])
			time.Sleep(longIdle)
		}
		begin := time.Now()
		got, err := w.send(halves["headers"])
		if err != nil || got.status != 408 || time.Since(begin) != 10*time.Second {
			t.Errorf("after %v: %+v, %v", time.Since(begin), got, err)
		}
	})
}

// An answer waits for a client that takes its time, and leaves no limit behind; it does not wait for one that never
// takes it.
func TestAnswerNotTaken(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, p *pipes) {
		w := p.dial(t)
		ask := func() {
			t.Helper()
			if _, err := io.WriteString(w, request("GET", target)); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			ask()
			time.Sleep(9 * time.Second)
			mustAnswer(t, w, "")
			time.Sleep(longIdle)
		}
		ask()
		time.Sleep(11 * time.Second)
		if rest, err := io.ReadAll(w.buffered); err != nil || len(rest) > 0 {
			t.Errorf("11 s late: %q, %v", rest, err)
		}
	})
}

// goroutines counts those of the bubble: others come and go with the tests before.
func goroutines() int {
	stacks := make([]byte, 4<<20)
	return bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte(", synctest bubble "))
}

// Clients that hold on to what they began delay nobody, and nothing is left of them when their time is over: as
// many goroutines run as before.
func TestSlowClientsLeaveNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, p *pipes) {
		w := p.dial(t)
		mustAnswer(t, w, request("GET", target))
		before := goroutines()
		for range 3 {
			var clients []*wire
			for _, sent := range halves {
				for range 20 {
					slow := p.dial(t)
					go io.WriteString(slow, sent) // it takes no answer
					clients = append(clients, slow)
				}
			}
			synctest.Wait()
			for range 20 {
				begin := time.Now()
				mustAnswer(t, w, request("GET", target))
				if waited := time.Since(begin); waited > 0 {
					t.Errorf("a read among %d slow clients waited for %v", len(clients), waited)
				}
			}
			time.Sleep(workersRest)
			if now := goroutines(); now > before {
				t.Errorf("%d goroutines, %d before", now, before)
			}
		}
		mustAnswer(t, w, request("GET", target))
	})
}

// A client that asks and asks and reads nothing is not served further than the sockets hold, which delays nobody.
// Once it reads, it gets every answer whole and in order.
func TestAnswersThatPileUp(t *testing.T) {
	s := mustServe(t, defaults())
	const n, size = 1000, 20_000 // more than two sockets hold
	s.reader.get = func(q source.Query, _ bool) (cache.Answer, error) {
		return cache.Answer{Outcome: cache.Hit, Body: []byte(q.Name + strings.Repeat("x", size))}, nil
	}
	w := s.mustDial(t)
	var all strings.Builder
	for i := range n {
		all.WriteString(request("GET", secretPath+"?secretId="+strconv.Itoa(i)))
	}
	go io.WriteString(w, all.String())
	var reads int
	for before := -1; reads != before || reads == 0; time.Sleep(50 * time.Millisecond) {
		before = reads
		_, reads = s.reader.last()
	}
	if reads == n {
		t.Fatal("all was answered: the sockets hold more than this test knows")
	}
	s.mustGet(t, target)
	for i := range n {
		got, err := w.send("")
		if err != nil || got.body != strconv.Itoa(i)+strings.Repeat("x", size) {
			t.Fatalf("answer %d has %d bytes and begins with %.10s: %v", i, len(got.body), got.body, err)
		}
	}
}
