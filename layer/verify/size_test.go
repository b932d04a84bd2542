package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A twentieth more passes, a byte more than that does not, and the executable and the zip each have their own gate.
func TestSizeGate(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "size.json")
	mustWrite(t, gate, `{"arm64": {"executable": 1000, "zip": 400}, "x86_64": {"executable": 0, "zip": 400}}`)
	for _, c := range []struct {
		architecture    string
		executable, zip int64
		want            string
	}{
		{"arm64", 1000, 400, ""},
		{"arm64", 1050, 420, ""},
		{"arm64", 10, 4, ""},
		{"arm64", 1051, 400, "the executable has 1051 bytes, 5.1 % more than the 1000"},
		{"arm64", 1000, 421, "the zip has 421 bytes, 5.2 % more than the 400"},
		{"x86_64", 1000, 400, "no sizes for x86_64"},
		{"riscv", 1000, 400, "no sizes for riscv"},
	} {
		checkSizeFault(t, checkSize(io.Discard, gate, c.architecture, size{c.executable, c.zip}), c.want)
	}
}

// The growth is told even when it passes, so that a build's log shows it.
func TestSizeGateTellsGrowth(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "size.json")
	mustWrite(t, gate, `{"arm64": {"executable": 1000, "zip": 400}}`)
	var report bytes.Buffer
	checkSizeFault(t, checkSize(&report, gate, "arm64", size{1030, 390}), "")
	for _, want := range []string{"executable +3.0 %", "zip -2.5 %"} {
		if !strings.Contains(report.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, &report)
		}
	}
}

// A gate's file that is missing or broken closes the gate.
func TestSizeGateNeedsItsFile(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "size.json")
	checkSizeFault(t, checkSize(io.Discard, gate, "arm64", size{1, 1}), "reading size gate")
	mustWrite(t, gate, `{"arm64": 12`)
	checkSizeFault(t, checkSize(io.Discard, gate, "arm64", size{1, 1}), "reading size gate")
	checkSizeFault(t, recordSize(gate, "arm64", size{1, 1}), "reading size gate")
}

// A zip's sizes are recorded beside the other architecture's, and then pass. Those of a zip with faults are not.
func TestRecordSize(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "size.json")
	mustWrite(t, gate, `{"x86_64": {"executable": 7, "zip": 3}}`)
	faulty := mustWriteZip(t, "larder-arm64.zip", file{"extensions/larder", 0o644, mustBuild(t, "arm64", "-s -w")})
	checkRefused(t, faulty, options{sizes: gate, record: true}, "mode:")
	if content := string(mustRead(t, gate)); strings.Contains(content, "arm64") {
		t.Errorf("the sizes of a faulty zip were recorded: %s", content)
	}

	path := mustWriteZip(t, "larder-arm64.zip", file{"extensions/larder", 0o755, mustBuild(t, "arm64", "-s -w")})
	checkRefused(t, path, options{sizes: gate}, "no sizes for arm64")
	checkVerified(t, path, options{sizes: gate, record: true})
	checkVerified(t, path, options{sizes: gate})
	sizes, err := readSizes(gate)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if sizes["arm64"].Zip != info.Size() || sizes["x86_64"] != (size{7, 3}) {
		t.Errorf("sizes = %v, want %d bytes for arm64's zip and x86_64 as it was", sizes, info.Size())
	}

	larger := mustWriteZip(t, "larder-arm64.zip",
		file{"extensions/larder", 0o755, append(mustBuild(t, "arm64", "-s -w"), make([]byte, 1<<20)...)})
	checkRefused(t, larger, options{sizes: gate}, "the executable has")
}

func checkSizeFault(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && err == nil:
		t.Errorf("passed, want an error with %q", want)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("error = %q, want %q in it", err, want)
	}
}
