"""Reads through the extension, as the function makes them, and all that their answers tell."""

import time
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlencode

from cloud import SECRET_NAME
from environment import SESSION_TOKEN

PORT = 2773


@dataclass
class Answer:
    status: int
    body: str
    cache: str  # Cache-Status without the cache's name
    error: str  # the code; empty for a value
    seconds: float


def read_secret(name=SECRET_NAME, token=SESSION_TOKEN, **query):
    """Read a secret over a new connection."""
    begin = time.monotonic()
    connection = HTTPConnection("127.0.0.1", PORT, timeout=30)
    try:
        connection.request(
            "GET",
            f"/secretsmanager/get?{urlencode({'secretId': name, **query})}",
            headers={"X-Aws-Parameters-Secrets-Token": token},
        )
        response = connection.getresponse()
        body = response.read().decode()
    finally:
        connection.close()
    return Answer(
        response.status,
        body,
        response.getheader("Cache-Status", "").removeprefix("larder; "),
        response.getheader("X-Larder-Error", ""),
        time.monotonic() - begin,
    )
