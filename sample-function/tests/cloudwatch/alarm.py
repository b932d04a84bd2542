"""Metrics that metric filters make of events, and the state of an alarm on one of them."""

import operator
from collections import Counter

from cloudwatch.filter_pattern import compile_pattern

COMPARISONS = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def metrics(metric_filter, events):
    """Return the values that a metric filter, given by its properties, publishes: (milliseconds, value) each.

    Matching events give the metric's value, and others its default.
    """
    (transformation,) = metric_filter["MetricTransformations"]
    matches = compile_pattern(metric_filter["FilterPattern"])
    value, default = float(transformation["MetricValue"]), float(transformation["DefaultValue"])
    return [(event.milliseconds, value if matches(event) else default) for event in events]


def states(alarm, values, start, end):
    """Return an alarm's state, OK or ALARM, after each of its periods from start to end, in milliseconds.

    The alarm is given by its properties: a sum over one period that is compared with a threshold, where a period
    without a value is not breaching.
    """
    if (alarm["Statistic"], alarm["EvaluationPeriods"], alarm["TreatMissingData"]) != ("Sum", 1, "notBreaching"):
        raise ValueError("an alarm of a form that is not evaluated here")
    period = alarm["Period"] * 1000
    breaches, threshold = COMPARISONS[alarm["ComparisonOperator"]], alarm["Threshold"]
    sums, counts = Counter(), Counter()
    for milliseconds, value in values:
        sums[milliseconds // period] += value
        counts[milliseconds // period] += 1
    periods = range(start // period, end // period + 1)
    return ["ALARM" if counts[p] and breaches(sums[p], threshold) else "OK" for p in periods]
