"""The evaluator of alarms, on the rules of AWS's pages about alarms and about metric filters."""

import pytest
from cloudwatch.alarm import metrics, states
from cloudwatch.events import Event

ALARM = {
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}
FILTER = {"FilterPattern": "{ $.status >= 400 }", "MetricTransformations": [{"MetricValue": "1", "DefaultValue": 0}]}


# The three periods have a sum of two, of one, and nothing.
@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("GreaterThanThreshold", ["ALARM", "OK", "OK"]),
        ("GreaterThanOrEqualToThreshold", ["ALARM", "ALARM", "OK"]),
        ("LessThanThreshold", ["OK", "OK", "OK"]),
        ("LessThanOrEqualToThreshold", ["OK", "ALARM", "OK"]),
    ],
)
def test_operators(operator, expected):
    values = [(0, 1.0), (59_999, 1.0), (60_000, 1.0), (60_001, 0.0)]
    assert states(ALARM | {"ComparisonOperator": operator}, values, 0, 179_999) == expected


def test_other_forms_are_refused():
    for changed in ({"Statistic": "Average"}, {"EvaluationPeriods": 2}, {"TreatMissingData": "missing"}):
        with pytest.raises(ValueError, match="form"):
            states(ALARM | changed, [], 0, 1)


# "If a match is not found, the default value is reported", so that quiet periods have one.
def test_metrics():
    events = [Event(1, '{"status": 500}'), Event(2, '{"status": 200}'), Event(3, "text")]
    assert metrics(FILTER, events) == [(1, 1.0), (2, 0.0), (3, 0.0)]
