"""The sample function with what a test asks for in the event: to hang, to crash, to tell a variable."""

import os
import time

import app


def handler(event, context):
    if "sleep" in event:
        time.sleep(event["sleep"])
    if event.get("exit"):
        os._exit(1)
    if "variable" in event:
        return os.environ.get(event["variable"], "absent")
    return app.handler(event, context)
