package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/sync/singleflight"
)

// panicking returns what is recovered from a panic.
func panicking(do func()) (reason any) {
	defer func() { reason = recover() }()
	do()
	return nil
}

func fail() {
	var none []int
	_ = none[len(none)]
}

// shared panics as a fetch does that reads share.
func shared(do func()) {
	var flights singleflight.Group
	_, _, _ = flights.Do("", func() (any, error) {
		do()
		return nil, nil
	})
}

// A bug is logged with its stack. What the Go runtime says of it is logged, too; the text of any other panic is not,
// since it may hold a value.
func TestLogPanic(t *testing.T) {
	const value = "CANARY-value"
	const ofRuntime = "runtime error: index out of range [0] with length 0"
	for name, row := range map[string]struct {
		reason any
		text   string
	}{
		"of the runtime":         {panicking(fail), ofRuntime},
		"of the runtime, shared": {panicking(func() { shared(fail) }), ofRuntime},
		"of the runtime, inside": {fmt.Errorf("reading %s: %w", value, panicking(fail).(error)), ""},
		"a text":                 {value, "a panic"},
		"a text, shared":         {panicking(func() { shared(func() { panic(value) }) }), "a panic"},
		"an error":               {errors.New(value), "a panic"},
		"something else":         {[]string{value}, "a panic"},
		"nothing":                {nil, "a panic"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			x := &extension{log: newLogger(&out, slog.LevelInfo)}
			x.logPanic(row.reason)
			text := out.String()
			if strings.Contains(text, value) {
				t.Errorf("a value is in the log: %s", text)
			}
			for _, part := range []string{`"level":"ERROR"`, `"reason":"` + row.text, `"stack":`, "TestLogPanic"} {
				if !strings.Contains(text, part) {
					t.Errorf("the line lacks %s: %s", part, text)
				}
			}
			if strings.Count(text, "\n") != 1 {
				t.Errorf("not one line: %q", text)
			}
		})
	}
}
