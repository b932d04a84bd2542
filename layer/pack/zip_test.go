package main

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"testing"
)

// A layer holds exactly one file, at the place where Lambda looks for extensions, executable, with the bytes given.
func TestLayerZipHoldsOneExecutable(t *testing.T) {
	executable := bytes.Repeat([]byte("extension "), 10_000)
	archive := mustOpenZip(t, mustZip(t, "AWSParametersAndSecretsLambdaExtension", executable))
	if len(archive.File) != 1 {
		t.Fatalf("entries = %d, want 1", len(archive.File))
	}
	entry := archive.File[0]
	if want := "extensions/AWSParametersAndSecretsLambdaExtension"; entry.Name != want {
		t.Errorf("entry = %q, want %q", entry.Name, want)
	}
	if want := fs.FileMode(0o755); entry.Mode() != want {
		t.Errorf("mode = %v, want %v", entry.Mode(), want)
	}
	if entry.Method != zip.Deflate || entry.CompressedSize64 >= entry.UncompressedSize64 {
		t.Errorf("method %d, %d of %d bytes, want deflated", entry.Method, entry.CompressedSize64, entry.UncompressedSize64)
	}
	if !entry.Modified.Equal(epoch) {
		t.Errorf("modified = %v, want %v, whenever it was built", entry.Modified, epoch)
	}
	reader, err := entry.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	unpacked, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(unpacked, executable) {
		t.Error("the unpacked executable differs from the packed one")
	}
}

// The same input gives the same bytes: users compare a layer's digest with the one they built.
func TestLayerZipIsReproducible(t *testing.T) {
	executable := bytes.Repeat([]byte("extension "), 10_000)
	if !bytes.Equal(mustZip(t, "larder", executable), mustZip(t, "larder", executable)) {
		t.Error("two zips of one executable differ")
	}
}

// A name that could leave extensions/ or break the registration's header is refused.
func TestLayerZipRefusesNames(t *testing.T) {
	for _, name := range []string{"", ".", "..", "../larder", "a/b", "a b", "a\nb", ".hidden"} {
		if _, err := layerZip(name, []byte("extension")); err == nil {
			t.Errorf("name %q was accepted", name)
		}
	}
}

func mustZip(t *testing.T, name string, executable []byte) []byte {
	t.Helper()
	zipped, err := layerZip(name, executable)
	if err != nil {
		t.Fatal(err)
	}
	return zipped
}

func mustOpenZip(t *testing.T, zipped []byte) *zip.Reader {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		t.Fatal(err)
	}
	return archive
}
