// This file runs the rooms' own benchmarks, which see what cannot be seen from outside: allocations.

package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// benchmark is a line of what go test -bench prints.
type benchmark struct {
	Room        string  `json:"room"`
	Name        string  `json:"name"`
	Nanoseconds float64 `json:"nsPerOp"`
	Bytes       int64   `json:"bytesPerOp"`
	Allocations int64   `json:"allocsPerOp"`
}

// measureRooms is none of the players' business: there is no bare counterpart to a room.
func (b *bench) measureRooms(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-vet=off", "-run=^$", "-bench=.", "-benchmem",
		"-benchtime="+b.effort.benchmarks, "larder/extension/internal/...")
	output, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("running the rooms' benchmarks: %w\n%s", err, output)
	}
	b.figures.benchmarks, err = parseBenchmarks(string(output))
	return err
}

// parseBenchmarks reads the form that golang.org/design/14313-benchmark-format describes.
func parseBenchmarks(output string) ([]benchmark, error) {
	var found []benchmark
	room := ""
	for line := range strings.Lines(output) {
		if path, is := strings.CutPrefix(strings.TrimSpace(line), "pkg: "); is {
			room = path[strings.LastIndexByte(path, '/')+1:]
		}
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		mark := benchmark{Room: room, Name: withoutProcs(strings.TrimPrefix(fields[0], "Benchmark"))}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("reading the line %q: %w", strings.TrimSpace(line), err)
			}
			switch fields[i+1] {
			case "ns/op":
				mark.Nanoseconds = value
			case "B/op":
				mark.Bytes = int64(value)
			case "allocs/op":
				mark.Allocations = int64(value)
			}
		}
		found = append(found, mark)
	}
	return found, nil
}

// withoutProcs takes GOMAXPROCS off a benchmark's name, which go test hangs on where it is not 1.
func withoutProcs(name string) string {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return name
	}
	if _, err := strconv.Atoi(name[i+1:]); err != nil {
		return name
	}
	return name[:i]
}
