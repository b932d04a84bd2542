// This file makes the layer ready to run: unpacked, and with a port to serve on.

package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// unpack puts a layer's content where Lambda would put it, into a folder that stands for /opt, and returns the
// extension's executable.
func unpack(layer, opt string) (string, error) {
	archive, err := zip.OpenReader(layer)
	if err != nil {
		return "", hint(fmt.Errorf("opening the layer: %w", err),
			"build it with `make layer`, or run `make demo`, which does")
	}
	defer archive.Close()
	if err := os.CopyFS(opt, archive); err != nil {
		return "", fmt.Errorf("unpacking %s: %w", layer, err)
	}
	executables, err := filepath.Glob(filepath.Join(opt, "extensions", "*"))
	if err != nil {
		return "", err
	}
	if len(executables) != 1 {
		return "", fmt.Errorf("unpacking %s: it holds %d extensions, not one", layer, len(executables))
	}
	return executables[0], nil
}

// freePort finds a port that is free on both loopback addresses: the extension's own, if nobody has it.
func freePort(ctx context.Context) (int, error) {
	const standard, tries = 2773, 20
	port := standard
	for range tries {
		var listen net.ListenConfig
		first, err := listen.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		port = 0
		if err != nil {
			continue
		}
		found := first.Addr().(*net.TCPAddr).Port
		second, err := listen.Listen(ctx, "tcp6", net.JoinHostPort("::1", strconv.Itoa(found)))
		first.Close()
		if err == nil {
			second.Close()
		}
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) { // a machine without IPv6 does without
			return found, nil
		}
	}
	return 0, fmt.Errorf("none in %d tries", tries)
}
