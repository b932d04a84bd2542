// Command larder answers reads of AWS Secrets Manager secrets and SSM parameters over localhost, remembers
// them, and writes down who read what. In Lambda it is an external extension, registered under the name of its
// own file.
//
// Package main wires the rooms below internal together and owns what runs side by side: the server, the life
// cycle, and the log's writer. It must not know how any of them works.
package main

import (
	"os"
	"runtime"
)

// version is set when a layer is built.
var version = "dev"

func main() {
	// One processor is enough for 50,000 reads a second, and the others are the function's: with more, the
	// scheduler's own threads add a fifth to the CPU of a start.
	runtime.GOMAXPROCS(1)
	harden()
	os.Exit(run(os.Environ(), os.Args[0], os.Stdout))
}
