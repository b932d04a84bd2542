package main

import "syscall"

// harden keeps values out of core dumps and away from other processes of the same user, which could read the
// memory of a process that is dumpable. What the kernel refuses here is no reason not to serve.
func harden() {
	const prSetDumpable = 4 // PR_SET_DUMPABLE of prctl(2)
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0)
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
}
