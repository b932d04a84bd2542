"""A pretended AWS, which is moto's server, and a front that knows the region of each call and may refuse it."""

import http.client
import json
import re
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

# The scope in a signature: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request
SCOPE = re.compile(r"Credential=[^/]+/[0-9]+/([a-z0-9-]+)/lambda/")


class AWS:
    """The server process. It keeps layers of all regions, and tells them apart by the signature, as the front does."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._log = folder / "moto.log"
        with self._log.open("wb") as log:
            command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
        deadline = time.monotonic() + 60
        while True:
            try:
                requests.get(f"http://127.0.0.1:{self.port}/moto-api/data.json", timeout=5).raise_for_status()
                return
            except requests.RequestException:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"moto does not listen:\n{self._log.read_text()}") from None
                time.sleep(0.02)

    def reset(self):
        requests.post(f"http://127.0.0.1:{self.port}/moto-api/reset", timeout=5).raise_for_status()

    def stop(self):
        self._process.terminate()
        self._process.wait(20)


class Front:
    """A port that passes calls on to AWS and keeps a list of (region, operation), but refuses some regions."""

    def __init__(self, port):
        self.calls = []
        self.refused = set()
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                scope = SCOPE.search(self.headers.get("Authorization", ""))
                region = scope[1] if scope else None
                front.calls.append((region, self.command, self.path))
                if region in front.refused:
                    # As a region answers that the account has not enabled.
                    message = {"message": "The security token included in the request is invalid."}
                    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "UnrecognizedClientException"}
                    self._answer(403, headers, json.dumps(message).encode())
                    return
                way = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                way.request(self.command, self.path, body, dict(self.headers))
                answer = way.getresponse()
                kept = {k: v for k, v in answer.getheaders() if k.lower().startswith(("content-type", "x-amzn"))}
                self._answer(answer.status, kept, answer.read())
                way.close()

            do_GET = do_POST = do_PUT = do_DELETE = _pass

            def _answer(self, status, headers, body):
                self.send_response(status)
                for name, value in (headers | {"Content-Length": str(len(body))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def writes(self, region):
        """Return the paths of the calls that changed something in the region."""
        return [path for where, method, path in self.calls if where == region and method != "GET"]

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
