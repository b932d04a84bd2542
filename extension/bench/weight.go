// This file measures memory and sizes.

package main

import (
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"os"
	"time"

	"larder/extension/internal/awstest"
)

// measureMemory reads the resident memory after the first read, and with a thousand secrets remembered.
func (b *bench) measureMemory(ctx context.Context) error {
	for _, kilobytes := range []int{1, 10} {
		if err := b.measureMemoryWith(ctx, kilobytes); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) measureMemoryWith(ctx context.Context, kilobytes int) error {
	const count = 1000
	names := b.put(fmt.Sprintf("bench/memory/%d", kilobytes), count, kilobytes<<10)
	return b.inTurns(ctx, 1, func(p player, s *server) error {
		if err := b.noteMemory(p, s, "memory: idle"); err != nil || p == bare {
			return err
		}
		c, err := dial(ctx, s.port)
		if err != nil {
			return err
		}
		defer c.close()
		if _, err := b.readEach(c, names, b.request); err != nil {
			return err
		}
		if err := b.noteMemory(p, s, fmt.Sprintf("memory: with 1000 secrets of %d KB", kilobytes)); err != nil {
			return err
		}
		calls := b.aws.Counts.Of(awstest.GetSecretValue)
		if _, err := b.readEach(c, names, b.request); err != nil {
			return err
		}
		if again := b.aws.Counts.Of(awstest.GetSecretValue) - calls; again > 0 {
			return fmt.Errorf("%d of the %d secrets were not remembered", again, count)
		}
		return nil
	})
}

func (b *bench) noteMemory(p player, s *server, name string) error {
	time.Sleep(b.effort.settling)
	memory, err := s.memory("VmRSS")
	if err == nil {
		b.figures.add(name, "MiB", median, p, memory)
	}
	return err
}

// measureSizes looks at the files. The bare server is compressed as a layer is.
func (b *bench) measureSizes(context.Context) error {
	const megabyte = 1e6
	zip, err := os.Stat(b.layer)
	if err != nil {
		return err
	}
	for p, executable := range [players]string{larder: b.extension, bare: b.bareServer} {
		content, err := os.ReadFile(executable)
		if err != nil {
			return err
		}
		b.figures.add("size: executable", "MB", median, player(p), float64(len(content))/megabyte)
		zipped := zip.Size()
		if player(p) == bare {
			var compressed bytes.Buffer
			writer, err := flate.NewWriter(&compressed, flate.BestCompression)
			if err != nil {
				return err
			}
			writer.Write(content)
			writer.Close()
			zipped = int64(compressed.Len())
		}
		b.figures.add("size: zip", "MB", median, player(p), float64(zipped)/megabyte)
	}
	return nil
}
