// Command demo shows what Larder does, without an AWS account: it plays Lambda to the executable of a layer zip and
// to a sample function, plays AWS to the executable, and prints what happened.
//
//	go run ./extension/demo -layer build/larder-x86_64.zip
//
// The executable runs in a process of its own, unpacked from the zip, with the environment that Lambda would give
// it. The demo knows of it what a function, Lambda, AWS and a reader of its log know, and no more: it must not
// import any of the extension's rooms, only the two fakes. It exits with 0 if every read gave the expected value.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// longest bounds the whole demonstration, which takes about a second.
const longest = 60 * time.Second

func main() {
	var s settings
	flag.StringVar(&s.layer, "layer", "", "the layer's zip, for this machine's architecture")
	flag.StringVar(&s.function, "function", "sample-function/python", "the folder of the sample function's app.py")
	flag.StringVar(&s.python, "python", "python3", "the Python that runs it")
	flag.DurationVar(&s.latency, "latency", 20*time.Millisecond, "how long the pretended AWS takes for an answer")
	flag.BoolVar(&s.wholeLog, "log", false, "show all access lines as they were written, not one of each kind")
	flag.Parse()

	if err := run(s); err != nil {
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		var hinted *hinted
		if errors.As(err, &hinted) {
			fmt.Fprintf(os.Stderr, "demo: %s\n", hinted.hint)
		}
		os.Exit(1)
	}
}

func run(s settings) error {
	if runtime.GOOS != "linux" {
		return hint(fmt.Errorf("a layer's executable runs on Linux, and this is %s", runtime.GOOS),
			"run it in a Linux container or a virtual machine")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, longest, fmt.Errorf("not done after %v", longest))
	defer cancel()

	d, err := prepare(ctx, s, newScreen(os.Stdout))
	if err != nil {
		return err
	}
	defer d.close()
	return d.play(ctx)
}

// hinted is an error with a line on what to do about it.
type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

func hint(err error, format string, args ...any) error {
	return &hinted{err, fmt.Sprintf(format, args...)}
}
