// This file measures how much is written down of reads.

package main

import (
	"context"
)

// measureRecords reads one value in many invocations, ten times in each, and counts the bytes that CloudWatch Logs would
// be paid for.
func (b *bench) measureRecords(ctx context.Context) error {
	for _, detail := range []string{"all", "summary", "none"} {
		if err := b.measureRecord(ctx, detail); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) measureRecord(ctx context.Context, detail string) error {
	const invocations, reads = 50, 10
	s, err := b.start(ctx, larder, "LARDER_ACCESS_LOG="+detail)
	if err != nil {
		return err
	}
	defer s.end()
	c, err := dialWhenOpen(ctx, s.port)
	if err != nil {
		return s.broken(err)
	}
	defer c.close()
	if err := b.readHit(c); err != nil {
		return s.broken(err)
	}
	if err := s.invoke(ctx); err != nil {
		return s.broken(err)
	}
	s.awaitLines(1)
	before := s.bytes.Load()
	for range invocations {
		for range reads {
			if err := b.readHit(c); err != nil {
				return s.broken(err)
			}
		}
		if err := s.invoke(ctx); err != nil {
			return s.broken(err)
		}
	}
	want := map[string]int64{"all": invocations * reads, "summary": invocations, "none": 0}[detail]
	s.awaitLines(1 + want)
	const million, megabyte = 1e6, 1e6
	written := float64(s.bytes.Load()-before) / (invocations * reads) * million / megabyte
	b.figures.add("record: a million cached reads, LARDER_ACCESS_LOG="+detail, "MB", median, larder, written)
	return nil
}
