package main

import (
	"io"
	"net"
	"testing"
	"time"
)

// Each request gets the answer once, also when it comes in pieces, and for longer than the buffer is.
func TestServe(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	ours.SetDeadline(time.Now().Add(15 * time.Second))
	go serve(theirs, []byte("answer"))
	requests := [][]string{
		{"GET / HTTP/1.1\r\nHo", "st: localhost\r\n\r", "\n"},
		{"GET / HTTP/1.1\r\n\r\n"},
	}
	for i := range 400 {
		pieces := requests[i%len(requests)]
		for _, piece := range pieces {
			if _, err := io.WriteString(ours, piece); err != nil {
				t.Fatal(err)
			}
		}
		got := make([]byte, len("answer"))
		if _, err := io.ReadFull(ours, got); err != nil || string(got) != "answer" {
			t.Fatalf("%q: %q, %v", pieces, got, err)
		}
	}
}
