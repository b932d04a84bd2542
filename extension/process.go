package main

import (
	"runtime/debug"
	"syscall"
)

// harden keeps values out of core dumps and away from other processes of the same user, which could read the
// memory of a process that is dumpable. What the kernel refuses here is no reason not to serve.
func harden() {
	const prSetDumpable = 4 // PR_SET_DUMPABLE of prctl(2)
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0)
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
}

// saveMemory makes the collector run once a seventh of what is live has become garbage, instead of all of it: the
// memory is the function's. It is called once the start is over, which it would slow down.
func saveMemory() { debug.SetGCPercent(15) }
