// This file ends the environment, adds up, and gives the verdict.

package main

import (
	"context"
	"fmt"
	"time"
)

// shutdown is SHUTDOWN: the function goes first, then the extension is told and has two seconds.
func (d *demo) shutdown(ctx context.Context) error {
	now, most, err := d.extension.memory()
	if err != nil {
		return err
	}
	if err := d.function.end(ctx); err != nil {
		return fmt.Errorf("ending the function: %w", err)
	}
	const allowed = 2 * time.Second
	told := time.Now()
	d.lambda.Shutdown("spindown", allowed)
	late := fmt.Errorf("not within the %v that Lambda gives it", allowed)
	limited, cancel := context.WithTimeoutCause(ctx, allowed, late)
	defer cancel()
	if err := d.extension.wait(limited); err != nil {
		return err
	}
	d.screen.scene("SHUTDOWN", "the extension was told, and ended %s later with exit status 0", millis(time.Since(told)))
	if err := d.show(ctx); err != nil { // what a function of one's own may have read besides
		return err
	}
	if err := d.showLog(); err != nil {
		return err
	}
	if err := d.watch(ctx); err != nil {
		return err
	}
	return d.addUp(ctx, now, most)
}

// showLog quotes the access lines. All that was written is looked through first.
func (d *demo) showLog() error {
	for _, p := range []*process{d.extension, d.function.process} {
		for i, line := range p.output() {
			if d.screen.holdsHidden(line) {
				return fmt.Errorf("line %d that %s wrote holds a secret's value or a credential", i+1, p.name)
			}
		}
	}
	quoted, count := make(map[string]bool), 0
	all := parseReads(d.extension.output())
	d.screen.scene("ACCESS LOG", "%d lines, one a read; no value and no token in what extension and function wrote",
		len(all))
	for _, r := range all {
		if d.settings.wholeLog || !quoted[r.outcome()] {
			quoted[r.outcome()] = true
			d.screen.quote(r.line)
			count++
		}
	}
	if count < len(all) {
		d.screen.remark("and %d more like these; all with: go run ./extension/demo -log -layer %s",
			len(all)-count, d.settings.layer)
	}
	return nil
}

// addUp prints the account.
func (d *demo) addUp(ctx context.Context, memory, mostMemory int64) error {
	next, err := d.lambda.WaitNext(ctx, 1)
	if err != nil {
		return err
	}
	registered := d.lambda.Registrations()[0].At
	begun, state := d.extension.begun, d.extension.cmd.ProcessState
	slowest := make(map[string]float64)
	for _, r := range d.reads {
		slowest[r.outcome()] = max(slowest[r.outcome()], r.Duration)
	}
	d.screen.scene("IN ALL", "%d reads served, %d calls made to AWS", len(d.reads), d.aws.Counts.Of(""))
	d.screen.total("time of a read", "cold %s, cached %s, refreshed %s: the slowest of each",
		span(slowest["cold"]), span(slowest["cached"]), span(slowest["refreshed"]))
	d.screen.total("start-up", "registered after %s, waiting for events after %s",
		millis(registered.Sub(begun)), millis(next.Sub(begun)))
	d.screen.total("processor time", "%s from start to end", millis(state.UserTime()+state.SystemTime()))
	d.screen.total("memory", "%s, %s at most", mebibytes(memory), mebibytes(mostMemory))
	return nil
}

// verdict is nil if every read gave the expected value, and AWS was asked no more often than the record says.
func (d *demo) verdict() error {
	asked := 0
	for _, r := range d.reads {
		if r.outcome() != "cached" && r.outcome() != "remembered" {
			asked++
		}
	}
	switch calls := d.aws.Counts.Of(""); {
	case d.wrong > 0:
		return fmt.Errorf("%d of %d reads did not give the expected value", d.wrong, len(d.reads))
	case calls != asked:
		return fmt.Errorf("AWS was called %d times for %d reads that were not cached", calls, asked)
	}
	d.screen.print("")
	d.screen.print("%s", d.screen.style(green, "Every read gave the expected value."))
	return nil
}
