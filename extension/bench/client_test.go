package main

import (
	"strings"
	"testing"
)

// A whole answer is taken apart; one that is not whole yet is waited for; one that is not the right one is refused.
func TestSplit(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\nAge: 0"
	header, body, err := split([]byte(head + "\r\n\r\n" + `{"a":1}`))
	if err != nil || string(header) != head || string(body) != `{"a":1}` {
		t.Errorf("split = %q, %q, %v", header, body, err)
	}
	for _, part := range []string{"", "HTTP/1.1 200 OK\r\nContent-Le", head + "\r\n\r", head + "\r\n\r\n" + `{"a":`} {
		if header, body, err := split([]byte(part)); header != nil || body != nil || err != nil {
			t.Errorf("split of %q = %q, %q, %v, want to wait", part, header, body, err)
		}
	}
	for answer, want := range map[string]string{
		"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno":  "403 Forbidden",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nno":         "1 bytes more",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0": "no Content-Length",
		"HTTP/1.1 200 OK\r\nContent-Length: -\r\n\r\n":           "reading Content-Length",
	} {
		if _, _, err := split([]byte(answer)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("split of %q: error = %v, want %q in it", answer, err, want)
		}
	}
}
