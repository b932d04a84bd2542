package main

import (
	"bytes"
	"fmt"
	"strings"
)

// document is the list, and each text once.
func document(modules []module) []byte {
	var page bytes.Buffer
	page.WriteString(`# What is linked, and its licences

Made by ` + "`go run ./layer/licences layer/licences/LICENCES.md`" + `, and checked by a test. It is what the executable holds for
both architectures; what only tests and tools use is not in it. Larder itself is under [Apache-2.0](../../LICENSE).
Who gives the executable away gives this file along with it.

The source of a module is what the Go module proxy, or its repository, has under this version. Nothing of it is changed.

| module | version | licences |
|---|---|---|
`)
	for _, m := range modules {
		version := m.version
		if m.path == goItself {
			version = "[GO_VERSION](../../scripts/pins/versions)"
		}
		fmt.Fprintf(&page, "| %s | %s | %s |\n", m.path, version, strings.Join(m.licences(), ", "))
	}
	page.WriteString("\n## Texts\n")
	written := make(map[string]bool)
	for _, m := range modules {
		for _, t := range m.texts {
			if written[t.content] {
				continue
			}
			written[t.content] = true
			fmt.Fprintf(&page, "\n### %s\n\n````\n%s\n````\n", strings.Join(holders(modules, t.content), ", "), strings.Trim(t.content, "\n"))
		}
	}
	return page.Bytes()
}

// holders are the files in which a text stands.
func holders(modules []module, content string) []string {
	var all []string
	for _, m := range modules {
		for _, t := range m.texts {
			if t.content == content {
				all = append(all, m.path+": "+t.name)
			}
		}
	}
	return all
}
