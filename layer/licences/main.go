// Command licences lists what is linked into the executables that are given away, and under which licences, with the
// texts that have to go along with them.
//
//	go run ./layer/licences layer/licences/LICENCES.md
//
// A dependency that is linked counts with every licence that stands between its packages and the root of its module,
// since parts of a module may be under one of their own. A text that is not known is an error, and so is a licence that
// is not permitted: see permitted.go.
//
// It knows nothing of what the executables do. It runs where modules are, and asks nobody but the go command.
package main

import (
	"flag"
	"fmt"
	"os"
)

// shipped are the executables that are given away, and for which architectures.
var (
	shipped       = []string{"./extension"}
	architectures = []string{"amd64", "arm64"}
)

func main() {
	flag.Parse()
	if err := list(flag.Arg(0)); err != nil {
		fmt.Fprintf(os.Stderr, "licences: %v\n", err)
		os.Exit(1)
	}
}

func list(out string) error {
	modules, err := linked(shipped, architectures)
	if err != nil {
		return err
	}
	for _, m := range modules {
		if err := m.check(); err != nil {
			return err
		}
	}
	return os.WriteFile(out, document(modules), 0o644)
}
