// This file is the size gate. A layer's size is part of each cold start, and it grows unnoticed with a dependency, so
// the sizes of the last agreed layers stand in a file of the repository. Whoever makes the layer larger by more than a
// twentieth has to change that file in the same commit, where a reviewer sees it.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// growthLimit is by how many percent a size may grow past the gate's. Shrinking is free.
const growthLimit = 5

// size is in bytes.
type size struct {
	Executable int64 `json:"executable"`
	Zip        int64 `json:"zip"`
}

// checkSize compares with what the gate's file says for the architecture, and reports the growth to w.
func checkSize(w io.Writer, path, architecture string, now size) error {
	gate, err := readSizes(path)
	if err != nil {
		return err
	}
	agreed, known := gate[architecture]
	if !known || agreed.Executable <= 0 || agreed.Zip <= 0 {
		return fmt.Errorf("size gate: %s has no sizes for %s", path, architecture)
	}
	var faults []error
	for _, part := range []struct {
		name        string
		now, agreed int64
	}{{"executable", now.Executable, agreed.Executable}, {"zip", now.Zip, agreed.Zip}} {
		grown := 100 * float64(part.now-part.agreed) / float64(part.agreed)
		fmt.Fprintf(w, "  size gate     %s %+.1f %%\n", part.name, grown)
		if part.now*100 > part.agreed*(100+growthLimit) {
			faults = append(faults, fmt.Errorf("size gate: the %s has %d bytes, %.1f %% more than the %d in %s; at most %d %% pass. "+
				"If it is worth it, say so by changing that file: make size", part.name, part.now, grown, part.agreed, path, growthLimit))
		}
	}
	return errors.Join(faults...)
}

// recordSize writes the sizes to the gate's file, and leaves those of the other architecture.
func recordSize(path, architecture string, now size) error {
	gate, err := readSizes(path)
	if errors.Is(err, fs.ErrNotExist) {
		gate = map[string]size{}
	} else if err != nil {
		return err
	}
	gate[architecture] = now
	content, err := json.MarshalIndent(gate, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding sizes: %w", err)
	}
	if err := os.WriteFile(path, append(content, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing size gate: %w", err)
	}
	return nil
}

func readSizes(path string) (map[string]size, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading size gate: %w", err)
	}
	var gate map[string]size
	if err := json.Unmarshal(content, &gate); err != nil {
		return nil, fmt.Errorf("reading size gate %s: %w", path, err)
	}
	return gate, nil
}
