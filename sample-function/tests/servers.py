"""Server processes for the tests, each on a port of its own."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

HERE = Path(__file__).parent
REGION = "eu-central-1"
ACCOUNT = "123456789012"
ADMIN = "AKIAADMINISTRATOR"  # the access key that moto_server.py lets do everything


class Server:
    """A process that listens on a port of this machine. What it prints is in a file of the folder.

    One that its test did not stop, as a test that fails does not, ends with the tests.
    """

    running: ClassVar[list["Server"]] = []

    def __init__(self, name, command, folder, port, **variables):
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=os.environ | variables, stdout=log, stderr=subprocess.STDOUT, cwd=folder
            )
        self.running.append(self)
        self._wait_until_listening(name)

    def _wait_until_listening(self, name):
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"{name} does not listen:\n{self.log.read_text()}") from None
                time.sleep(0.02)

    def stop(self):
        """Ask the process to end, and wait until it did."""
        self._process.terminate()
        self._process.wait(20)
        self.running.remove(self)


def free_port():
    """Return a port that nothing listens on. The kernel gives out the same one again only after many others."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_moto(folder):
    """Start moto as an AWS that enforces policies, see moto_server.py."""
    port = free_port()
    command = [sys.executable, str(HERE / "moto_server.py"), "-H", "127.0.0.1", "-p", str(port)]
    return Server("moto", command, folder, port, MOTO_IAM_LOAD_MANAGED_POLICIES="false")


def start_ministack(folder):
    """Start ministack, whose CloudFormation makes what a template names, or refuses it."""
    port = free_port()
    return Server(
        "ministack",
        [sys.executable, "-m", "ministack"],
        folder,
        port,
        GATEWAY_PORT=str(port),
        BIND_HOST="127.0.0.1",
        MINISTACK_ACCOUNT_ID=ACCOUNT,
    )
