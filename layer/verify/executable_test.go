package main

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// An executable that names no loader, but libraries, is not static either. A shared library is such a file.
func TestCheckExecutableRefusesLibraries(t *testing.T) {
	t.Parallel()
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Fatal("there is no C compiler, which the race detector needs, too; on Debian: apt-get install gcc libc6-dev")
	}
	library := filepath.Join(t.TempDir(), "library.so")
	command := exec.Command(compiler, "-shared", "-s", "-Wl,--no-as-needed", "-o", library, "-x", "c", os.DevNull)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, output)
	}
	architecture := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	if err := checkExecutable(mustRead(t, library), architecture); err == nil || !strings.Contains(err.Error(), "static:") {
		t.Errorf("error = %v, want one that says it is not static", err)
	}
}

// built holds what mustBuild has built: the linker takes longer than all that is tested here.
var built sync.Map

// mustBuild builds a small program as the layer's is built, and returns its bytes.
func mustBuild(t *testing.T, goarch, ldflags string) []byte {
	t.Helper()
	build, _ := built.LoadOrStore(goarch+ldflags, sync.OnceValues(func() ([]byte, error) { return build(goarch, ldflags) }))
	program, err := build.(func() ([]byte, error))()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(program)
}

func build(goarch, ldflags string) ([]byte, error) {
	folder, err := os.MkdirTemp("", "verify")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	source, target := filepath.Join(folder, "main.go"), filepath.Join(folder, "program")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		return nil, err
	}
	command := exec.Command("go", "build", "-ldflags", ldflags, "-o", target, source)
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch)
	if output, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, output)
	}
	return os.ReadFile(target)
}

// withLoader returns the executable with a first segment that names a dynamic loader. Where the segments begin stands
// at offset 32 of a 64-bit ELF header.
func withLoader(executable []byte) []byte {
	changed := slices.Clone(executable)
	binary.LittleEndian.PutUint32(changed[binary.LittleEndian.Uint64(changed[32:]):], uint32(elf.PT_INTERP))
	return changed
}

// withType returns the executable with another ELF type, which stands at offset 16.
func withType(executable []byte, kind uint16) []byte {
	changed := slices.Clone(executable)
	binary.LittleEndian.PutUint16(changed[16:], kind)
	return changed
}
