// Command verify checks a layer zip, built here or downloaded, before anybody attaches it to a function.
//
//	go run ./layer/verify build/larder-arm64.zip
//	go run ./layer/verify -sums SHA256SUMS larder-arm64.zip
//
// The zip must hold one executable, with the mode, the place and the name that Lambda needs, linked statically, for
// the architecture that the zip's name tells; it must have the digest that the list of checksums tells; and it must
// not have grown past the size gate (see size.go). What is wrong is told in full: one run names every fault.
//
// It runs nothing of the zip, and asks nobody.
package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// options say what the zip is held against. Empty ones are not checked, but for the architecture.
type options struct {
	architecture string // empty: what stands in the zip's name before ".zip"
	name         string // of the executable in the layer
	digest       string // SHA-256 in hexadecimal
	sums         string // a file as sha256sum writes it
	sizes        string // the size gate's file
	record       bool   // write the sizes to that file instead of checking them
}

func main() {
	var o options
	flag.StringVar(&o.architecture, "architecture", "", "x86_64 or arm64 (default: as the zip's name says)")
	flag.StringVar(&o.name, "name", "larder", "the executable's name in the layer")
	flag.StringVar(&o.digest, "digest", "", "the SHA-256 that the zip must have, in hexadecimal")
	flag.StringVar(&o.sums, "sums", "", "a file of checksums, as sha256sum writes it, that must list the zip")
	flag.StringVar(&o.sizes, "sizes", "", "the size gate's file (default: no gate)")
	flag.BoolVar(&o.record, "record", false, "write the zip's sizes to the size gate's file instead of checking them")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: verify [flags] ZIP")
		flag.PrintDefaults()
		os.Exit(2)
	}
	if err := verify(os.Stdout, flag.Arg(0), o); err != nil {
		fmt.Fprintf(os.Stderr, "verify: %s is not what it should be:\n%v\n", flag.Arg(0), err)
		os.Exit(1)
	}
}

// verify reports on the zip to w, and returns all that is wrong with it.
func verify(w io.Writer, path string, o options) error {
	architecture, err := architectureOf(path, o.architecture)
	if err != nil {
		return err
	}
	zipped, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading zip: %w", err)
	}
	digest := sha256.Sum256(zipped)
	faults := []error{checkDigest(path, hex.EncodeToString(digest[:]), o)}
	executable, err := checkLayer(zipped, o.name)
	faults = append(faults, err)
	if executable != nil {
		faults = append(faults, checkExecutable(executable, architecture))
	}

	fmt.Fprintf(w, "%s\n", path)
	fmt.Fprintf(w, "  architecture  %s\n", architecture)
	fmt.Fprintf(w, "  executable    extensions/%s, %d bytes\n", o.name, len(executable))
	fmt.Fprintf(w, "  zip           %d bytes\n", len(zipped))
	fmt.Fprintf(w, "  sha256        %x\n", digest)
	fmt.Fprintf(w, "  CodeSha256    %s\n", base64.StdEncoding.EncodeToString(digest[:]))

	if o.sizes != "" && executable != nil {
		now := size{Executable: int64(len(executable)), Zip: int64(len(zipped))}
		if o.record {
			// Sizes of a zip with faults would let the next faulty one pass.
			if err := errors.Join(faults...); err != nil {
				return err
			}
			return recordSize(o.sizes, architecture, now)
		}
		faults = append(faults, checkSize(w, o.sizes, architecture, now))
	}
	return errors.Join(faults...)
}

// architectureOf returns the architecture that is asked for, or else the one that the zip's name ends in.
func architectureOf(path, asked string) (string, error) {
	if asked != "" {
		if _, known := machines[asked]; !known {
			return "", fmt.Errorf("architecture %q: want x86_64 or arm64", asked)
		}
		return asked, nil
	}
	name := strings.TrimSuffix(filepath.Base(path), ".zip")
	for architecture := range machines {
		if strings.HasSuffix(name, "-"+architecture) {
			return architecture, nil
		}
	}
	return "", errors.New("its name ends neither in -x86_64.zip nor in -arm64.zip: say -architecture")
}

// checkDigest holds the zip's digest against the one that was given and the one in the list of checksums.
func checkDigest(path, digest string, o options) error {
	var faults []error
	if o.digest != "" && !strings.EqualFold(o.digest, digest) {
		faults = append(faults, fmt.Errorf("digest: it has %s, want %s", digest, o.digest))
	}
	if o.sums == "" {
		return errors.Join(faults...)
	}
	listed, err := digestIn(o.sums, filepath.Base(path))
	switch {
	case err != nil:
		faults = append(faults, err)
	case !strings.EqualFold(listed, digest):
		faults = append(faults, fmt.Errorf("digest: it has %s, and %s lists %s", digest, o.sums, listed))
	}
	return errors.Join(faults...)
}

// digestIn returns the digest that a file of sha256sum lists for the name.
func digestIn(sums, name string) (string, error) {
	content, err := os.ReadFile(sums)
	if err != nil {
		return "", fmt.Errorf("reading checksums: %w", err)
	}
	for line := range strings.Lines(string(content)) {
		// Between the two stands a space, and then a space for text or a star for binary.
		digest, listed, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if len(listed) > 1 && listed[1:] == name {
			return digest, nil
		}
	}
	return "", fmt.Errorf("digest: %s does not list %s", sums, name)
}
