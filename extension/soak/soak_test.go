package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A short run of the real extension breaks no rule, and the oracle saw something of each kind.
func TestSoak(t *testing.T) {
	t.Parallel()
	extension := mustBuild(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	h, err := soak(ctx, extension, newPlan(1, 3*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	printSummary(&printed, h)
	all := judge(h)
	printVerdict(&printed, all)
	if len(all) > 0 || len(h.reads) < 100 || len(h.calls) < len(h.names) || len(h.lines) < 100 ||
		len(h.invocations) == 0 || h.end.files == 0 {
		t.Errorf("the run:\n%s", printed.String())
	}
}

// mustBuild builds the extension with the layer's own flags, so that the build's cache serves both.
func mustBuild(t *testing.T) string {
	t.Helper()
	executable := filepath.Join(t.TempDir(), "larder")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-ldflags", "-s -w",
		"-o", executable, "larder/extension")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the extension: %v\n%s", err, output)
	}
	return executable
}
