package main

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// linkedOnce is linked, which takes a second or two. It has to be called in the root of the repository.
var linkedOnce = sync.OnceValues(func() ([]module, error) { return linked(shipped, architectures) })

// mustLinked is linked, and moves the test to the root of the repository.
func mustLinked(t *testing.T) []module {
	t.Helper()
	t.Chdir("../..")
	modules, err := linkedOnce()
	if err != nil {
		t.Fatal(err)
	}
	return modules
}

// The list in the repository is that of what is linked now.
func TestListIsCurrent(t *testing.T) {
	modules := mustLinked(t)
	want := string(document(modules))
	got, err := os.ReadFile("layer/licences/LICENCES.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("LICENCES.md is not current: go run ./layer/licences layer/licences/LICENCES.md")
	}
}

// Every licence is known and permitted, and no exception is there for nothing.
func TestNoCopyleft(t *testing.T) {
	used := make(map[string]bool)
	for _, m := range mustLinked(t) {
		if err := m.check(); err != nil {
			t.Error(err)
		}
		if licence, excepted := excepted[m.path]; excepted {
			used[m.path] = slices.Contains(m.licences(), licence)
		}
	}
	for path := range excepted {
		if !used[path] {
			t.Errorf("the exception for %s is not needed", path)
		}
	}
}

// What the Go linker itself says that the executables hold is what is listed, to the version.
func TestListIsOfTheExecutables(t *testing.T) {
	var want []string
	for _, m := range mustLinked(t) {
		if m.path != goItself {
			want = append(want, m.path+" "+m.version)
		}
	}
	var got []string
	for _, source := range shipped {
		for _, architecture := range architectures {
			executable := filepath.Join(t.TempDir(), "executable")
			build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "nethttpomithttp2", "-o", executable, source) // as scripts/build does
			build.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0", "GOARCH="+architecture)
			if output, err := build.CombinedOutput(); err != nil {
				t.Fatalf("building %s: %v\n%s", source, err, output)
			}
			info, err := buildinfo.ReadFile(executable)
			if err != nil {
				t.Fatal(err)
			}
			for _, dependency := range info.Deps {
				if line := dependency.Path + " " + dependency.Version; !slices.Contains(got, line) {
					got = append(got, line)
				}
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("linked are\n%s\nlisted are\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// They are listed for all architectures that the Makefile builds for.
func TestArchitectures(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, match := range regexp.MustCompile(`(?m)^goarch_\w+ *:= *(\w+)$`).FindAllSubmatch(makefile, -1) {
		want = append(want, string(match[1]))
	}
	if !slices.Equal(architectures, want) {
		t.Errorf("listed for %q, built for %q", architectures, want)
	}
}

// Every text between a package and its module's root counts, each once, and no other file does.
func TestRead(t *testing.T) {
	root := t.TempDir()
	folder := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"LICENSE", "NOTICE.txt", "a/licence.md", "a/license.go", "a/b/COPYING", "a/b/README", "a/b/LICENSE_of_a_part"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte("Business Source License"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var m module
	files := make(map[string]bool)
	for _, from := range []string{folder, folder, root} {
		if err := m.read(root, from, files); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, read := range m.texts {
		got = append(got, read.name)
	}
	slices.Sort(got)
	if want := []string{"LICENSE", "NOTICE.txt", "a/b/COPYING", "a/b/LICENSE_of_a_part", "a/licence.md"}; !slices.Equal(got, want) {
		t.Errorf("read are %q, want %q", got, want)
	}
	if got := m.licences(); !slices.Equal(got, []string{"BUSL"}) {
		t.Errorf("the licences are %q", got)
	}
}

// Licences are told apart, and what nobody has read is unknown.
func TestIdentify(t *testing.T) {
	const bsd = "Redistribution and use in source and binary\nforms …\n * Redistributions in binary form must reproduce …"
	for text, want := range map[string]string{
		"Apache License\n   Version 2.0, January 2004\n … 2. Grant of Copyright License.": "Apache-2.0",
		bsd:                                "BSD-2-Clause",
		bsd + "\nNeither the name of Acme": "BSD-3-Clause",
		"Permission is hereby granted, free of charge, … The above copyright notice and this\npermission notice shall be included": "MIT",
		"Mozilla Public License, version 2.0 … \"Covered Software\" … \"Secondary License\" means the GNU General Public License":  "MPL-2.0",
		"GNU GENERAL PUBLIC LICENSE\nVersion 3":                "GPL",
		"GNU LESSER GENERAL PUBLIC\nLICENSE":                   "LGPL",
		"GNU AFFERO GENERAL PUBLIC LICENSE":                    "AGPL",
		bsd + "\n---\nGNU General Public License for the rest": "BSD-2-Clause AND GPL",
		"Business Source License 1.1":                          "BUSL",
		"All rights reserved.":                                 unknown,
		"":                                                     unknown,
	} {
		if got := identify(text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

// Copyleft is refused wherever in a module it stands, and so are what is unknown, what is missing and what was replaced.
func TestCheckRefuses(t *testing.T) {
	licensed := func(path string, licences ...string) module {
		m := module{path: path}
		for i, licence := range licences {
			m.texts = append(m.texts, text{name: fmt.Sprint("LICENSE", i), licence: licence})
		}
		return m
	}
	replaced := licensed("example.com/a", "MIT")
	replaced.replaced = true
	for _, row := range []struct {
		module
		allowed bool
	}{
		{licensed("example.com/a", "MIT"), true},
		{licensed("example.com/a", "MIT", "Apache-2.0 AND BSD-3-Clause"), true},
		{licensed("example.com/a"), false},
		{licensed("example.com/a", ""), false}, // a notice alone
		{licensed("example.com/a", "MIT", unknown), false},
		{licensed("example.com/a", "MIT", "GPL"), false},
		{licensed("example.com/a", "BSD-2-Clause AND GPL"), false},
		{licensed("example.com/a", "MPL-2.0"), false},
		{licensed("github.com/hashicorp/golang-lru/v2", "MPL-2.0"), true},
		{licensed("github.com/hashicorp/golang-lru/v2", "MPL-2.0", "GPL"), false},
		{replaced, false},
	} {
		if err := row.check(); (err == nil) != row.allowed {
			t.Errorf("%v: %v", row.texts, err)
		}
	}
}
