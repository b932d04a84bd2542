// This file understands the extension's access lines, from which the demo tells what each read was.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// read is one access line.
type read struct {
	Type      string  `json:"type"`
	RequestID string  `json:"requestId"`
	Source    string  `json:"source"`
	Name      string  `json:"name"`
	Outcome   string  `json:"outcome"`
	Duration  float64 `json:"duration_ms"`
	Upstream  float64 `json:"upstream_ms"`
	Status    int     `json:"status"`
	Error     string  `json:"error"`
	VersionID string  `json:"versionId"`

	line string // as it was written
}

// kind is what AWS calls that which was read.
func (r read) kind() string {
	switch r.Source {
	case "secretsmanager":
		return "secret"
	case "ssm":
		return "parameter"
	}
	return r.Source
}

// outcome is the record's word as a person would say it who cares for time.
func (r read) outcome() string {
	switch r.Outcome {
	case "miss":
		return "cold"
	case "hit":
		return "cached"
	case "refresh":
		return "refreshed"
	case "error":
		return "failed"
	case "negative":
		return "remembered"
	}
	return r.Outcome
}

// parseReads finds the access lines among all that the extension wrote.
func parseReads(lines []string) []read {
	var reads []read
	for _, line := range lines {
		r := read{line: line}
		if json.Unmarshal([]byte(line), &r) == nil && r.Type == "larder.access" {
			reads = append(reads, r)
		}
	}
	return reads
}

// newReads waits for the access lines of a scene: one at least for each of what was read, told as outcome and name.
// The lines are written beside the answers and not before them, so they may come a moment later.
func (d *demo) newReads(ctx context.Context, expected ...string) ([]read, error) {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeoutCause(ctx, patience,
		fmt.Errorf("no access line for each of %q in %v", expected, patience))
	defer cancel()
	var reads []read
	err := d.extension.await(ctx, func(lines []string) bool {
		reads = parseReads(lines)[len(d.reads):]
		return !slices.ContainsFunc(expected, func(e string) bool {
			return !slices.ContainsFunc(reads, func(r read) bool { return r.outcome()+" "+r.Name == e })
		})
	})
	d.reads = append(d.reads, reads...)
	return reads, err
}

// gave says whether a read gave the value that AWS holds now, or failed where it had to. A version's id stands for its
// value: what the record may tell.
func (d *demo) gave(r read) bool {
	want := d.secretVersion
	switch r.Name {
	case missingSecret, deniedParameter:
		return r.Status == 400 && r.Error != ""
	case parameterName:
		want = d.parameterVersion
	}
	return r.Status == 200 && r.VersionID == want
}
