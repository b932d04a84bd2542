// Command soak keeps the executable of a layer zip under mixed load for a time, while faults at the pretended AWS
// come and go, and then holds all that happened against the rules of the cache.
//
//	go run ./extension/soak -layer build/larder-x86_64.zip [-time 60s] [-seed N]
//
// The seed decides the settings, the faults, the rotations and what each client asks for; it is printed, and given
// again it repeats them. What it does not repeat is how the machine's scheduler mixes them. The extension is met
// from outside, as a function, Lambda and AWS meet it: the soak must not import any of its rooms, only the two
// fakes. It exits with 0 if no rule was broken.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"larder/extension/internal/lambdatest"
)

const (
	shortest = 2 * time.Second
	longest  = 30 * time.Minute // all that happened is held in memory until it is judged
	// grace is what a run may take beyond its time: to start, to come to rest, to end, and to be judged.
	grace = time.Minute
)

// errBroken says that a rule was broken; what and how was printed by then.
var errBroken = errors.New("rules were broken")

func main() {
	layer := flag.String("layer", "", "the layer's zip, for this machine's architecture")
	length := flag.Duration("time", time.Minute, "how long to load it")
	seed := flag.Uint64("seed", 0, "the seed of a run that is to be repeated; 0 for a new one")
	flag.Parse()

	if err := run(*layer, *length, *seed); err != nil {
		fmt.Fprintf(os.Stderr, "soak: %v\n", err)
		os.Exit(1)
	}
}

func run(layer string, length time.Duration, seed uint64) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("a layer's executable runs on Linux, and this is %s", runtime.GOOS)
	}
	if length < shortest || length > longest {
		return fmt.Errorf("-time is %v: allowed is %v to %v", length, shortest, longest)
	}
	if seed == 0 {
		seed = uint64(rand.Uint32()) + 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, length+grace, fmt.Errorf("not done after %v", length+grace))
	defer cancel()

	folder, err := os.MkdirTemp("", "larder-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	executable, err := lambdatest.Unpack(layer, folder)
	if err != nil {
		return err
	}
	plan := newPlan(seed, length)
	fmt.Printf("soak: seed %d, %v, %v\n", seed, length, plan.settings)
	h, err := soak(ctx, executable, plan)
	if err != nil {
		return err
	}
	broken := judge(h)
	printSummary(os.Stdout, h)
	printVerdict(os.Stdout, broken)
	if len(broken) > 0 {
		return fmt.Errorf("%w: repeat it with -time %v -seed %d", errBroken, length, seed)
	}
	return nil
}
