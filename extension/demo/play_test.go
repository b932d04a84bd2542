package main

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The whole story ends well with the real extension, and tells of every read, of the calls and of the access lines.
func TestDemoPlaysTheRealExtension(t *testing.T) {
	shown, err := mustPlay(t, mustZip(t, mustBuild(t)), "../../sample-function/python")
	if err != nil {
		t.Fatalf("%v\n%s", err, shown)
	}
	for text, times := range map[string]int{
		"  cold  ":                               2,
		"  cached  ":                             6,
		"  refreshed  ":                          1,
		"user app at ":                           2,
		"user app_clone at ":                     1,
		`"outcome":"refresh"`:                    1,
		"  failed  ":                             1,
		"  remembered  ":                         1,
		"  denied  ":                             2, // its row, and in the slowest calls
		"12 reads served, 5 calls made to AWS\n": 1,
		"  3  ███\n":                             1, // the errors of the last scene
		"(WhoReadWhat)":                          1,
		"(HitRate)":                              1,
		"(SlowestCalls)":                         1,
		"registered after":                       1,
		" MiB at most":                           1,
		"Every read gave the expected value.\n":  1,
	} {
		if got := strings.Count(shown, text); got != times {
			t.Errorf("%q is shown %d times, want %d", text, got, times)
		}
	}
	if t.Failed() {
		t.Log(shown)
	}
}

// A function whose answer does not follow from what AWS holds fails the demo, although nothing broke.
func TestDemoFailsOnAWrongValue(t *testing.T) {
	folder := t.TempDir()
	app, err := os.ReadFile("../../sample-function/python/app.py")
	if err != nil {
		t.Fatal(err)
	}
	const stale = "\nanew, FIRST = read_secret, read_secret()\n\ndef read_secret():\n    return anew() and FIRST\n"
	if err := os.WriteFile(filepath.Join(folder, "app.py"), append(app, stale...), 0o600); err != nil {
		t.Fatal(err)
	}
	shown, err := mustPlay(t, mustZip(t, mustBuild(t)), folder)
	if err == nil || !strings.Contains(err.Error(), "Username:app_clone") {
		t.Errorf("error = %v, want one that names the user expected; shown:\n%s", err, shown)
	}
}

// An extension that cannot start is named as the reason, with what it wrote.
func TestDemoTellsWhyAnExtensionEnded(t *testing.T) {
	_, err := mustPlay(t, mustZip(t, []byte("#!/bin/sh\necho 'no token' >&2\nexit 3\n")), "../../sample-function/python")
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no token") {
		t.Errorf("error = %v, want status and last words", err)
	}
}

// mustPlay plays the demo and returns what it showed.
func mustPlay(t *testing.T, layer, function string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	var shown bytes.Buffer
	s := settings{layer: layer, function: function, python: "python3", latency: time.Millisecond}
	d, err := prepare(ctx, s, &screen{out: &shown})
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	err = d.play(ctx)
	for _, text := range d.screen.hidden {
		if strings.Contains(shown.String(), text) {
			t.Error("a secret's value or a credential is shown")
		}
	}
	return shown.String(), err
}

// mustBuild builds the extension with the layer's own flags, so that the build's cache serves both.
func mustBuild(t *testing.T) []byte {
	t.Helper()
	executable := filepath.Join(t.TempDir(), "larder")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-ldflags", "-s -w",
		"-o", executable, "larder/extension")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the extension: %v\n%s", err, output)
	}
	content, err := os.ReadFile(executable)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// mustZip packs an executable as a layer and returns the zip's path.
func mustZip(t *testing.T, executable []byte) string {
	t.Helper()
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	header := &zip.FileHeader{Name: "extensions/larder", Method: zip.Store}
	header.SetMode(0o755)
	entry, err := archive.CreateHeader(header)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(entry, bytes.NewReader(executable)); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "layer.zip")
	if err := os.WriteFile(path, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
