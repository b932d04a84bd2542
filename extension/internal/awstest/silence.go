// This file plays the machines from which nothing comes: what a subnet without a
// route, or a firewall, is to who connects through it.

package awstest

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// Silence is an address on which nothing is ever answered.
type Silence struct {
	address string
	close   func()
}

// StartDeaf starts an address that no connection can be made to, and that does
// not refuse it either: the kernel drops what comes.
func StartDeaf() (*Silence, error) {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("making a socket: %w", err)
	}
	opened := []func(){func() { syscall.Close(socket) }}
	s := &Silence{close: func() {
		for _, end := range opened {
			end()
		}
	}}
	if err = syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err == nil {
		err = syscall.Listen(socket, 0)
	}
	var bound syscall.Sockaddr
	if err == nil {
		bound, err = syscall.Getsockname(socket)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("listening: %w", err)
	}
	s.address = fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port)
	// Nobody accepts, so the queue fills up. A SYN that comes then is dropped.
	const longest, attempts = 300 * time.Millisecond, 10
	for range attempts {
		queued, err := net.DialTimeout("tcp", s.address, longest)
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return s, nil
		}
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("filling the queue: %w", err)
		}
		opened = append(opened, func() { queued.Close() })
	}
	s.Close()
	return nil, fmt.Errorf("filling the queue: it takes more than %d connections", attempts)
}

// StartMute starts an address that takes every connection and everything that is
// sent, and says nothing.
func StartMute() (*Silence, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // The kernel connects without being asked to.
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	return &Silence{address: listener.Addr().String(), close: func() { listener.Close() }}, nil
}

// Address is the host and the port.
func (s *Silence) Address() string { return s.address }

// Close ends it, and with it what waits for an answer.
func (s *Silence) Close() { s.close() }
