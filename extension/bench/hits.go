// This file measures cached reads: one after the other, and many at once.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// readHit reads the secret of all cached reads, and checks the answer to the byte.
func (b *bench) readHit(c *client) error {
	body, _, err := c.get(b.hit) // 200, or an error
	if err == nil && !bytes.Equal(body, b.body) {
		err = errors.New("the answer's body is not the right one")
	}
	return err
}

// measureHits reads on one keep-alive connection, one read after the other.
func (b *bench) measureHits(ctx context.Context) error {
	return b.inTurns(ctx, b.effort.rounds, func(p player, s *server) error {
		c, err := dialWhenOpen(ctx, s.port)
		if err != nil {
			return err
		}
		defer c.close()
		took := make([]float64, b.effort.reads)
		before, err := s.cpu()
		if err != nil {
			return err
		}
		for i := range took {
			begun := time.Now()
			if err := b.readHit(c); err != nil {
				return err
			}
			took[i] = inMicros(time.Since(begun))
		}
		after, err := s.cpu()
		if err != nil {
			return err
		}
		const section = "cached read, 1 connection: "
		b.figures.add(section+"p50", "µs", lowest, p, percentile(took, 50))
		b.figures.add(section+"p99", "µs", median, p, percentile(took, 99))
		b.figures.add(section+"CPU a read", "µs", lowest, p, inMicros(after-before)/float64(len(took)))
		return nil
	})
}

// measureLoad reads on many connections at once, as fast as they go.
func (b *bench) measureLoad(ctx context.Context) error {
	for _, connections := range []int{8, 64} {
		section := fmt.Sprintf("cached read, %d connections: ", connections)
		err := b.inTurns(ctx, (b.effort.rounds+1)/2, func(p player, s *server) error {
			before, err := s.cpu()
			if err != nil {
				return err
			}
			lines := s.lines.Load()
			reads, took, err := b.load(ctx, s.port, connections)
			if err != nil {
				return err
			}
			after, err := s.cpu()
			if err != nil {
				return err
			}
			b.figures.add(section+"CPU a read", "µs", lowest, p, inMicros(after-before)/float64(reads))
			b.figures.add(section+"reads a second", "1/s", highest, p, float64(reads)/took.Seconds())
			if p == larder {
				written := s.awaitLines(lines+reads) - lines
				b.figures.add(section+"access lines a read", "", median, p, float64(written)/float64(reads))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// load reads on so many connections for the time of a round.
func (b *bench) load(ctx context.Context, port, connections int) (reads int64, took time.Duration, err error) {
	clients := make([]*client, connections)
	for i := range clients {
		if clients[i], err = dialWhenOpen(ctx, port); err != nil {
			return 0, 0, err
		}
		defer clients[i].close()
	}
	var (
		all    sync.WaitGroup
		done   atomic.Int64
		over   atomic.Bool
		failed = make([]error, connections)
	)
	begun := time.Now()
	defer time.AfterFunc(b.effort.load, func() { over.Store(true) }).Stop()
	for i, c := range clients {
		all.Go(func() {
			for !over.Load() && failed[i] == nil {
				failed[i] = b.readHit(c)
				done.Add(1)
			}
		})
	}
	all.Wait()
	return done.Load(), time.Since(begun), errors.Join(failed...)
}

// inTurns lets both players serve, and measures one and the other, so many times.
func (b *bench) inTurns(ctx context.Context, rounds int, measure func(player, *server) error) error {
	var servers [players]*server
	for p := range players {
		s, err := b.start(ctx, p)
		if err != nil {
			return err
		}
		defer s.end()
		c, err := dialWhenOpen(ctx, s.port)
		if err != nil {
			return s.broken(err)
		}
		err = b.readHit(c) // from now on it is cached
		c.close()
		if err != nil {
			return s.broken(err)
		}
		if p == larder {
			s.awaitLines(1) // the record of that read, which is not one of those to come
			if err := s.invoke(ctx); err != nil {
				return s.broken(err)
			}
		}
		servers[p] = s
	}
	for range rounds {
		for p, s := range servers {
			if err := measure(player(p), s); err != nil {
				return s.broken(err)
			}
		}
	}
	return nil
}
