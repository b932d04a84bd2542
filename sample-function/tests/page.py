"""The page docs/from-zero.md as a script, and what it says that its commands print."""

import re
from pathlib import Path

PAGE = Path(__file__).parent.parent.parent / "docs" / "from-zero.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps():
    """Return each block of commands, and the output that the page shows below it, empty if it shows none."""
    found = []
    for kind, text in BLOCK.findall(PAGE.read_text()):
        if kind == "sh":
            found.append([text, ""])
        else:
            assert kind == "text", kind
            found[-1][1] = text
    return found


# What differs from run to run.
CHANGING = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "TIME"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "ID"),
    (r"\blarder-[0-9a-z]+-\d+\b", "ID"),
    (r'_ms":\d+(\.\d+)?', '_ms":N'),
    # moto takes every subscription for confirmed, and AWS none by mail.
    (r"arn:aws:sns:[^\"]+:ID", "pending confirmation"),
]


def unchanging(text):
    for pattern, stand_in in CHANGING:
        text = re.sub(pattern, stand_in, text)
    return text
