"""One of Lambda's execution environments, pretended: Larder as its extension, and the sample's Python function."""

import itertools
import json
import os
import subprocess
import sys
import time

from extensions_api import ExtensionsAPI
from larder import EXECUTABLE, Larder

# What Lambda's runtime does, as far as the function sees it: it loads the function, and hands it one event after the
# other. Its log goes where Lambda's would.
RUNTIME = """
import json, logging, sys
logging.basicConfig(stream=sys.stderr, format="[%(levelname)s] %(message)s")
sys.path.insert(0, sys.argv[1])
import app
print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps(app.handler(json.loads(line), None)), flush=True)
"""
REQUEST_IDS = (f"8f5a0000-0000-4000-8000-{number:012d}" for number in itertools.count(1))


class PretendedLambda:
    """An environment of a function whose code is a folder, or a zip, with app.py in it."""

    def __init__(self, folder, url, credentials, code, function="orders", executable=EXECUTABLE, **variables):
        self._api = ExtensionsAPI(function)
        self._larder = Larder(
            folder,
            url,
            credentials,
            function,
            executable,
            AWS_LAMBDA_RUNTIME_API=self._api.address,
            AWS_LAMBDA_INITIALIZATION_TYPE="on-demand",
            # The function's session token is what it shows then, as in Lambda.
            LARDER_TOKEN="",
            AWS_LAMBDA_FUNCTION_VERSION="$LATEST",
            **variables,
        )
        self._shown = set()
        self._printed = folder / f"function-{self._larder.port}.log"
        environ = {
            "AWS_SESSION_TOKEN": credentials["SessionToken"],
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(self._larder.port),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        with self._printed.open("wb") as printed:
            self._function = subprocess.Popen(
                [sys.executable, "-c", RUNTIME, str(code)],
                env=os.environ | environ | variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=printed,
                text=True,
            )
        assert self._function.stdout.readline() == "ready\n", self._printed.read_text()

    def invoke(self, event=None, request_id=None):
        """Invoke the function, and return its answer."""
        self._api.invoke(request_id or next(REQUEST_IDS))
        self._function.stdin.write(json.dumps(event or {}) + "\n")
        self._function.stdin.flush()
        answer = self._function.stdout.readline()
        assert answer, self._printed.read_text()
        # Lambda freezes the environment only now.
        self._api.wait_until_idle()
        return json.loads(answer)

    def stop(self):
        """End the environment, and return what Larder printed."""
        self._function.stdin.close()
        self._function.wait(20)
        self._function.stdout.close()
        self._api.shut_down()
        log = self._larder.stopped_log()
        self._api.stop()
        return log

    def new_lines(self):
        """Return what Larder and the function printed since the last call.

        Larder writes a line shortly after the answer. A request of this test's own, whose line comes after all others,
        tells when they are there.
        """
        mark = f"mark-{len(self._shown)}"
        self._larder.get("/mark", request_id=mark)
        deadline = time.monotonic() + 10
        while mark not in (printed := self._larder.log.read_text()):
            assert time.monotonic() < deadline, "a line is missing"
            time.sleep(0.005)
        lines = printed.splitlines() + self._printed.read_text().splitlines()
        new = [line for line in lines if line not in self._shown]
        self._shown.update(new)
        return [line for line in new if '"requestId":"mark-' not in line]
