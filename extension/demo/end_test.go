package main

import (
	"bytes"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"larder/extension/internal/awstest"
)

// A line of the extension or of the function that holds a password fails the demo, and shows it nowhere.
func TestDemoFailsOnALeakedPassword(t *testing.T) {
	for _, leaky := range []string{"extension", "function"} {
		processes := map[string]*process{}
		for _, name := range []string{"extension", "function"} {
			script := "echo harmless"
			if name == leaky {
				script = "echo harmless; printf 'connecting with password=hunter2'"
			}
			p, err := start("the "+name, exec.CommandContext(t.Context(), "sh", "-c", script))
			if err != nil {
				t.Fatal(err)
			}
			select {
			case <-p.ended:
			case <-time.After(15 * time.Second):
				t.Fatal("the child does not end")
			}
			processes[name] = p
		}
		var shown bytes.Buffer
		d := demo{
			screen:    &screen{out: &shown},
			extension: processes["extension"],
			function:  &function{process: processes["function"]},
		}
		d.screen.hide("hunter2")
		err := d.showLog()
		if err == nil || !strings.Contains(err.Error(), "line 2 that the "+leaky) {
			t.Errorf("the %s leaks: error = %v", leaky, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") || strings.Contains(shown.String(), "hunter2") {
			t.Errorf("the %s leaks, and so does the demo", leaky)
		}
	}
}

// One wrong read fails the demo, and so does a call to AWS that no read accounts for.
func TestVerdict(t *testing.T) {
	aws, err := awstest.Start(awstest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer aws.Close()
	d := demo{screen: &screen{out: io.Discard}, aws: aws, reads: []read{{Outcome: "hit"}}}
	if err := d.verdict(); err != nil {
		t.Errorf("one cached read: %v", err)
	}
	d.reads = append(d.reads, read{Outcome: "miss"})
	if d.verdict() == nil {
		t.Error("a read is told as cold, and AWS was not called: passed")
	}
	d.reads, d.wrong = d.reads[:1], 1
	if d.verdict() == nil {
		t.Error("a read did not give the expected value: passed")
	}
}
