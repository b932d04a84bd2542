// Command pack writes the zip that Lambda takes as a layer: one executable under extensions/, and nothing else.
//
//	go run ./layer/pack -executable build/x86_64/larder -name larder -architecture x86_64 -out build/larder-x86_64.zip
//
// The same executable and name give the same bytes on every machine. Before it writes, pack looks whether Lambda
// could run the executable at all: right architecture, linked statically. It prints the sizes and the digests that a
// user compares, among them CodeSha256 as Lambda's API shows it for a published layer version.
//
// It knows nothing of what the executable does, and publishes nothing.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	executable := flag.String("executable", "", "the executable to pack")
	name := flag.String("name", "larder", "the executable's name in the layer, under which it registers with Lambda")
	architecture := flag.String("architecture", "x86_64", "the architecture it must be for: x86_64 or arm64")
	out := flag.String("out", "", "the zip to write")
	flag.Parse()

	if err := pack(os.Stdout, *executable, *name, *architecture, *out); err != nil {
		fmt.Fprintf(os.Stderr, "pack: %v\n", err)
		os.Exit(1)
	}
}

// pack checks the executable, writes the zip and reports on it to w.
func pack(w io.Writer, executable, name, architecture, out string) error {
	content, err := os.ReadFile(executable)
	if err != nil {
		return fmt.Errorf("reading executable: %w", err)
	}
	if err := checkExecutable(bytes.NewReader(content), architecture); err != nil {
		return fmt.Errorf("checking %s: %w", executable, err)
	}
	zipped, err := layerZip(name, content)
	if err != nil {
		return fmt.Errorf("zipping layer: %w", err)
	}
	if err := writeWhole(out, zipped); err != nil {
		return fmt.Errorf("writing layer: %w", err)
	}
	report(w, out, name, architecture, len(content), zipped)
	return nil
}

// writeWhole writes the file under another name first, so that a build that is stopped leaves no half zip behind.
func writeWhole(path string, content []byte) error {
	partial, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(partial.Name()) // Fails, as it should, once the file has its final name.
	if _, err := partial.Write(content); err != nil {
		partial.Close()
		return err
	}
	if err := partial.Chmod(0o644); err != nil {
		partial.Close()
		return err
	}
	if err := partial.Close(); err != nil {
		return err
	}
	return os.Rename(partial.Name(), path)
}

// report prints one line a fact: a person reads it, and a release script can cut it.
func report(w io.Writer, out, name, architecture string, executableSize int, zipped []byte) {
	digest := sha256.Sum256(zipped)
	fmt.Fprintf(w, "%s\n", out)
	fmt.Fprintf(w, "  architecture  %s\n", architecture)
	fmt.Fprintf(w, "  executable    extensions/%s, %d bytes\n", name, executableSize)
	fmt.Fprintf(w, "  zip           %d bytes\n", len(zipped))
	fmt.Fprintf(w, "  sha256        %x\n", digest)
	fmt.Fprintf(w, "  CodeSha256    %s\n", base64.StdEncoding.EncodeToString(digest[:]))
}
