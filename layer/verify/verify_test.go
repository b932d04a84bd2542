package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A zip as the layer's build makes it passes, for each architecture, against its digest, its line in the checksums and
// its sizes.
func TestVerifyPassesGoodZip(t *testing.T) {
	t.Parallel()
	for architecture, goarch := range map[string]string{"x86_64": "amd64", "arm64": "arm64"} {
		path := mustWriteZip(t, "larder-"+architecture+".zip", file{"extensions/larder", 0o755, mustBuild(t, goarch, "-s -w")})
		sums := filepath.Join(t.TempDir(), "SHA256SUMS")
		mustWrite(t, sums, strings.Repeat("0", 64)+"  other.zip\n"+mustDigest(t, path)+"  "+filepath.Base(path)+"\n")
		sizes := filepath.Join(t.TempDir(), "size.json")
		checkVerified(t, path, options{sizes: sizes, record: true})
		checkVerified(t, path, options{digest: strings.ToUpper(mustDigest(t, path)), sums: sums, sizes: sizes})
		checkVerified(t, path, options{architecture: architecture})
	}
}

// Each way in which a zip can be broken is told, by a word that names it.
func TestVerifyRefusesBrokenZips(t *testing.T) {
	t.Parallel()
	good := mustBuild(t, "amd64", "-s -w")
	symbols, debugging := mustBuild(t, "amd64", "-w"), mustBuild(t, "amd64", "")
	arm64 := mustBuild(t, "arm64", "-s -w")
	larder := func(mode fs.FileMode, content []byte) file { return file{"extensions/larder", mode, content} }
	for name, c := range map[string]struct {
		files []file
		want  string
	}{
		"no file":             {nil, "entries: it has 0"},
		"two executables":     {[]file{larder(0o755, good), {"extensions/other", 0o755, good}}, `"extensions/other"`},
		"a file beside":       {[]file{larder(0o755, good), {"README.md", 0o644, nil}}, "entries: it has 2"},
		"the folder":          {[]file{{"extensions/", fs.ModeDir | 0o755, nil}, larder(0o755, good)}, "entries: it has 2"},
		"another name":        {[]file{{"extensions/pantry", 0o755, good}}, `name: its file is "extensions/pantry"`},
		"another place":       {[]file{{"larder", 0o755, good}}, `name: its file is "larder"`},
		"a way out":           {[]file{{"extensions/../../larder", 0o755, good}}, "name: its file is"},
		"not executable":      {[]file{larder(0o644, good)}, "mode: -rw-r--r--"},
		"writable by all":     {[]file{larder(0o777, good)}, "mode: -rwxrwxrwx"},
		"runs as its owner":   {[]file{larder(fs.ModeSetuid|0o755, good)}, "mode: u"},
		"a link":              {[]file{larder(fs.ModeSymlink|0o755, []byte("/bin/sh"))}, "mode: L"},
		"a script":            {[]file{larder(0o755, []byte("#!/bin/sh\n"))}, "reading ELF header"},
		"other architecture":  {[]file{larder(0o755, arm64)}, "architecture: built for EM_AARCH64"},
		"dynamically linked":  {[]file{larder(0o755, withLoader(good))}, "static:"},
		"symbols":             {[]file{larder(0o755, symbols)}, "it carries symbols"},
		"debugging":           {[]file{larder(0o755, debugging)}, "it carries symbols"},
		"no program":          {[]file{larder(0o755, withType(good, 4))}, "its ELF type is ET_CORE"},
		"cut short":           {[]file{larder(0o755, good[:40])}, "reading ELF header"},
		"several faults, one": {[]file{{"extensions/pantry", 0o644, withLoader(arm64)}}, "static:"},
		"several faults, two": {[]file{{"extensions/pantry", 0o644, withLoader(arm64)}}, "mode:"},
	} {
		t.Run(name, func(t *testing.T) {
			checkRefused(t, mustWriteZip(t, "larder-x86_64.zip", c.files...), options{}, c.want)
		})
	}
}

// A zip that was cut, changed or is none is told apart from one that was packed wrongly.
func TestVerifyRefusesDamagedZips(t *testing.T) {
	t.Parallel()
	whole := mustRead(t, mustWriteZip(t, "larder-arm64.zip", file{"extensions/larder", 0o755, mustBuild(t, "arm64", "-s -w")}))
	flipped := slices.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"no zip":       {[]byte("<html>Not Found</html>"), "reading zip"},
		"empty":        {nil, "reading zip"},
		"cut short":    {whole[:len(whole)-30], "reading zip"},
		"a bit turned": {flipped, `unpacking "extensions/larder"`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "larder-arm64.zip")
			mustWrite(t, path, string(c.content))
			checkRefused(t, path, options{}, c.want)
		})
	}
}

// A zip whose executable would be larger than Lambda takes is refused before it is unpacked.
func TestVerifyRefusesBombs(t *testing.T) {
	t.Parallel()
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	header := &zip.FileHeader{Name: "extensions/larder", Method: zip.Deflate, UncompressedSize64: unpackedLimit + 1}
	header.SetMode(0o755)
	if _, err := archive.CreateRaw(header); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "larder-arm64.zip")
	mustWrite(t, path, buffer.String())
	checkRefused(t, path, options{}, "size: 262144001 bytes unpacked")
}

// A good zip is refused for what it is held against: another digest, a list that tells another or none, no architecture.
func TestVerifyRefusesWhatIsNotAskedFor(t *testing.T) {
	t.Parallel()
	program := mustBuild(t, "amd64", "-s -w")
	path := mustWriteZip(t, "larder-x86_64.zip", file{"extensions/larder", 0o755, program})
	sums := filepath.Join(t.TempDir(), "SHA256SUMS")
	// A name that merely ends like the zip's, or begins like it, is not the zip's.
	mustWrite(t, sums, mustDigest(t, path)+"  my-larder-x86_64.zip\n"+mustDigest(t, path)+" *larder-x86_64.zip.old\n")
	wrong := filepath.Join(t.TempDir(), "WRONG")
	mustWrite(t, wrong, strings.Repeat("0", 64)+" *larder-x86_64.zip\n")

	checkRefused(t, path, options{digest: strings.Repeat("0", 64)}, "digest: it has")
	checkRefused(t, path, options{sums: sums}, "does not list larder-x86_64.zip")
	checkRefused(t, path, options{sums: wrong}, "lists 000")
	checkRefused(t, path, options{sums: sums + ".none"}, "reading checksums")
	checkRefused(t, path, options{architecture: "arm64"}, "architecture: built for EM_X86_64")
	checkRefused(t, path, options{architecture: "amd64"}, `architecture "amd64"`)
	checkRefused(t, path, options{name: "AWSParametersAndSecretsLambdaExtension"}, "name:")
	checkRefused(t, path+".none", options{architecture: "arm64"}, "reading zip")
	checkRefused(t, mustWriteZip(t, "layer.zip", file{"extensions/larder", 0o755, program}), options{}, "say -architecture")
}

type file struct {
	name    string
	mode    fs.FileMode
	content []byte
}

func mustWriteZip(t *testing.T, name string, files ...file) string {
	t.Helper()
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	for _, f := range files {
		// Compressing takes ten times as long as all else here, with the race detector.
		header := &zip.FileHeader{Name: f.name, Method: zip.Store}
		header.SetMode(f.mode)
		entry, err := archive.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		if len(f.content) > 0 {
			if _, err := entry.Write(f.content); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	mustWrite(t, path, buffer.String())
	return path
}

func mustWrite(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func mustDigest(t *testing.T, path string) string {
	t.Helper()
	digest := sha256.Sum256(mustRead(t, path))
	return hex.EncodeToString(digest[:])
}

func checkVerified(t *testing.T, path string, o options) {
	t.Helper()
	if o.name == "" {
		o.name = "larder"
	}
	var report bytes.Buffer
	if err := verify(&report, path, o); err != nil {
		t.Errorf("refused: %v", err)
	}
	if digest := mustDigest(t, path); !strings.Contains(report.String(), digest) {
		t.Errorf("the report lacks the digest %s:\n%s", digest, &report)
	}
}

func checkRefused(t *testing.T, path string, o options, want string) {
	t.Helper()
	if o.name == "" {
		o.name = "larder"
	}
	err := verify(io.Discard, path, o)
	if err == nil {
		t.Errorf("%s was accepted, want an error with %q", path, want)
	} else if !strings.Contains(err.Error(), want) {
		t.Errorf("error = %q, want %q in it", err, want)
	}
}
