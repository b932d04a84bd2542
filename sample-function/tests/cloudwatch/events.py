"""Log events: a line, when it was written, and the fields that CloudWatch discovers in it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property


@dataclass(frozen=True)
class Event:
    milliseconds: int  # since the epoch
    message: str

    @cached_property
    def document(self):
        """The JSON object that the whole line is, or None."""
        try:
            document = json.loads(self.message)
        except ValueError:
            return None
        return document if isinstance(document, dict) else None

    @cached_property
    def fields(self):
        """The fields as a query names them: nested ones joined by dots, and those that CloudWatch adds."""
        found = {"@timestamp": text_of(self.milliseconds), "@message": self.message}
        _flatten(self.document or {}, "", found)
        return found


def _flatten(value, prefix, found):
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        found[prefix] = value
        return
    for key, inner in items:
        _flatten(inner, f"{prefix}.{key}" if prefix else str(key), found)


def text_of(milliseconds):
    """Return the form in which queries show a time."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{milliseconds % 1000:03d}"


def events_of(log):
    """Return the events of a log's text. A line without a timestamp of its own is as old as the one before it."""
    events, milliseconds = [], 0
    for line in log.splitlines():
        event = Event(milliseconds, line)
        told = (event.document or {}).get("timestamp")
        if isinstance(told, str):
            milliseconds = round(datetime.fromisoformat(told).timestamp() * 1000)
            event = Event(milliseconds, line)
        events.append(event)
    return events
