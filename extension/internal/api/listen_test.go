package api_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"larder/extension/internal/api"
	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

// hasIPv6 says whether this machine has [::1]: where it has not, one listener is right.
func hasIPv6(t *testing.T) bool {
	t.Helper()
	listener, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	listener.Close()
	return true
}

// mustListen binds a free port of both families.
func mustListen(t *testing.T) ([]net.Listener, int) {
	t.Helper()
	for range 20 { // the port that is free in one family may be taken in the other
		free, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := free.Addr().(*net.TCPAddr).Port
		free.Close()
		listeners, err := api.Listen(port)
		if err != nil {
			continue
		}
		t.Cleanup(func() {
			for _, listener := range listeners {
				listener.Close()
			}
		})
		return listeners, port
	}
	t.Fatal("no port is free in both families")
	return nil, 0
}

// The one port is bound on both families' loopback addresses, and on no other.
func TestListenOnBothFamilies(t *testing.T) {
	listeners, port := mustListen(t)
	want := []string{"127.0.0.1"}
	if hasIPv6(t) {
		want = append(want, "::1")
	}
	if len(listeners) != len(want) {
		t.Fatalf("%d listeners, want %v", len(listeners), want)
	}
	for i, listener := range listeners {
		if got := listener.Addr().(*net.TCPAddr); got.IP.String() != want[i] || got.Port != port {
			t.Errorf("bound to %v, want %s and port %d", got, want[i], port)
		}
	}
}

// What is sent on an accepted connection cannot leave the machine: its TTL, or hop limit, is 1.
func TestHopLimit(t *testing.T) {
	listeners, _ := mustListen(t)
	for _, listener := range listeners {
		var dialer net.Dialer
		dialer.SetMultipathTCP(true)
		client, err := dialer.DialContext(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		accepted, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer accepted.Close()
		level, option := syscall.IPPROTO_IP, syscall.IP_TTL
		if listener.Addr().(*net.TCPAddr).IP.To4() == nil {
			level, option = syscall.IPPROTO_IPV6, syscall.IPV6_UNICAST_HOPS
		}
		if limit := mustGetOption(t, accepted, level, option); limit != 1 {
			t.Errorf("%v: the limit is %d", listener.Addr(), limit)
		}
		// A connection of MPTCP sends with another limit than the one that its socket was given.
		if multipath, err := accepted.(*net.TCPConn).MultipathTCP(); err != nil || multipath {
			t.Errorf("%v: MPTCP is %t, %v", listener.Addr(), multipath, err)
		}
	}
}

func mustGetOption(t *testing.T, conn net.Conn, level, option int) int {
	t.Helper()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var value int
	var failed error
	if err := raw.Control(func(fd uintptr) { value, failed = syscall.GetsockoptInt(int(fd), level, option) }); err != nil {
		t.Fatal(err)
	}
	if failed != nil {
		t.Fatal(os.NewSyscallError("getsockopt", failed))
	}
	return value
}

// A port that is taken in either family is an error that names the address; nothing stays bound of a start that
// failed half-way.
func TestPortTaken(t *testing.T) {
	addresses := []string{"127.0.0.1"}
	if hasIPv6(t) {
		addresses = append(addresses, "::1")
	}
	for _, address := range addresses {
		taken, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
		if err != nil {
			t.Fatal(err)
		}
		port := taken.Addr().(*net.TCPAddr).Port
		listeners, err := api.Listen(port)
		if !errors.Is(err, syscall.EADDRINUSE) || listeners != nil || !strings.Contains(err.Error(), address) {
			t.Errorf("%s: got %v and %v", address, listeners, err)
		}
		taken.Close()
		listeners, err = api.Listen(port)
		if err != nil {
			t.Errorf("%s: the port is not free again: %v", address, err)
		}
		for _, listener := range listeners {
			listener.Close()
		}
	}
}

// A port that is given up can be bound again at once, though a connection to it was open.
func TestPortIsFreeAfterServing(t *testing.T) {
	listeners, port := mustListen(t)
	server := api.New(defaults(), &reader{}, &recorder{})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listeners) }()
	for _, listener := range listeners { // on each family
		s := &service{address: listener.Addr().String()}
		if got := s.mustGet(t, target); got.status != 200 {
			t.Fatalf("%s: got %+v", s.address, got)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	server.Shutdown(ctx)
	checkServed(t, served)
	again, err := api.Listen(port)
	if err != nil {
		t.Fatal(err)
	}
	for _, listener := range again {
		listener.Close()
	}
}

// Shutdown waits for what is being answered, and no longer than its context.
func TestShutdownWaits(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	slow := &reader{get: func(source.Query, bool) (cache.Answer, error) {
		close(entered)
		<-release
		return aHit, nil
	}}
	server := api.New(defaults(), slow, &recorder{})
	listeners, err := api.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	for _, other := range listeners[1:] {
		other.Close()
	}
	go func() { served <- server.Serve(listeners[:1]) }()
	wire := (&service{address: listeners[0].Addr().String()}).mustDial(t)
	answered := make(chan answer, 1)
	go func() {
		got, _ := wire.send(request("GET", target))
		answered <- got
	}()
	<-entered
	short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	server.Shutdown(short)
	if short.Err() == nil {
		t.Error("did not wait for a request that is being answered")
	}
	close(release)
	if got := <-answered; got.status != 200 {
		t.Errorf("the request under way got %+v", got)
	}
	checkServed(t, served)
}

// A Shutdown that comes while Serve is only beginning ends it all the same, and the port is free.
func TestShutdownDuringStart(t *testing.T) {
	for range 50 {
		listeners, _ := mustListen(t)
		server := api.New(defaults(), &reader{}, &recorder{})
		served := make(chan error, 1)
		go func() { served <- server.Serve(listeners) }()
		server.Shutdown(context.Background())
		if checkServed(t, served); t.Failed() {
			return
		}
		for _, listener := range listeners {
			if conn, err := net.Dial("tcp", listener.Addr().String()); err == nil {
				conn.Close()
				t.Fatalf("%v is still open", listener.Addr())
			}
		}
	}
}

// A listener that breaks ends Serve with its error.
func TestServeFails(t *testing.T) {
	failure := errors.New("broken")
	server := api.New(defaults(), &reader{}, &recorder{})
	if err := server.Serve([]net.Listener{brokenListener{failure}}); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
}

type brokenListener struct{ failure error }

func (b brokenListener) Accept() (net.Conn, error) { return nil, b.failure }
func (brokenListener) Close() error                { return nil }
func (brokenListener) Addr() net.Addr              { return &net.TCPAddr{} }
