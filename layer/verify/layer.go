// This file decides what a layer of one extension looks like.

package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// unpackedLimit is what Lambda lets a function and its layers have together, 250 MB. Nothing larger is unpacked here:
// a zip of few bytes can hold an endless file.
const unpackedLimit = 250 << 20

// checkLayer returns the zip's executable, and all that is wrong with the zip around it. The executable is nil when
// the zip holds none that can be read.
func checkLayer(zipped []byte, name string) ([]byte, error) {
	archive, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		return nil, fmt.Errorf("reading zip: %w", err)
	}
	if len(archive.File) != 1 {
		faults := []error{fmt.Errorf("entries: it has %d, want extensions/%s alone", len(archive.File), name)}
		for _, entry := range archive.File {
			faults = append(faults, fmt.Errorf("  %q", entry.Name))
		}
		return nil, errors.Join(faults...)
	}
	entry := archive.File[0]
	var faults []error
	if want := "extensions/" + name; entry.Name != want {
		faults = append(faults, fmt.Errorf("name: its file is %q, want %q", entry.Name, want))
	}
	// The whole mode: neither a link, nor a file that runs as its owner, nor one that others may write.
	if want := fs.FileMode(0o755); entry.Mode() != want {
		faults = append(faults, fmt.Errorf("mode: %v, want %v", entry.Mode(), want))
	}
	executable, err := unpack(entry)
	if err != nil {
		faults = append(faults, err)
	}
	return executable, errors.Join(faults...)
}

// unpack returns the entry's content, after comparing it with the checksum in the zip.
func unpack(entry *zip.File) ([]byte, error) {
	if entry.UncompressedSize64 > unpackedLimit {
		return nil, fmt.Errorf("size: %d bytes unpacked, more than Lambda's %d", entry.UncompressedSize64, unpackedLimit)
	}
	reader, err := entry.Open()
	if err != nil {
		return nil, fmt.Errorf("opening %q: %w", entry.Name, err)
	}
	defer reader.Close()
	// The reader itself ends with an error at more bytes than the entry says.
	content, err := io.ReadAll(reader)
	if err != nil {
		return nil, fmt.Errorf("unpacking %q: %w", entry.Name, err)
	}
	return content, nil
}
