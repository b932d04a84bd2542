// This file makes the layer ready to run: unpacked, and with a port to serve on.

package main

import (
	"archive/zip"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// unpack puts a layer's content into a folder that stands for /opt, and returns the extension's executable.
func unpack(layer, opt string) (string, error) {
	archive, err := zip.OpenReader(layer)
	if err != nil {
		return "", fmt.Errorf("opening the layer, which `make layer` builds: %w", err)
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

// freePort finds a port that is free on 127.0.0.1. It stays below the ports that Linux gives to outgoing
// connections, one of which could take it before the extension does.
func freePort() (int, error) {
	const lowest, highest, tries = 12_000, 32_000, 100
	for range tries {
		port := lowest + rand.IntN(highest-lowest)
		listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			listener.Close()
			return port, nil
		}
	}
	return 0, fmt.Errorf("looking for a free port: none in %d tries", tries)
}
