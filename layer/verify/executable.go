// This file decides whether the executable would start in Lambda.

package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
)

var machines = map[string]elf.Machine{"x86_64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// checkExecutable returns all that is wrong with the executable for the architecture, which must be one of machines.
func checkExecutable(content []byte, architecture string) error {
	file, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("executable: reading ELF header: %w", err)
	}
	var faults []error
	if file.Machine != machines[architecture] {
		faults = append(faults, fmt.Errorf("architecture: built for %v, not for %s", file.Machine, architecture))
	}
	if file.Type != elf.ET_EXEC && file.Type != elf.ET_DYN {
		faults = append(faults, fmt.Errorf("executable: its ELF type is %v", file.Type))
	}
	if linkedDynamically(file) {
		faults = append(faults, errors.New("static: it needs a dynamic loader or libraries"))
	}
	if file.Section(".symtab") != nil || file.Section(".debug_info") != nil || file.Section(".zdebug_info") != nil {
		faults = append(faults, errors.New("executable: it carries symbols or debugging information"))
	}
	return errors.Join(faults...)
}

func linkedDynamically(file *elf.File) bool {
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			return true
		}
	}
	libraries, err := file.ImportedLibraries()
	return err != nil || len(libraries) > 0
}
