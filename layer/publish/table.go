// This file tells what became of it.

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// printTable writes a line for each layer and region. Empty cells have a dash, so that columns can be cut.
func printTable(w io.Writer, results []result) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "REGION\tARCHITECTURE\tARN\tSHA256\tOUTCOME")
	for _, r := range results {
		arn := r.arn
		if arn == "" {
			arn = "-"
		}
		outcome := r.outcome
		if r.err != nil {
			// In one line, as the table's.
			outcome += ": " + strings.Join(strings.Fields(r.err.Error()), " ")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.region, r.layer.architecture, arn, r.layer.digest(), outcome)
	}
	return table.Flush()
}
