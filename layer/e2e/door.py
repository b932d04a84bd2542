"""A way to the pretended AWS that keeps connections open, as AWS does and moto's server does not."""

import ctypes
import socket
import struct
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

# Of socket(7), which Python does not name.
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
# A program for the kernel's socket filter, of one instruction: keep 0 bytes of what comes.
KEEP_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)


class Door:
    """Passes calls on, and knows over which connections they came."""

    def __init__(self, behind: str):
        self.calls = []  # the peer's port, for each call
        self._sockets = set()
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                door._sockets.add(self.connection)

            def finish(self):
                door._sockets.discard(self.connection)
                super().finish()

            def do_POST(self):
                door.calls.append(self.client_address[1])
                body = self.rfile.read(int(self.headers["Content-Length"]))
                passed = requests.post(behind, body, headers=dict(self.headers), timeout=10)
                self.send_response(passed.status_code)
                self.send_header("Content-Type", passed.headers["Content-Type"])
                self.send_header("Content-Length", str(len(passed.content)))
                self.end_headers()
                self.wfile.write(passed.content)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a connection that a test broke

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def forget(self):
        """Let what comes over the connections there are vanish, as at a NAT gateway that has dropped them: nothing
        is acknowledged, and nothing reset. New connections can be made."""
        assert self._sockets, "no connection was kept"
        for connection in list(self._sockets):
            _swallow(connection)

    @contextmanager
    def vanished(self):
        """The same, and no new connections either."""
        self.forget()
        _swallow(self._server.socket)
        try:
            yield
        finally:
            self._server.socket.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)

    def kill(self):
        """Break the connections at the side of the one who called."""
        told = subprocess.run(
            ["ss", "-KtnH", "state", "established", "dport", "=", f":{self.port}"],
            check=True,
            capture_output=True,
            text=True,
        )
        assert told.stdout.strip(), "the kernel has killed no connections"

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def _swallow(swallowing):
    """Have the kernel drop what comes for a socket, before it takes note of it."""
    program = ctypes.create_string_buffer(KEEP_NOTHING)
    # How many instructions there are, and where.
    swallowing.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(program)))
