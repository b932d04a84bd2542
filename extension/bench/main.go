// Command bench measures the executable of a layer zip, beside a bare Go server that writes the same bytes: start,
// cached reads, misses, outages, crowds, memory and size, in one run and as ratios.
//
//	go run ./extension/bench -layer build/larder-x86_64.zip [-quick] [-json FILE]
//
// The two take turns within each measure, so that a noisy moment of the machine hits both. The milliseconds are the
// machine's own; what can be compared between machines, and between two versions on one, are the ratios and the
// counts. The extension is met from outside, as a function and Lambda meet it: the bench must not import any of its
// rooms, only the two fakes. Allocations, which cannot be seen from outside, come from the rooms' own benchmarks.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// longest bounds the whole run, which takes less than two minutes.
const longest = 5 * time.Minute

func main() {
	layer := flag.String("layer", "", "the layer's zip, for this machine's architecture")
	quick := flag.Bool("quick", false, "measure less often, for a first look")
	output := flag.String("json", "", "a file to write the figures to as well")
	flag.Parse()

	if err := run(*layer, *quick, *output); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(layer string, quick bool, output string) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("a layer's executable runs on Linux, and this is %s", runtime.GOOS)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, longest, fmt.Errorf("not done after %v", longest))
	defer cancel()

	b, err := prepare(ctx, layer, effortOf(quick))
	if err != nil {
		return err
	}
	defer b.close()
	fmt.Printf("Larder beside a bare Go server that writes the same bytes: %s, %s/%s, %d processors\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	for _, measure := range []struct {
		what string
		take func(context.Context) error
	}{
		{"starts", b.measureStarts},
		{"cached reads", b.measureHits},
		{"load", b.measureLoad},
		{"misses", b.measureMisses},
		{"outages", b.measureOutages},
		{"crowds", b.measureCrowds},
		{"records", b.measureRecords},
		{"memory", b.measureMemory},
		{"sizes", b.measureSizes},
		{"rooms", b.measureRooms},
	} {
		fmt.Fprintf(os.Stderr, "bench: measuring %s\n", measure.what)
		if err := measure.take(ctx); ctx.Err() != nil {
			return context.Cause(ctx)
		} else if err != nil {
			return fmt.Errorf("measuring %s: %w", measure.what, err)
		}
	}
	if err := b.figures.print(os.Stdout); err != nil {
		return err
	}
	if output == "" {
		return nil
	}
	return b.figures.write(output)
}

// effort is how often things are measured.
type effort struct {
	starts     int           // of each player
	rounds     int           // of cached reads and of load, by each player
	reads      int           // cached ones in a round, on one connection
	load       time.Duration // of a round, at each number of connections
	misses     int           // in all
	outage     time.Duration // of each kind
	settling   time.Duration // that a process gets to come to rest before its memory is read
	benchmarks string        // go test's -benchtime
}

func effortOf(quick bool) effort {
	const settling = 500 * time.Millisecond
	if quick {
		return effort{7, 3, 1000, 400 * time.Millisecond, 200, 2 * time.Second, settling, "1000x"}
	}
	return effort{25, 8, 3000, 1500 * time.Millisecond, 1000, 10 * time.Second, settling, "0.5s"}
}
