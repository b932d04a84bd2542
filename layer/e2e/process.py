"""What a test does to the running extension: stop it, let it go on, move its clocks, look at its queues."""

import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path

from clocks import MONOTONIC, WALL, Clocks


class Process:
    def __init__(self, pid: int):
        self.pid = pid
        self._clocks = None
        self._stops = 0

    @contextmanager
    def stopped(self):
        """Stop the process as a freeze does, and let it go on. One freeze may be within another."""
        if self._stops == 0:
            os.kill(self.pid, signal.SIGSTOP)
            until(self._stands_still, "the process to stop")
        self._stops += 1
        try:
            yield
        finally:
            self._stops -= 1
            if self._stops == 0:
                os.kill(self.pid, signal.SIGCONT)

    def _stands_still(self):
        states = [(thread / "stat").read_text() for thread in Path(f"/proc/{self.pid}/task").iterdir()]
        return all(state.rpartition(")")[2].split()[0] == "T" for state in states)

    def jump(self, seconds: int):
        """Move the wall clock alone, as when it is set, or after the monotonic clock stood still."""
        with self.stopped():
            self._move(seconds, WALL)

    def sleep(self, seconds: int):
        """Let it sleep for so long by both its clocks, which takes no time here. Timers that are due fire."""
        with self.stopped():
            self._move(seconds, WALL, MONOTONIC)

    def _move(self, seconds, *clocks):
        if self._clocks is None:
            self._clocks = Clocks(self.pid)
        for clock in clocks:
            self._clocks.move(clock, seconds)


def unread(port: int):
    """Return how many bytes have come for a server on this machine that it has not read."""
    return sum(received for _, received in _queues(port))


def unsent(port: int):
    """Return how many bytes of a server on this machine its clients have not taken."""
    return sum(sent for sent, _ in _queues(port))


def _queues(port):
    """Return the bytes that wait to be sent and to be read, of each connection that a server's port has."""
    lines = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()]
    queues = [line[4].split(":") for line in lines if line[1].endswith(f":{port:04X}") and line[3] == "01"]
    return [(int(sent, 16), int(received, 16)) for sent, received in queues]


def until(condition, what, seconds=10):
    """Wait until the condition holds, and return what it returned."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.005)
    return result
