"""The evaluator of queries, on the examples of AWS's pages about CloudWatch Logs Insights."""

import json

import pytest
from cloudwatch.events import Event, events_of
from cloudwatch.query import run

MINUTE = 60_000
START = 1_767_225_600_000  # 2026-01-01 00:00:00 UTC


def events(*documents):
    """Make events a minute apart of documents, or of texts."""
    lines = [document if isinstance(document, str) else json.dumps(document) for document in documents]
    return [Event(START + index * MINUTE, line) for index, line in enumerate(lines)]


# "25 most recently added log events"
def test_most_recent():
    rows = run("fields @timestamp, @message | sort @timestamp desc | limit 25", events(*map(str, range(30))))
    assert len(rows) == 25
    assert rows[0] == {"@timestamp": "2026-01-01 00:29:00.000", "@message": "29"}


# "Number of exceptions logged every 5 minutes"
def test_exceptions_by_bin():
    query = "filter @message like /Exception/ | stats count(*) as exceptionCount by bin(5m) | sort exceptionCount desc"
    log = events("fine", "IOException", "fine", "fine", "fine", "KeyException", "an Exception", "exception")
    assert run(query, log) == [
        {"bin(5m)": "2026-01-01 00:05:00.000", "exceptionCount": 2},
        {"bin(5m)": "2026-01-01 00:00:00.000", "exceptionCount": 1},
    ]


# "List of log events that are not exceptions", with today's operator
def test_not_exceptions():
    log = events("fine", "IOException")
    assert run("fields @message | filter not (@message like /Exception/)", log) == [{"@message": "fine"}]


# "Route 53 records per hour, by query type"
def test_two_groups():
    log = events({"queryType": "A"}, {"queryType": "A"}, {"queryType": "MX"})
    log += [Event(START + 60 * MINUTE, '{"queryType": "A"}')]
    assert run("stats count(*) by queryType, bin(1h)", log) == [
        {"queryType": "A", "bin(1h)": "2026-01-01 00:00:00.000", "count(*)": 2},
        {"queryType": "MX", "bin(1h)": "2026-01-01 00:00:00.000", "count(*)": 1},
        {"queryType": "A", "bin(1h)": "2026-01-01 01:00:00.000", "count(*)": 1},
    ]


# "The query contains an alias in the fields command", and "in the sort and stats commands"
def test_aliases():
    log = events(
        {"accountId": "1", "duration": 3}, {"accountId": "2", "duration": 7}, {"accountId": "3", "duration": 3}
    )
    assert run("fields @timestamp, @message, accountId as ID | sort @timestamp desc | limit 20", log)[0]["ID"] == "3"
    assert run("stats count(*) by duration as time | sort time desc", log) == [
        {"time": 7, "count(*)": 1},
        {"time": 3, "count(*)": 2},
    ]


# "Number of log entries by region and EC2 event type"
def test_filter_before_stats():
    log = events(
        {"eventSource": "ec2.amazonaws.com", "eventName": "RunInstances", "awsRegion": "us-east-1"},
        {"eventSource": "s3.amazonaws.com", "eventName": "GetObject", "awsRegion": "us-east-1"},
        {"eventSource": "ec2.amazonaws.com", "eventName": "StopInstances", "awsRegion": "eu-west-1"},
        {"eventSource": "ec2.amazonaws.com", "eventName": "RunInstances", "awsRegion": "us-east-1"},
    )
    query = """filter eventSource="ec2.amazonaws.com"
        | stats count(*) as eventCount by eventName, awsRegion
        | sort eventCount desc"""
    assert run(query, log) == [
        {"eventName": "RunInstances", "awsRegion": "us-east-1", "eventCount": 2},
        {"eventName": "StopInstances", "awsRegion": "eu-west-1", "eventCount": 1},
    ]


# "Regions, usernames, and ARNs of newly created IAM users"
def test_nested_fields():
    log = events(
        {
            "eventName": "CreateUser",
            "requestParameters": {"userName": "ana"},
            "responseElements": {"user": {"arn": "arn:1"}},
        }
    )
    query = 'filter eventName="CreateUser" | fields awsRegion, requestParameters.userName, responseElements.user.arn'
    assert run(query, log) == [{"requestParameters.userName": "ana", "responseElements.user.arn": "arn:1"}]


# "Number of requests received every 10 minutes by edge location": the ten busiest
def test_limit_after_sort():
    log = events(*({"resolverIp": f"10.0.0.{i % 12}"} for i in range(30)))
    rows = run("stats count(*) as numRequests by resolverIp | sort numRequests desc | limit 10", log)
    assert len(rows) == 10
    assert rows[0] == {"resolverIp": "10.0.0.0", "numRequests": 3}
    assert rows[9]["numRequests"] == 2


# "The average, minimum and maximum of the duration in every five minutes", of Lambda's report lines
def test_aggregates():
    log = events(
        *({"type": "REPORT", "duration": duration} for duration in (1.5, 2.5, 11)), {"type": "START", "duration": 99}
    )
    assert run(
        "filter type = 'REPORT' | stats avg(duration), max(duration), min(duration), sum(duration) by bin(5m)", log
    ) == [
        {
            "bin(5m)": "2026-01-01 00:00:00.000",
            "avg(duration)": 5,
            "max(duration)": 11,
            "min(duration)": 1.5,
            "sum(duration)": 15,
        }
    ]


# "earliest: the value of fieldName from the log event that has the earliest timestamp", whatever the order of lines
def test_earliest_and_latest():
    log = events({"a": 1}, {"b": 0}, {"a": 3})[::-1]
    assert run("stats earliest(a) as first, latest(a) as last, count(*) as all, count(a) as some", log) == [
        {"first": 1, "last": 3, "all": 3, "some": 2}
    ]


# "strcontains: returns 1 if str contains searchValue and 0 otherwise", and arithmetic on results
def test_functions():
    log = events({"outcome": "hit"}, {"outcome": "miss"}, {"outcome": "hit", "extra": 5}, {})
    query = """fields strcontains(outcome, 'hit') as hit, coalesce(extra, 1) as weight
        | stats 100 * sum(hit) / count(*) as rate, sum(weight) as weights, count_distinct(outcome) as outcomes"""
    assert run(query, log) == [{"rate": 50, "weights": 8, "outcomes": 2}]
    assert run("filter ispresent(extra) | fields outcome", log) == [{"outcome": "hit"}]


# "coalesce: returns the first non-null value from the list", with a constant at its end, and fields made of fields
def test_weights():
    log = events({"outcome": "hit", "reads": 5}, {"outcome": "hit"}, {"outcome": "miss"})
    query = """fields coalesce(reads, 1) as weight
        | fields weight * strcontains(outcome, 'hit') as hits
        | stats sum(hits) as all_hits, sum(weight) as all, count(*) as lines"""
    assert run(query, log) == [{"all_hits": 6, "all": 7, "lines": 3}]


def test_sort_both_ways_and_what_is_missing():
    log = events({"a": 2, "b": "x"}, {"a": 10, "b": "x"}, {"b": "y"})
    assert [row.get("a") for row in run("fields a | sort a asc", log)] == [None, 2, 10]
    assert [row.get("a") for row in run("fields a | sort a desc", log)] == [10, 2, None]
    assert [row.get("a") for row in run("fields a | sort b desc, a asc", log)] == [None, 2, 10]


def test_statistics_of_nothing():
    assert run("filter a = 1 | stats count(*) as all, sum(a) as total, max(a) as most", events({})) == [
        {"all": 0, "total": 0}
    ]
    assert run("filter a = 1 | stats count(*) by a", events({})) == []


def test_comparisons_with_what_is_missing_or_of_another_kind_do_not_hold():
    log = events({"status": 500}, {"status": "500"}, {}, "no JSON")
    assert len(run("filter status >= 400", log)) == 1
    assert len(run("filter status < 400", log)) == 0
    assert len(run("filter status = '500'", log)) == 1


def test_precedence():
    log = events({"a": 1, "b": 0, "c": 0}, {"a": 0, "b": 1, "c": 1}, {"a": 0, "b": 1, "c": 0})
    assert len(run("filter a = 1 or b = 1 and c = 1", log)) == 2
    assert len(run("filter (a = 1 or b = 1) and c = 1", log)) == 1
    assert len(run("filter not a = 1 and c = 0", log)) == 1
    assert run("fields 2 + 3 * 4 - 6 / 2 as x | limit 1", log) == [{"x": 11}]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "parse @message '*' as x",
        "fields a |",
        "filter a =",
        "sort a",
        "limit x",
        "stats a by b",
        "fields unknown(a)",
        "filter (a = 1",
        "filter a = 1 fields b",
    ],
)
def test_what_is_not_understood_is_refused(query):
    with pytest.raises(SyntaxError):
        run(query, events({"a": 1}))


# A log is a mixture of Larder's records, which tell their time, and of lines that do not.
def test_events_of_a_log():
    log = 'START RequestId: 1\n{"timestamp":"2026-01-01T00:01:00.5Z","a":1}\nfunction\'s own line\n'
    assert [event.milliseconds for event in events_of(log)] == [0, START + 60_500, START + 60_500]
    assert events_of(log)[1].fields == {
        "@timestamp": "2026-01-01 00:01:00.500",
        "@message": '{"timestamp":"2026-01-01T00:01:00.5Z","a":1}',
        "timestamp": "2026-01-01T00:01:00.5Z",
        "a": 1,
    }
