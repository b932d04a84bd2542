"""Plays Lambda's runtime to app.py in the folder named by the only argument.

Events come as JSON lines on standard input. On file descriptor 3 it answers {"ready": true} when the function's
module was imported, and then one line an event; standard output and standard error are the function's own log.
"""

import json
import logging
import os
import sys
from types import SimpleNamespace

with os.fdopen(3, "w", buffering=1) as answers:
    logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
    sys.path.insert(0, sys.argv[1])
    import app

    print('{"ready": true}', file=answers)
    for line in sys.stdin:
        invocation = json.loads(line)
        context = SimpleNamespace(aws_request_id=invocation["requestId"])
        print(json.dumps(app.handler(invocation["event"], context)), file=answers)
