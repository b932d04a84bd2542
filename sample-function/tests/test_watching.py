"""Metric filters, alarm, saved queries and dashboard, over the records of a real run of Larder."""

import subprocess
import sys

import pytest
import watching
from deployment import resolved
from servers import HERE

ENVIRONMENT = "watched"  # the one of conftest.py's run


@pytest.fixture(scope="module")
def resources(template):
    return resolved(template, ENVIRONMENT)


def test_the_run_is_the_one_that_was_wanted(events):
    outcomes = [e.document["outcome"] for e in events if e.document and e.document["type"] == "larder.access"]
    orders = [
        "miss",
        "hit",
        "hit",
        "hit",
        "miss",
        "hit",
        "hit",
        "miss",
        "refresh",
        "denied",
        "denied",
        "error",
        "negative",
    ]
    assert outcomes == [*orders, "miss", "hit", "miss", "stale", "stale", "stale", "error"]
    assert not [event for event in events if "canary" in event.message]


def test_metrics(resources, events):
    watching.check_metrics(resources, ENVIRONMENT, events)


def test_alarm(resources, events):
    watching.check_alarm(resources, ENVIRONMENT, events)


def test_queries(resources, events):
    watching.check_queries(resources, ENVIRONMENT, events)


def test_dashboard(resources):
    watching.check_dashboard(resources, ENVIRONMENT)


def test_anomaly_detector(resources):
    watching.check_detector(resources, ENVIRONMENT)


def test_saved_queries_are_found_by_their_form(resources):
    watching.check_saved(resources, ENVIRONMENT)


def test_the_table_on_a_terminal(events):
    log = "\n".join(event.message for event in events)
    command = [sys.executable, "-m", "cloudwatch"]
    ran = subprocess.run([*command, "ErrorsOverTime"], input=log, capture_output=True, text=True, cwd=HERE, check=True)
    assert ran.stdout.splitlines() == [
        "time                     errors",
        "2026-01-01 09:00:00.000  4",
        "2026-01-01 09:10:00.000  1",
    ]
    wrong = subprocess.run([*command, "Nothing"], input=log, capture_output=True, text=True, cwd=HERE, check=False)
    assert (wrong.returncode, "ErrorsOverTime|WhoReadWhat" in wrong.stderr) == (2, True)
