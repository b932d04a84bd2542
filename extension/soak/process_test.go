package main

import (
	"slices"
	"testing"
)

// What the extension writes is told apart, and a canary is found in any kind of line, even in one that has no end.
func TestTake(t *testing.T) {
	p := &process{lines: make(map[string][]line)}
	w := &lineWriter{take: p.take}
	for _, piece := range []string{
		`{"type":"larder.access","requestId":"a","outc`, "ome\":\"hit\"}\n" + `{"type":"larder.access","requestId":"a","outcome":"miss"}` + "\n",
		`{"type":"larder.access","requestId":"b","name":"` + canary + `"}` + "\n",
		`{"type":"larder.dropped","dropped":3}` + "\n",
		"a stack with " + canary,
	} {
		w.Write([]byte(piece))
	}
	w.flush()
	if len(p.lines["a"]) != 2 || p.lines["a"][0].Outcome != "hit" || len(p.lines["b"]) != 1 {
		t.Errorf("lines: %+v", p.lines)
	}
	if p.other != 2 || p.dropped != 3 {
		t.Errorf("%d other lines, %d dropped ones", p.other, p.dropped)
	}
	want := []string{`{"type":"larder.access","requestId":"b","name":"(canary)"}`, "a stack with (canary)"}
	if !slices.Equal(p.exposed, want) {
		t.Errorf("exposed: %q", p.exposed)
	}
}

// Numbers are found in what the kernel tells of a process.
func TestParseStatus(t *testing.T) {
	const status = "Name:\tlarder\nVmRSS:\t   10240 kB\nThreads:\t7\n"
	memory, err := parseStatus(status, "VmRSS")
	if err != nil || memory != 10240 {
		t.Errorf("VmRSS = %d, %v", memory, err)
	}
	threads, err := parseStatus(status, "Threads")
	if err != nil || threads != 7 {
		t.Errorf("Threads = %d, %v", threads, err)
	}
	if _, err := parseStatus(status, "Rss"); err == nil {
		t.Error("what is not there was found")
	}
}
