"""Lambda's Extensions API for one extension: it registers, and gets the events that a test sends."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from servers import ACCOUNT, REGION

TIMEOUT_SECONDS = 20


class ExtensionsAPI:
    def __init__(self, function):
        self._arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
        self._changed = threading.Condition()
        self._events = []
        self._waiting = False
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # answers go out whole: in two parts the second would wait for the first's acknowledgement

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.answer({"functionName": function, "functionVersion": "$LATEST", "handler": "app.handler"})

            def do_GET(self):
                self.answer(api.next_event())

            def answer(self, document):
                body = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("Lambda-Extension-Identifier", "an-extension")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def next_event(self):
        """Wait for an event, as the extension does."""
        with self._changed:
            self._waiting = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._events)
            self._waiting = False
            event = self._events.pop()
            self._changed.notify_all()
            return event

    def invoke(self, request_id):
        """Send an INVOKE to the extension, once it has nothing more to do."""
        self._send({"eventType": "INVOKE", "requestId": request_id, "invokedFunctionArn": self._arn})

    def shut_down(self):
        self._send({"eventType": "SHUTDOWN", "shutdownReason": "spindown"})

    def _send(self, event):
        self.wait_until_idle()
        with self._changed:
            self._events.append(event | {"deadlineMs": round((time.time() + 10) * 1000)})
            self._changed.notify_all()
            # It has the event when it has taken it, not when it asks again.
            assert self._changed.wait_for(lambda: not self._events, TIMEOUT_SECONDS), "the event is not taken"

    def wait_until_idle(self):
        """Wait until the extension waits for an event, before which it writes down all that it has to."""
        with self._changed:
            idle = self._changed.wait_for(lambda: self._waiting and not self._events, TIMEOUT_SECONDS)
            assert idle, "the extension does not ask for its next event"

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
