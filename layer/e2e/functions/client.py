"""A function that reads through a published client, at its start and in its handler."""

import os
import subprocess


def read():
    """Run the client as a program of its own, and return what it printed, or its error."""
    names = [os.environ[name] for name in ("SECRET_NAME", "SECRET_ARN", "PARAMETER_NAME")]
    ended = subprocess.run(["./client", *names], capture_output=True, text=True, timeout=10)
    return ended.stdout.splitlines() if ended.returncode == 0 else ended.stderr


AT_START = read()


def handler(event, context):
    return {"atStart": AT_START, "now": read()}
