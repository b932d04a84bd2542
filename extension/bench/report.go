// This file shows the figures: as a table for people, and as JSON for programs.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"text/tabwriter"
)

// print writes the table.
func (f *figures) print(w io.Writer) error {
	const columns = "%-30s %-4s %9s %9s %7s\n"
	fmt.Fprintf(w, columns, "figure", "unit", "Larder", "bare Go", "ratio")
	section := ""
	for _, row := range f.rows {
		if row.section != section {
			section = row.section
			fmt.Fprintln(w, section)
		}
		fmt.Fprintf(w, columns, "  "+row.name, row.unit,
			digits(row.value(larder)), digits(row.value(bare)), digits(row.ratio()))
	}
	fmt.Fprintln(w, "p50, CPU a read and reads a second are the best round's, since noise only makes them worse.\n"+
		"All else is the median, and the extension writes its access record all the while.")
	fmt.Fprintln(w, "\nIn process, by the rooms' own benchmarks")
	if len(f.benchmarks) == 0 {
		fmt.Fprintln(w, "  there are none")
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "  benchmark\t%10s\t%10s\t%11s\n", "ns", "bytes", "allocations")
	for _, mark := range f.benchmarks {
		fmt.Fprintf(table, "  %s: %s\t%10.0f\t%10d\t%11d\n",
			mark.Room, mark.Name, mark.Nanoseconds, mark.Bytes, mark.Allocations)
	}
	return table.Flush()
}

// digits writes three that matter, and a dash for what is not known.
func digits(value float64, known bool) string {
	switch {
	case !known:
		return "-"
	case value >= 100:
		return strconv.FormatFloat(value, 'f', 0, 64)
	case value >= 10:
		return strconv.FormatFloat(value, 'f', 1, 64)
	}
	return strconv.FormatFloat(value, 'f', 2, 64)
}

// write writes the same as JSON. What is not known is left out.
func (f *figures) write(path string) error {
	type row struct {
		Section string   `json:"section"`
		Figure  string   `json:"figure"`
		Unit    string   `json:"unit"`
		Larder  *float64 `json:"larder,omitempty"`
		Bare    *float64 `json:"bareGo,omitempty"`
		Ratio   *float64 `json:"ratio,omitempty"`
	}
	ifKnown := func(value float64, known bool) *float64 {
		if !known {
			return nil
		}
		return &value
	}
	document := struct {
		Go         string      `json:"go"`
		Platform   string      `json:"platform"`
		Processors int         `json:"processors"`
		Figures    []row       `json:"figures"`
		Benchmarks []benchmark `json:"benchmarks"`
	}{runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, runtime.NumCPU(), nil, f.benchmarks}
	for _, r := range f.rows {
		document.Figures = append(document.Figures, row{r.section, r.name, r.unit,
			ifKnown(r.value(larder)), ifKnown(r.value(bare)), ifKnown(r.ratio())})
	}
	content, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(content, '\n'), 0o644)
}
