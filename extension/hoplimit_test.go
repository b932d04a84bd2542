package main_test

import (
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// Answers have the TTL or hop limit 1, so that no router passes them on. It is seen by a client that tells its
// kernel to drop what has less than 2 (ip(7), IP_MINTTL; RFC 5082): no answer comes, until 1 is allowed again
// and the next retransmission gets through.
func TestHopLimit(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.start()
	const ipMinTTL, ipv6MinHopCount = 21, 73
	for _, row := range []struct {
		host          string
		level, option int
	}{{"127.0.0.1", syscall.IPPROTO_IP, ipMinTTL}, {"::1", syscall.IPPROTO_IPV6, ipv6MinHopCount}} {
		if row.host == "::1" && len(loopback(t)) == 1 {
			continue
		}
		conn := s.mustDial(row.host)
		mustSetOption(t, conn, row.level, row.option, 2)
		if _, err := io.WriteString(conn, request{target: secretTarget}.bytes(s)); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		var early [1]byte
		if n, err := conn.Read(early[:]); err == nil || n > 0 {
			t.Errorf("%s: an answer came with a TTL of more than 1", row.host)
			continue
		}
		mustSetOption(t, conn, row.level, row.option, 1)
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if a := mustReadAnswer(t, conn, http.MethodGet); a.status != http.StatusOK {
			t.Errorf("%s: status %d", row.host, a.status)
		}
	}
}

func mustSetOption(t *testing.T, conn net.Conn, level, option, value int) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = syscall.SetsockoptInt(int(fd), level, option, value) }); err != nil {
		t.Fatal(err)
	}
	if failed != nil {
		t.Fatalf("setting socket option %d: %v", option, failed)
	}
}
