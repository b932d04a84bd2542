// Package main_test tries the built executable from outside: as a process that Lambda starts, with the two fakes
// for Lambda and AWS on the other ends of its connections.
//
// It knows the wire, the environment, the output and the signals, and must not know the rooms inside.
package main_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// executable is the path of the built extension: TestMain writes it before any test runs.
var executable string

// TestMain builds the extension as a layer's is built, but for the race detector.
func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	directory, err := os.MkdirTemp("", "larder")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(directory)
	if err := os.Chmod(directory, 0o755); err != nil { // one test starts it as another user
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	executable = filepath.Join(directory, "larder")
	build := exec.Command("go", "build", "-race", "-trimpath", "-tags", "nethttpomithttp2", "-o", executable, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the extension: %v\n%s", err, output)
		return 1
	}
	// These tests wait more than they compute, so more of them go at one time than there are processors.
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		_ = parallel.Value.Set("5")
	}
	return m.Run()
}
