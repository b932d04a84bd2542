// This file plays the part of Lambda that puts a layer in its place.

package lambdatest

import (
	"archive/zip"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// Unpack puts a layer's content into a folder that stands for /opt, and returns
// the path of the one extension in it.
func Unpack(layer, opt string) (string, error) {
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

// FreePort finds a port that is free on both loopback addresses, or on the one
// that there is: the preferred one if nobody has it (zero: none is preferred). It
// stays below the ports that Linux gives to outgoing connections, one of which
// could take it before the extension does.
func FreePort(preferred int) (int, error) {
	const lowest, highest, tries = 12_000, 32_000, 100
	port := preferred
	for range tries {
		if port != 0 && isFree(port) {
			return port, nil
		}
		port = lowest + rand.IntN(highest-lowest)
	}
	return 0, fmt.Errorf("looking for a free port: none in %d tries", tries)
}

func isFree(port int) bool {
	first, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	defer first.Close()
	any6, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return true // a machine without IPv6 does without
	}
	any6.Close()
	second, err := net.Listen("tcp6", net.JoinHostPort("::1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	second.Close()
	return true
}
