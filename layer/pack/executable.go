// This file decides what Lambda could run.

package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
)

// checkExecutable reports why the executable would not start in a Lambda environment of the architecture, or would
// be larger there than it has to be. A dynamically linked one would depend on which runtime's image it meets.
func checkExecutable(executable io.ReaderAt, architecture string) error {
	machines := map[string]elf.Machine{"x86_64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	want, known := machines[architecture]
	if !known {
		return fmt.Errorf("architecture %q: want x86_64 or arm64", architecture)
	}
	file, err := elf.NewFile(executable)
	if err != nil {
		return fmt.Errorf("reading ELF header: %w", err)
	}
	if file.Machine != want {
		return fmt.Errorf("built for %v, not for %s", file.Machine, architecture)
	}
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			return errors.New("linked dynamically: build it with CGO_ENABLED=0")
		}
	}
	if file.Section(".symtab") != nil || file.Section(".debug_info") != nil || file.Section(".zdebug_info") != nil {
		return errors.New("not stripped: build it with -ldflags='-s -w'")
	}
	return nil
}
