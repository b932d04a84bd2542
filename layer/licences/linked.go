package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// goItself is the path under which Go's standard library and runtime are listed.
const goItself = "Go's standard library and runtime"

// module is one that is linked, or the Go distribution.
type module struct {
	path, version string
	replaced      bool // by another one's code, or by a folder
	texts         []text
}

// text is a file with a licence, or with notices that a licence wants to be handed on.
type text struct {
	name    string // within the module
	content string
	licence string // its SPDX identifier; empty for a notice
}

// listed is what `go list -json` tells of a package.
type listed struct {
	ImportPath string
	Dir        string
	Standard   bool
	Module     *struct {
		Path, Version, Dir string
		Main               bool
		Replace            *struct{ Path string }
	}
}

// linked returns the modules that any of the executables holds a package of, by their paths. Larder's own is not
// among them.
func linked(executables, architectures []string) ([]module, error) {
	modules := make(map[string]*module)
	files := make(map[string]bool) // that are read already
	for _, architecture := range architectures {
		packages, err := dependencies(executables, architecture)
		if err != nil {
			return nil, err
		}
		for _, p := range packages {
			m, root := module{path: goItself, version: "GO_VERSION"}, ""
			switch {
			case p.Standard:
				if root, err = goroot(); err != nil {
					return nil, err
				}
				p.Dir = root // what Go has vendored is of its own authors
			case p.Module == nil:
				return nil, fmt.Errorf("%s is of no module", p.ImportPath)
			case p.Module.Main:
				continue
			default:
				m, root = module{path: p.Module.Path, version: p.Module.Version, replaced: p.Module.Replace != nil}, p.Module.Dir
			}
			if modules[m.path] == nil {
				modules[m.path] = &m
			}
			if err := modules[m.path].read(root, p.Dir, files); err != nil {
				return nil, err
			}
		}
	}
	var all []module
	for _, m := range modules {
		slices.SortFunc(m.texts, func(a, b text) int { return strings.Compare(a.name, b.name) })
		all = append(all, *m)
	}
	slices.SortFunc(all, func(a, b module) int { return strings.Compare(a.path, b.path) })
	return all, nil
}

// dependencies asks the go command for all packages of the executables, as scripts/build builds them.
func dependencies(executables []string, architecture string) ([]listed, error) {
	command := exec.Command("go", append([]string{"list", "-deps", "-mod=readonly", "-tags", "nethttpomithttp2", "-json"}, executables...)...)
	command.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0", "GOFLAGS=", "GOARCH="+architecture)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("listing dependencies: %w\n%s", err, complaint.String())
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading dependencies: %w", err)
		}
		packages = append(packages, p)
	}
}

func goroot() (string, error) {
	output, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("finding Go: %w", err)
	}
	return strings.TrimSpace(string(output)), nil
}

var licenceFile = regexp.MustCompile(`(?i)^(?:un)?(?:licen[cs]e|copying|copyright|notice)(?:[-_.].*)?$`)

// read adds the texts that stand between a folder and the module's root.
func (m *module) read(root, folder string, files map[string]bool) error {
	for {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return fmt.Errorf("reading %s: %w", m.path, err)
		}
		for _, entry := range entries {
			path := filepath.Join(folder, entry.Name())
			if entry.IsDir() || strings.HasSuffix(path, ".go") || !licenceFile.MatchString(entry.Name()) || files[path] {
				continue
			}
			files[path] = true
			content, err := os.ReadFile(path)
			if err != nil {
				return fmt.Errorf("reading a licence of %s: %w", m.path, err)
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				return fmt.Errorf("naming a licence of %s: %w", m.path, err)
			}
			read := text{name: filepath.ToSlash(name), content: string(content)}
			if !strings.HasPrefix(strings.ToLower(entry.Name()), "notice") {
				read.licence = identify(read.content)
			}
			m.texts = append(m.texts, read)
		}
		if folder == root || len(folder) <= len(root) {
			return nil
		}
		folder = filepath.Dir(folder)
	}
}
