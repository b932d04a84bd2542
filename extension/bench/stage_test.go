package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Every measure of the real extension gives every one of its figures, however little is measured.
func TestMeasures(t *testing.T) {
	extension := mustBuild(t)
	b := &bench{
		effort:    effort{starts: 1, rounds: 1, reads: 20, load: 20 * time.Millisecond, misses: 10},
		layer:     extension, // for its size
		folder:    t.TempDir(),
		extension: extension,
	}
	defer b.close()
	if err := b.furnish(t.Context()); err != nil { // which compiles, on a new machine from the ground up
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, measure := range []func(context.Context) error{
		b.measureStarts, b.measureHits, b.measureLoad, b.measureMisses, b.measureMemory, b.measureSizes,
	} {
		if err := measure(ctx); err != nil {
			t.Fatal(err)
		}
	}
	alone := map[string]bool{ // what there is no bare counterpart to
		"exec until registered":      true,
		"access lines a read":        true,
		"p50 beyond AWS's own":       true,
		"CPU":                        true,
		"with 1000 secrets of 1 KB":  true,
		"with 1000 secrets of 10 KB": true,
	}
	if len(b.figures.rows) != 21 {
		t.Errorf("rows = %d, want 21", len(b.figures.rows))
	}
	for _, row := range b.figures.rows {
		value, known := row.value(larder)
		if !known || value <= 0 && row.name != "p50 beyond AWS's own" {
			t.Errorf("%s: %s = %v", row.section, row.name, value)
		}
		if _, known := row.ratio(); known == alone[row.name] {
			t.Errorf("%s: %s has a ratio: %v", row.section, row.name, known)
		}
		if row.name == "access lines a read" && value != 1 {
			t.Errorf("%s: %v access lines a read, want 1", row.section, value)
		}
	}
}

// The measures of trouble give all their figures, and those that do not depend on the machine are what they have to be.
func TestMeasuresOfTrouble(t *testing.T) {
	extension := mustBuild(t)
	b := &bench{effort: effort{outage: 200 * time.Millisecond}, layer: extension, folder: t.TempDir(), extension: extension}
	defer b.close()
	if err := b.furnish(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, measure := range []func(context.Context) error{b.measureOutages, b.measureCrowds} {
		if err := measure(ctx); err != nil {
			t.Fatal(err)
		}
	}
	seen := make(map[string]int)
	for _, row := range b.figures.rows {
		value, _ := row.value(larder)
		seen[row.name]++
		switch {
		case row.name == "answered" && value != 100, row.name == "failed" && value > 0,
			row.name == "calls to AWS" && (value < 1 || value > 130), row.name == "slowest read" && value <= 0:
			t.Errorf("%s: %s = %v", row.section, row.name, value)
		}
	}
	if seen["answered"] != 3 || seen["failed"] != 3 || seen["calls to AWS a second"] != 3 || seen["slowest read"] != 6 {
		t.Errorf("the figures are %v", seen)
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
