"""What the template makes of a known run: each check fails with an AssertionError.

It takes the resources of an environment, resolved, and finds metric filters and queries by what they are for, as
their names in the template are nobody's business.
"""

import json

from cloudwatch.alarm import metrics, states
from cloudwatch.query import run
from cloudwatch.saved import saved_queries
from story import START

NAMESPACE = "Larder/{environment}"
FIVE_MINUTES = 300_000


def of_type(resources, kind):
    return [r["Properties"] for r in resources.values() if r["Type"] == kind]


def one(found, what):
    assert len(found) == 1, f"{len(found)} of {what}"
    return found[0]


def metric_filter(resources, environment, metric):
    """Return the filter behind a metric, which watches the function's log."""
    return one(
        [
            f
            for f in of_type(resources, "AWS::Logs::MetricFilter")
            if f["LogGroupName"] == f"/aws/lambda/{environment}-orders"
            and f["MetricTransformations"][0]["MetricName"] == metric
            and f["MetricTransformations"][0]["MetricNamespace"] == NAMESPACE.format(environment=environment)
        ],
        metric,
    )


def check_metrics(resources, environment, events):
    """Check what is counted of the run."""
    for metric, expected in [("Errors", 5), ("Denials", 2), ("StaleAnswers", 3)]:
        values = metrics(metric_filter(resources, environment, metric), events)
        assert sum(value for _, value in values) == expected, metric
        assert len(values) == len(events), "a metric without a value where nothing is wrong"


def check_alarm(resources, environment, events):
    """Check that several errors in five minutes raise the alarm, and none or one do not; and whom it tells."""
    alarm = one(of_type(resources, "AWS::CloudWatch::Alarm"), "alarms")
    assert (alarm["Namespace"], alarm["MetricName"]) == (NAMESPACE.format(environment=environment), "Errors")
    values = metrics(metric_filter(resources, environment, "Errors"), events)
    start = int(START.timestamp() * 1000)
    found = states(alarm, values, start, start + 3 * FIVE_MINUTES)
    assert found == ["ALARM", "OK", "OK", "OK"]
    two = [(start, 1.0), (start + FIVE_MINUTES - 1, 1.0), (start + FIVE_MINUTES, 1.0), (start + 2 * FIVE_MINUTES, 1.0)]
    assert states(alarm, two, start, start + 2 * FIVE_MINUTES) == ["ALARM", "OK", "OK"]
    topic = one(of_type(resources, "AWS::SNS::Topic"), "topics")
    assert [arn.rpartition(":")[2] for arn in alarm["AlarmActions"]] == [topic["TopicName"]]


def query(resources, environment, title):
    """Return the text of a saved query, which looks at the function's log alone."""
    name = f"larder/{environment}/{title}"
    found = one([q for q in of_type(resources, "AWS::Logs::QueryDefinition") if q["Name"] == name], name)
    assert found["LogGroupNames"] == [f"/aws/lambda/{environment}-orders"]
    return found["QueryString"]


def check_queries(resources, environment, events):
    """Check the table that each saved query gives."""
    for title, check in QUERIES.items():
        text = query(resources, environment, title)
        check(run(text, events), environment)
        check(run(text, events, backwards=True), environment)


def _errors_over_time(rows, _):
    assert rows == [
        {"time": "2026-01-01 09:00:00.000", "errors": 4},
        {"time": "2026-01-01 09:10:00.000", "errors": 1},
    ]


def _who_read_what(rows, environment):
    assert [(r["function"], r["name"], r["read_count"], r["requests"]) for r in rows] == [
        ("orders", f"{environment}/db-credentials", 5, 3),
        ("billing", f"/{environment}/config/api-url", 4, 3),
        ("orders", f"/{environment}/config/api-url", 3, 3),
        ("billing", f"/{environment}/config/api-key", 2, 2),
        ("orders", f"/{environment}/config/api-key", 1, 1),
    ]
    assert all(r["last_read"].startswith("2026-01-01T09:") for r in rows)


def _hit_rate(rows, _):
    assert rows == [
        {"time": "2026-01-01 09:00:00.000", "hit_percent": 100 * 5 / 9, "read_count": 9},
        {"time": "2026-01-01 09:10:00.000", "hit_percent": 100 * 1 / 6, "read_count": 6},
    ]


def _stale_answers(rows, environment):
    assert [(r["function"], r["name"], r["answers"], r["last_error"]) for r in rows] == [
        ("billing", f"/{environment}/config/api-url", 2, "ServiceUnavailable"),
        ("billing", f"/{environment}/config/api-key", 1, "ServiceUnavailable"),
    ]
    assert all(r["oldest_ms"] >= 1800 for r in rows)


def _slowest_calls(rows, environment):
    times = [r["upstream_ms"] for r in rows]
    assert times == sorted(times, reverse=True)
    assert min(times) > 0
    asked = {(r["function"], r["outcome"], r["requestId"]) for r in rows}
    assert asked >= {
        ("orders", "miss", "r1"),
        ("orders", "refresh", "r3"),
        ("orders", "denied", "r4"),
        ("billing", "miss", "b1"),
    }
    assert not [r for r in rows if r["outcome"] in ("hit", "negative")]
    assert all(r["name"] and r["timestamp"] and r["status"] for r in rows)


def _first_readers(rows, environment):
    assert [(r["function"], r["name"], r["first_request"]) for r in rows] == [
        ("billing", f"/{environment}/config/api-key", "b1"),
        ("billing", f"/{environment}/config/api-url", "b1"),
        ("orders", f"/{environment}/config/api-key", "r3"),
        ("orders", f"/{environment}/config/api-url", "r1"),
        ("orders", f"{environment}/db-credentials", "r1"),
    ]
    assert rows[0]["first_read"].startswith("2026-01-01T09:10:00")


QUERIES = {
    "errors over time": _errors_over_time,
    "who read what": _who_read_what,
    "hit rate": _hit_rate,
    "stale answers": _stale_answers,
    "slowest upstream calls": _slowest_calls,
    "first-ever readers": _first_readers,
}


def check_dashboard(resources, environment):
    """Check that the dashboard shows the three metrics, the alarm, and every saved query."""
    dashboard = one(of_type(resources, "AWS::CloudWatch::Dashboard"), "dashboards")
    widgets = json.loads(dashboard["DashboardBody"])["widgets"]
    (metric,) = [w["properties"]["metrics"] for w in widgets if w["type"] == "metric"]
    assert metric == [[NAMESPACE.format(environment=environment), "Errors"], [".", "Denials"], [".", "StaleAnswers"]]
    (alarm,) = [w["properties"]["alarms"] for w in widgets if w["type"] == "alarm"]
    assert alarm[0].endswith(f":alarm:{environment}-orders-read-errors")
    shown = {w["properties"]["title"]: w["properties"]["query"] for w in widgets if w["type"] == "log"}
    source = f"SOURCE '/aws/lambda/{environment}-orders' | "
    assert shown == {title: source + query(resources, environment, title) for title in QUERIES}
    places = [
        (x, y) for w in widgets for x in range(w["x"], w["x"] + w["width"]) for y in range(w["y"], w["y"] + w["height"])
    ]
    assert len(places) == len(set(places)), "widgets overlap"
    assert max(x for x, _ in places) < 24


def check_detector(resources, environment):
    """Check that the anomaly detector looks at the function's log group, by an ARN without the usual `:*`."""
    detector = one(of_type(resources, "AWS::Logs::LogAnomalyDetector"), "anomaly detectors")
    (arn,) = detector["LogGroupArnList"]
    assert arn.endswith(f":log-group:/aws/lambda/{environment}-orders")


def check_saved(resources, environment):
    """Check that programs which read the saved queries by their form find the ones that are deployed."""
    assert sorted(saved_queries().values()) == sorted(query(resources, environment, title) for title in QUERIES)
    assert not [q for q in saved_queries().values() if '"' in q or "\\" in q]
