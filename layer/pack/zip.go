// This file decides every byte of the zip.

package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"regexp"
	"time"
)

// extensionName is what may stand in the header that the executable registers with and in a path of the layer.
var extensionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// epoch stands for the time of the build, which must not enter. It is the earliest time that a zip can hold.
var epoch = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// layerZip returns a zip with one entry, extensions/<name>, executable by everybody. Lambda unpacks a layer to /opt
// and starts what lies in /opt/extensions, so a second entry there would be a second extension.
func layerZip(name string, executable []byte) ([]byte, error) {
	if !extensionName.MatchString(name) {
		return nil, fmt.Errorf("name %q: want up to 128 letters, digits, dots, dashes and underscores", name)
	}
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	header := &zip.FileHeader{Name: "extensions/" + name, Method: zip.Deflate, Modified: epoch}
	// Set here and not taken from the file, whose mode depends on the builder's umask.
	header.SetMode(0o755)
	entry, err := archive.CreateHeader(header)
	if err != nil {
		return nil, fmt.Errorf("adding entry: %w", err)
	}
	if _, err := entry.Write(executable); err != nil {
		return nil, fmt.Errorf("compressing executable: %w", err)
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("closing zip: %w", err)
	}
	return buffer.Bytes(), nil
}
