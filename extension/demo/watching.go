// This file shows what the saved queries of the sample's stack tell of the access log, as CloudWatch Logs Insights would.

package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// watch runs saved queries over the access lines by the evaluator that the stack's tests use, and draws the first as a
// bar chart.
func (d *demo) watch(ctx context.Context) error {
	d.screen.scene("WATCHING", "what the saved queries of sample-function/template.yaml tell of these lines")
	for _, query := range []struct{ name, question string }{
		{"ErrorsOverTime", "errors in each five minutes"},
		{"WhoReadWhat", "who read what"},
		{"HitRate", "hit rate"},
		{"SlowestCalls", "slowest calls to AWS"},
	} {
		table, err := d.query(ctx, query.name)
		if err != nil {
			return err
		}
		if len(table) < 2 {
			return fmt.Errorf("the query %s finds nothing in the access log", query.name)
		}
		d.screen.remark("%s (%s)", query.question, query.name)
		if query.name == "ErrorsOverTime" {
			table = withBars(table)
		}
		for _, row := range table {
			d.screen.print("%s  %s", indent, row)
		}
	}
	return nil
}

// query returns the lines of a saved query's table, the columns' names first.
func (d *demo) query(ctx context.Context, name string) ([]string, error) {
	var lines, complaint bytes.Buffer
	for _, r := range parseReads(d.extension.output()) {
		lines.WriteString(r.line + "\n")
	}
	cmd := exec.CommandContext(ctx, d.settings.python, "-m", "cloudwatch", name)
	cmd.Dir = filepath.Join(d.settings.function, "..", "tests")
	cmd.Env = append(cmd.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdin, cmd.Stderr = &lines, &complaint
	table, err := cmd.Output()
	if err != nil {
		return nil, hint(fmt.Errorf("running the query %s: %w: %s", name, err, bytes.TrimSpace(complaint.Bytes())),
			"it is looked for in %s, beside the function of -function", cmd.Dir)
	}
	return strings.Split(strings.TrimRight(string(table), "\n"), "\n"), nil
}

// withBars draws a bar as long as the number at the end of each row.
func withBars(table []string) []string {
	drawn := []string{table[0]}
	for _, row := range table[1:] {
		fields := strings.Fields(row)
		if count, err := strconv.Atoi(fields[len(fields)-1]); err == nil {
			row += "  " + strings.Repeat("█", min(count, 60))
		}
		drawn = append(drawn, row)
	}
	return drawn
}
