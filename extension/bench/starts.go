// This file measures the start of a process, up to its first answer.

package main

import (
	"context"
	"time"
)

// measureStarts starts the players in turn. The first answer of the extension is a miss: AWS, which answers at once
// here, is asked for it, and the record is written.
func (b *bench) measureStarts(ctx context.Context) error {
	for range b.effort.starts {
		for p := range players {
			if err := b.measureStart(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) measureStart(ctx context.Context, p player) error {
	s, err := b.start(ctx, p)
	if err != nil {
		return err
	}
	defer s.end()
	c, err := dialWhenOpen(ctx, s.port)
	if err != nil {
		return s.broken(err)
	}
	defer c.close()
	open := time.Since(s.begun)
	if err := b.readHit(c); err != nil {
		return s.broken(err)
	}
	answered := time.Since(s.begun)
	cpu, err := s.cpu()
	if err != nil {
		return err
	}
	memory, err := s.memory("VmHWM")
	if err != nil {
		return err
	}
	if s.lambda != nil {
		registration, err := s.lambda.WaitRegistered(ctx)
		if err != nil {
			return err
		}
		b.figures.add("start: exec until registered", "ms", median, p, inMillis(registration.At.Sub(s.begun)))
	}
	b.figures.add("start: exec until the port is open", "ms", median, p, inMillis(open))
	b.figures.add("start: exec until the first answer", "ms", median, p, inMillis(answered))
	b.figures.add("start: CPU until then", "ms", median, p, inMillis(cpu))
	b.figures.add("start: peak memory until then", "MiB", median, p, memory)
	return nil
}

func inMillis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func inMicros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
