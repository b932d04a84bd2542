// Package api lets a function's requests in over loopback and writes the answers.
//
// It holds the listeners, the checks at the door, the routes, the shape of every answer, and the one table of
// errors and statuses. It must not know what is remembered or why, nor AWS: it asks a [Reader] and tells a
// [Recorder]. Which HTTP server does the work is known here and nowhere else.
package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

// Listen binds port on 127.0.0.1 and on [::1]: clients say localhost, and some try one first, some the other.
// A machine without IPv6 gets the first alone. Answers cannot leave the machine: their TTL and hop limit are 1.
func Listen(port int) ([]net.Listener, error) {
	var listeners []net.Listener
	for _, family := range []struct{ network, host string }{{"tcp4", "127.0.0.1"}, {"tcp6", "::1"}} {
		config := net.ListenConfig{
			Control:   stayOnThisMachine,
			KeepAlive: -1, // the other end is a process on this machine: if it dies, the kernel says so
		}
		// A connection accepted from an MPTCP socket would not inherit the socket's TTL.
		config.SetMultipathTCP(false)
		listener, err := config.Listen(context.Background(), family.network, net.JoinHostPort(family.host, strconv.Itoa(port)))
		if family.network == "tcp6" && (errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)) {
			continue
		}
		if err != nil {
			for _, bound := range listeners {
				bound.Close()
			}
			return nil, fmt.Errorf("binding %s:%d: %w", family.host, port, err)
		}
		listeners = append(listeners, patient{listener})
	}
	return listeners, nil
}

func stayOnThisMachine(network, _ string, socket syscall.RawConn) error {
	level, option := syscall.IPPROTO_IP, syscall.IP_TTL
	if network == "tcp6" {
		level, option = syscall.IPPROTO_IPV6, syscall.IPV6_UNICAST_HOPS
	}
	var failed error
	if err := socket.Control(func(fd uintptr) { failed = syscall.SetsockoptInt(int(fd), level, option, 1) }); err != nil {
		return err
	}
	return failed
}

// patient goes on accepting when the process is out of file descriptors for a moment, where the server would
// take any error of Accept as the end.
type patient struct{ net.Listener }

func (p patient) Accept() (net.Conn, error) {
	for {
		conn, err := p.Listener.Accept()
		switch {
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOBUFS),
			errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.ECONNABORTED):
			time.Sleep(5 * time.Millisecond)
		default:
			return conn, err
		}
	}
}
