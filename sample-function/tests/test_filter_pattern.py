"""The evaluator of filter patterns, on the examples of AWS's page "Filter pattern syntax for metric filters"."""

import json

import pytest
from cloudwatch.events import Event
from cloudwatch.filter_pattern import compile_pattern

# The page's first event, for simple patterns.
TRAIL = {
    "eventType": "UpdateTrail",
    "sourceIPAddress": "111.111.111.111",
    "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
    "SomeObject": None,
}
# Its second, for compound ones.
USERS = {
    "user": {"id": 1, "email": "John.Stiles@example.com"},
    "users": [{"id": 2, "email": "John.Doe@example.com"}, {"id": 3, "email": "Jane.Doe@example.com"}],
    "actions": ["GET", "PUT", "DELETE"],
    "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]],
}


def matches(pattern, document):
    return compile_pattern(pattern)(Event(0, json.dumps(document)))


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "UpdateTrail" }',
        "{ $.sourceIPAddress != 123.123.* }",
        '{ $.arrayKey[0] = "value" }',
        "{ $.objectList[1].id = 2 }",
        "{ $.SomeObject IS NULL }",
        "{ $.SomeOtherObject NOT EXISTS }",
    ],
)
def test_examples_that_match(pattern):
    assert matches(pattern, TRAIL)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', True),
        ('{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }', False),
        (
            '{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch && $.actions[2] = nonmatch }',
            True,
        ),
        (
            '{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch) && $.actions[2] = no }',
            False,
        ),
    ],
)
def test_compound_examples(pattern, expected):
    assert matches(pattern, USERS) is expected


@pytest.mark.parametrize(
    ("pattern", "document", "expected"),
    [
        ('{ $.eventType = "Update*" }', TRAIL, True),
        ('{ $.eventType = "*Trail" }', TRAIL, True),
        ('{ $.eventType = "update*" }', TRAIL, False),
        ('{ $.eventType = "Update" }', TRAIL, False),
        ("{ $.sourceIPAddress != 111.111.* }", TRAIL, False),
        ('{ $.missing != "x" }', TRAIL, False),
        ("{ $.bandwidth > 75 }", {"bandwidth": 76}, True),
        ("{ $.bandwidth > 75 }", {"bandwidth": 75}, False),
        ("{ $.bandwidth >= 75 }", {"bandwidth": 75}, True),
        ("{ $.latency < 50 }", {"latency": 49.5}, True),
        ("{ $.latency <= 50 }", {"latency": 51}, False),
        ("{ $.latency = 50 }", {"latency": "50"}, False),
        ("{ $.latency = 1 }", {"latency": True}, False),
        ("{ $.SomeObject NOT EXISTS }", TRAIL, False),
        ("{ $.missing IS NULL }", TRAIL, False),
    ],
)
def test_comparisons(pattern, document, expected):
    assert matches(pattern, document) is expected


@pytest.mark.parametrize("line", ["", "START RequestId: 1", '["a"]', '{"status": 500', '1 {"status": 500}'])
def test_what_is_no_json_object_matches_nothing(line):
    assert not compile_pattern("{ $.status >= 400 }")(Event(0, line))


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "ERROR",
        "{ }",
        "{ $.a }",
        "{ $.a = }",
        "{ $.a = 1",
        "{ $.a = 1 } x",
        '{ a = "x" }',
        '{ $.a > "x" }',
        "{ ($.a = 1 }",
    ],
)
def test_what_is_not_understood_is_refused(pattern):
    with pytest.raises(SyntaxError):
        compile_pattern(pattern)
