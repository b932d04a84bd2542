"""A run of Larder whose reads are known one by one, and the log that it leaves in the function's log group."""

import json
import time
from datetime import UTC, datetime, timedelta

from cloudwatch.events import Event, events_of
from deployment import client
from faults import Way
from larder import Larder

START = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)

# What else is in a function's log group, and must not count.
OTHERS = [
    "START RequestId: 7f5a Version: 7",
    "reading of status 500 outcome denied",
    '{"type":"orders","level":"ERROR","status":500,"outcome":"stale","name":"prod/db-credentials","upstream_ms":9}',
    '{"type":"larder","level":"WARN","message":"a message of Larder\'s own"}',
    "REPORT RequestId: 7f5a Duration: 2.1 ms",
]


class Unhurried(Larder):
    """Larder that is read at most once in a millisecond, the unit of the record's time, so that its order is known."""

    def get(self, *arguments, **keywords):
        time.sleep(0.002)
        return super().get(*arguments, **keywords)


def told(deployment, folder):
    """Let two functions read, and return the log's events: from 9:00 on those of the first, from 9:10 the second's.

    Each has its real records with the real distances between them; only when it began is made up, so that it is known
    which five minutes they fall into.
    """
    session = deployment.credentials("FunctionRole")
    client(deployment.url, "secretsmanager").create_secret(
        Name=f"{deployment.environment}/unrelated", SecretString="canary"
    )
    orders = _orders(deployment, folder, session)
    billing = _billing(deployment, folder, session)
    return [*moved_to(START, orders), *moved_to(START + timedelta(minutes=10), billing)]


def _orders(deployment, folder, session):
    """Thirteen reads: three misses, five hits, one refresh, two denials, an error and what follows it at once."""
    larder = Unhurried(folder, deployment.url, session, "orders")
    secret, parameter = deployment.secret_id, deployment.parameter("api-url")
    for request_id in ("r1", "r1", "r2", "r3"):
        larder.secret(secret, request_id=request_id)  # miss, hit, hit, hit
    for request_id in ("r1", "r2", "r3"):
        larder.parameter(parameter, request_id=request_id)  # miss, hit, hit
    larder.parameter(deployment.parameter("api-key"), request_id="r3")  # miss
    larder.secret(secret, request_id="r3", refreshNow="true")  # refresh
    larder.secret(f"{deployment.environment}/unrelated", request_id="r4")  # denied, by AWS
    larder.secret(secret, request_id="r4", token="wrong")  # denied, by Larder
    larder.parameter(deployment.parameter("missing"), request_id="r4")  # error
    larder.parameter(deployment.parameter("missing"), request_id="r4")  # negative
    return larder.stopped_log()


def _billing(deployment, folder, session):
    """Seven reads: two misses and a hit, three stale answers, and an error, as AWS is down."""
    way = Way(deployment.url)
    short = {"SSM_PARAMETER_STORE_TTL": "2", "AWS_MAX_ATTEMPTS": "1", "LARDER_NEGATIVE_TTL": "0"}
    larder = Unhurried(folder, way.url, session, "billing", **short)
    parameter = deployment.parameter("api-url")
    larder.parameter(parameter, request_id="b1")  # miss
    larder.parameter(parameter, request_id="b1")  # hit
    larder.parameter(deployment.parameter("api-key"), request_id="b1")  # miss
    expired = time.monotonic() + 2.05
    way.down = True
    # The TTL is two seconds at most, and nothing but time ends it.
    time.sleep(max(0, expired - time.monotonic()))
    for request_id in ("b2", "b3"):
        larder.parameter(parameter, request_id=request_id)  # stale
    larder.parameter(deployment.parameter("api-key"), request_id="b3")  # stale
    larder.secret(deployment.secret_id, request_id="b3")  # error
    way.stop()
    return larder.stopped_log()


def moved_to(start, log):
    """Return a log's events, among others, as if it had begun at another time."""
    events = [event for event in events_of(log) if event.milliseconds]
    distance = start.timestamp() * 1000 - events[0].milliseconds
    moved = []
    for event in events:
        moment = event.milliseconds + round(distance)
        text = datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        moved.append(Event(moment, json.dumps(event.document | {"timestamp": text})))
    return [*moved, *(Event(moved[-1].milliseconds, line) for line in OTHERS)]
