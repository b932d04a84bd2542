"""A pretended endpoint of the kind that gives a function its credentials under SnapStart."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class CredentialEndpoint:
    """Gives others each time it is asked, which are good for days."""

    token = "the-container-token"

    def __init__(self):
        self.given = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = endpoint.answer(self.headers["Authorization"])
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/credentials"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def answer(self, authorization):
        assert authorization == self.token
        key = f"ASIAEXAMPLE{len(self.given)}"
        self.given.append(key)
        expiration = (datetime.now(UTC) + timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return json.dumps(
            {"AccessKeyId": key, "SecretAccessKey": "example", "Token": f"token of {key}", "Expiration": expiration}
        ).encode()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
