// This file prints what happened, and what was wrong with it.

package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"larder/extension/internal/awstest"
)

// printSummary prints a line for each phase, and the totals.
func printSummary(w io.Writer, h *history) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "from\tfor\tweather\tof\treads\tstale\tfailed\tcalls: secrets\tparameters\tslowest\t")
	for i, p := range h.phases {
		last := i == len(h.phases)-1
		in := func(at moment) bool { return at >= p.from && (at < p.to || last) }
		var reads, old, failed int
		var slowest time.Duration
		for _, r := range h.reads {
			if !in(r.begin) || r.abandoned {
				continue
			}
			reads++
			if r.outcome == stale {
				old++
			}
			if r.failed() {
				failed++
			}
			slowest = max(slowest, r.took())
		}
		calls := make(map[awstest.Service]int)
		for _, c := range h.calls {
			if in(c.at) {
				calls[c.service]++
			}
		}
		of := string(p.service)
		switch {
		case p.weather == healthy:
			of = ""
		case of == "":
			of = "both"
		}
		fmt.Fprintf(table, "%v\t%v\t%v\t%s\t%d\t%d\t%d\t%d\t%d\t%v\t\n", rounded(p.from), rounded(p.to-p.from), p.weather, of,
			reads, old, failed, calls[awstest.SecretsManager], calls[awstest.ParameterStore], rounded(slowest))
	}
	table.Flush()
	printTotals(w, h)
}

func printTotals(w io.Writer, h *history) {
	count := make(map[string]int)
	abandoned, unheard := 0, 0
	for _, r := range h.reads {
		switch {
		case r.abandoned:
			abandoned++
		case r.broken != "":
			unheard++
		case r.refresh:
			count["refreshed"]++
		default:
			count[string(r.outcome)]++
		}
	}
	fmt.Fprintf(w, "\n%d reads: %d fresh, %d stale, %d from AWS, %d refreshed, %d remembered failures, %d without an answer, "+
		"%d abandoned\n", len(h.reads), count[string(fresh)], count[string(stale)], count[string(asked)], count["refreshed"],
		count[string(negative)], unheard, abandoned)
	var stalled time.Duration
	for _, s := range h.stalls {
		stalled += s.to - s.from
	}
	fmt.Fprintf(w, "%d calls at AWS over %d connections a service at most, %d invocations, %d changes, %d other log lines\n",
		len(h.calls), h.connections, len(h.invocations), len(h.changes), h.other)
	fmt.Fprintf(w, "before, at most, after: %d, %d, %d open files; %d, %d, %d threads; %.1f, %.1f, %.1f MiB resident\n",
		h.begin.files, h.most.files, h.end.files, h.begin.threads, h.most.threads, h.end.threads,
		mebibytes(h.begin.memory), mebibytes(h.most.memory), mebibytes(h.end.memory))
	fmt.Fprintf(w, "the machine stood still %d times, %v in all; the process ended %v after SHUTDOWN\n",
		len(h.stalls), rounded(stalled), rounded(h.ending))
}

func rounded(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// printVerdict prints each rule that was broken, with its first witnesses.
func printVerdict(w io.Writer, all []broken) {
	if len(all) == 0 {
		fmt.Fprintln(w, "\nNo rule was broken.")
	}
	for _, b := range all {
		fmt.Fprintf(w, "\nBROKEN, %d times: %s\n", b.count, b.rule)
		for _, witness := range b.witnesses {
			fmt.Fprintf(w, "  %s\n", witness)
		}
	}
}
