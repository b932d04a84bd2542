"""One Lambda execution environment: AWS's Runtime Interface Emulator (RIE) over a layer and a function.

The emulator is Lambda's own sandbox code. It runs in mount and process namespaces of its own, where /opt is the
unpacked layer, /var/task the function and /tmp empty, with the extension under the user that it has in Lambda. The
network is the one that scripts/test-e2e made, so the emulator's ports are free as soon as it is gone.
"""

import json
import os
import signal
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

from cloud import REGION
from process import Process, until

TOOLS = Path(os.environ["LARDER_TOOLS"])
PORT = 8080
SESSION_TOKEN = "the-function-s-session-token"

# The sources of all mounts are resolved before /tmp is covered, and /var is covered so that the host need not
# have, and does not keep, the folders that Lambda has there.
ENTER = r"""
set -euo pipefail
layer=$1 function=$2 python=$3 packages=$4 rie=$5 resolver=$6
shift 6
[[ -z $resolver ]] || mount --bind "$resolver" /etc/resolv.conf
mount -t tmpfs -o mode=755 tmpfs /var
mkdir /var/task /var/lang /var/runtime /var/rapid
touch /var/rapid/rie
mount --bind "$layer" /opt
mount --bind "$function" /var/task
mount --bind "$python" /var/lang
mount --bind "$packages" /var/runtime
mount --bind "$rie" /var/rapid/rie
mount -t tmpfs -o mode=1777 tmpfs /tmp
cd /var/task
exec "$@"
"""

# Lambda's own user.
as_lambda_user = ("setpriv", "--reuid", "993", "--regid", "990", "--clear-groups")


class Environment:
    """A running emulator. In its classic mode INIT happens at the first invocation, as on demand.

    Variables come on top of those that Lambda sets; None takes one of these away. A resolver is a file that
    replaces /etc/resolv.conf.
    """

    def __init__(
        self,
        layer: Path,
        function: Path,
        log: Path,
        variables: dict[str, str | None],
        *flags: str,
        resolver: Path | str = "",
    ):
        self.log_path = log
        self._log = log.open("wb")
        command = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
        command += [
            "bash",
            "-c",
            ENTER,
            "enter",
            layer,
            function,
            sys.base_prefix,
            _packages(),
            TOOLS / "rie",
            resolver,
        ]
        # For managed instances the emulator has to be root, and makes the extension that user by itself.
        command += [] if "AWS_LAMBDA_MAX_CONCURRENCY" in variables else as_lambda_user
        command += ["/var/rapid/rie", *flags]
        environ = {name: value for name, value in (_lambda_variables() | variables).items() if value is not None}
        self._process = subprocess.Popen(command, env=environ, stdout=self._log, stderr=subprocess.STDOUT)
        self._wait_until_listening()

    def _wait_until_listening(self):
        deadline = time.monotonic() + 10
        while True:
            connection = HTTPConnection("127.0.0.1", PORT, timeout=1)
            try:
                connection.connect()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"the emulator does not listen:\n{self.log()}") from None
                time.sleep(0.01)
            finally:
                connection.close()

    def invoke(self, event=None):
        """Invoke the function, and return the status and the decoded answer (text where it is no JSON)."""
        connection = HTTPConnection("127.0.0.1", PORT, timeout=30)
        try:
            connection.request(
                "POST",
                "/2015-03-31/functions/function/invocations",
                json.dumps(event or {}),
                # Without it, managed-instances mode hands Python bytes.
                {"Content-Type": "application/json"},
            )
            response = connection.getresponse()
            body = response.read().decode()
        finally:
            connection.close()
        try:
            return response.status, json.loads(body)
        except ValueError:
            return response.status, body

    def log(self):
        """Return what the emulator, the function and the extension printed so far, which is one stream."""
        return self.log_path.read_text(errors="replace")

    def records(self):
        """Return the access records in the log, oldest first."""
        found = []
        for line in self.log().splitlines():
            start = line.find('{"')
            if start < 0 or '"larder.access"' not in line:
                continue
            record, _ = json.JSONDecoder().raw_decode(line[start:])
            found.append(record)
        return found

    def outcomes(self, source, name):
        """Return the outcomes of the reads of one name, oldest first."""
        return [r["outcome"] for r in self.records() if r["source"] == source and r["name"] == name]

    def extension_pid(self, name="larder"):
        """Return the extension's process id on this side of the namespaces, or None while there is none."""
        return self._find(f"/opt/extensions/{name}")

    def extension(self):
        """Return the extension's process, once there is one."""
        return Process(until(self.extension_pid, "the extension"))

    def _find(self, command):
        """Return the id of the process below this environment that runs the command, or None."""
        waiting = _children(self._process.pid)
        while waiting:
            pid = waiting.pop()
            try:
                if Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode() == command:
                    return pid
            except OSError:
                continue
            waiting += _children(pid)
        return None

    def terminate(self):
        """Ask the emulator to stop, as a host that takes the environment down, and return the seconds it took."""
        rie = self._find("/var/rapid/rie")
        assert rie is not None, f"the emulator is gone:\n{self.log()}"
        began = time.monotonic()
        os.kill(rie, signal.SIGTERM)
        self._process.wait(10)
        return time.monotonic() - began

    def stop(self):
        """End whatever still runs. With the first process of a namespace, the kernel ends all others in it."""
        for first in _children(self._process.pid):
            os.kill(first, signal.SIGKILL)
        self._process.wait(10)
        self._log.close()


def _children(pid):
    """Return the ids of a process's children. Go starts them from any of its threads."""
    try:
        lists = [(thread / "children").read_text() for thread in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []
    return [int(child) for children in lists for child in children.split()]


def _packages():
    return next((TOOLS / "py" / "lib").glob("python3.*")) / "site-packages"


def _lambda_variables():
    """Return what Lambda sets. What Lambda hides from extensions is left out, as the emulator passes on all."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
        "LANG": "en_US.UTF-8",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_SESSION_TOKEN": SESSION_TOKEN,
        "AWS_LAMBDA_FUNCTION_NAME": "orders",
        "AWS_LAMBDA_FUNCTION_VERSION": "7",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    }
