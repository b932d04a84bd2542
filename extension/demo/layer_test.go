package main

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
)

// A port that is taken on either address is passed over.
func TestFreePortPassesOverTakenOnes(t *testing.T) {
	for _, address := range []string{"127.0.0.1", "::1"} {
		listener, err := net.Listen("tcp", net.JoinHostPort(address, "2773"))
		if err != nil {
			continue // Somebody else has it, which is as good; or there is no IPv6.
		}
		port, err := freePort(t.Context())
		listener.Close()
		if err != nil {
			t.Fatal(err)
		}
		if port == 2773 {
			t.Errorf("2773 was chosen, which is taken on %s", address)
		}
		for _, address := range []string{"127.0.0.1", "::1"} {
			listener, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
			if err != nil {
				t.Errorf("the chosen port: %v", err)
				continue
			}
			listener.Close()
		}
	}
}

// What is missing is told with what to do about it.
func TestHints(t *testing.T) {
	_, missing := unpack("no such.zip", t.TempDir())
	checkHint(t, missing, "make layer")
	_, missing = startFunction(t.Context(), settings{python: "no-such-python"}, nil)
	checkHint(t, missing, "install Python")
	_, missing = startFunction(t.Context(), settings{python: "python3", function: t.TempDir()}, nil)
	checkHint(t, missing, "-function")
}

func checkHint(t *testing.T, err error, want string) {
	t.Helper()
	var h *hinted
	if !errors.As(err, &h) || !strings.Contains(h.hint, want) {
		t.Errorf("error = %v, want a hint with %q", err, want)
	}
}
