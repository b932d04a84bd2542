package main

import (
	"bytes"
	"strings"
	"testing"
)

// What is hidden is not shown, whoever prints it.
func TestScreenHidesValues(t *testing.T) {
	var shown bytes.Buffer
	s := screen{out: &shown}
	s.hide("hunter2")
	s.remark("user %s, password %s", "app", "hunter2")
	if strings.Contains(shown.String(), "hunter2") || !strings.Contains(shown.String(), "not shown") {
		t.Errorf("shown: %q", shown.String())
	}
}

// Without colour no escape sequence is written, for files and pipes.
func TestScreenWithoutColour(t *testing.T) {
	var shown bytes.Buffer
	s := screen{out: &shown}
	s.title("title", "line")
	s.scene("SCENE", "text")
	s.read(read{Source: "ssm", Name: "/name", Outcome: "miss", Duration: 20.81, Upstream: 20.79, Status: 200}, true)
	if strings.Contains(shown.String(), "\x1b") {
		t.Errorf("shown: %q", shown.String())
	}
	const want = "            parameter  /name                 cold         20.8 ms   AWS took 20.8 ms\n"
	if !strings.HasSuffix(shown.String(), want) {
		t.Errorf("shown: %q, want at its end %q", shown.String(), want)
	}
}

// Folded lines hold every byte of the object, break between fields only, and keep to the width where they can.
func TestFold(t *testing.T) {
	long := strings.Repeat("x", 50)
	for _, object := range []string{
		`{"a":1}`,
		`{"a":"1","b":[2,3],"c":"4"}`,
		`{"a":"` + long + `","b":"a comma, and \",\" quoted","c":"4"}`,
	} {
		lines := fold(object, 30)
		if joined := strings.Join(lines, ""); joined != object {
			t.Errorf("folded: %q, want %q", joined, object)
		}
		for _, line := range lines {
			if len(line) > 30 && strings.Count(line, `":`) > 1 {
				t.Errorf("%q is longer than 30 bytes and could be cut", line)
			}
		}
	}
	if got := len(fold(`{"a":"1","b":"2","c":"3"}`, 10)); got != 3 {
		t.Errorf("lines = %d, want 3", got)
	}
}

// Microseconds below a millisecond, no digit that means nothing above.
func TestSpan(t *testing.T) {
	for ms, want := range map[float64]string{
		0: "0 µs", 0.007: "7 µs", 0.9: "900 µs", 1: "1.0 ms", 21.66: "21.7 ms", 250.4: "250 ms",
	} {
		if got := span(ms); got != want {
			t.Errorf("span(%v) = %q, want %q", ms, got, want)
		}
	}
}
