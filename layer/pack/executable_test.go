package main

import (
	"bytes"
	"debug/elf"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A static, stripped executable passes for its own architecture and for no other.
func TestCheckExecutableArchitecture(t *testing.T) {
	amd64, arm64 := mustBuild(t, "amd64", "-s -w"), mustBuild(t, "arm64", "-s -w")
	for _, c := range []struct {
		executable   []byte
		architecture string
		want         string
	}{
		{amd64, "x86_64", ""},
		{arm64, "arm64", ""},
		{amd64, "arm64", "built for EM_X86_64"},
		{arm64, "x86_64", "built for EM_AARCH64"},
		{amd64, "amd64", `architecture "amd64"`},
		{[]byte("#!/bin/sh\n"), "x86_64", "reading ELF header"},
	} {
		checkRefusal(t, checkExecutable(bytes.NewReader(c.executable), c.architecture), c.want)
	}
}

// An executable that carries its symbols is half as large again as it has to be.
func TestCheckExecutableRefusesSymbols(t *testing.T) {
	executable := mustBuild(t, "amd64", "")
	checkRefusal(t, checkExecutable(bytes.NewReader(executable), "x86_64"), "not stripped")
}

// An executable that names a dynamic loader would not start where that loader is missing.
func TestCheckExecutableRefusesDynamicLinking(t *testing.T) {
	executable := mustBuild(t, "amd64", "-s -w")
	// The first program header's type becomes PT_INTERP; its place stands at offset 32 of a 64-bit ELF header.
	first := binary.LittleEndian.Uint64(executable[32:])
	binary.LittleEndian.PutUint32(executable[first:], uint32(elf.PT_INTERP))
	checkRefusal(t, checkExecutable(bytes.NewReader(executable), "x86_64"), "linked dynamically")
}

// The whole command: the zip lies where it was asked for, alone, and the report carries the digests that
// sha256sum and Lambda's API print.
func TestPackWritesAndReports(t *testing.T) {
	folder := t.TempDir()
	executable := filepath.Join(folder, "executable")
	if err := os.WriteFile(executable, mustBuild(t, "arm64", "-s -w"), 0o600); err != nil {
		t.Fatal(err)
	}
	target := t.TempDir()
	zip := filepath.Join(target, "layer.zip")
	var report bytes.Buffer
	if err := pack(&report, executable, "larder", "arm64", zip); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(target)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("the folder holds %v, want the zip alone", entries)
	}
	sum, err := exec.Command("sha256sum", zip).Output()
	if err != nil {
		t.Fatal(err)
	}
	digest, _, _ := strings.Cut(string(sum), " ")
	raw, err := hex.DecodeString(digest)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{digest, base64.StdEncoding.EncodeToString(raw), "arm64", "extensions/larder"} {
		if !strings.Contains(report.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, report.String())
		}
	}
	if err := pack(&report, executable, "larder", "x86_64", zip); err == nil {
		t.Error("an arm64 executable was packed as x86_64")
	}
}

// mustBuild builds a small program as the layer's is built, and returns its bytes.
func mustBuild(t *testing.T, goarch, ldflags string) []byte {
	t.Helper()
	folder := t.TempDir()
	source := filepath.Join(folder, "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(folder, "program")
	command := exec.Command("go", "build", "-ldflags", ldflags, "-o", target, source)
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	content, err := os.ReadFile(target)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func checkRefusal(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && err == nil:
		t.Errorf("accepted, want an error with %q", want)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("error = %q, want %q in it", err, want)
	}
}
