"""What README.md shows of the stack's queries, metrics, alarm and dashboard: text, made of the known run."""

import json
import re
from itertools import groupby

from cloudwatch.alarm import metrics, states
from cloudwatch.query import run
from cloudwatch.table import table
from story import START
from template import SAMPLE
from watching import FIVE_MINUTES, QUERIES, metric_filter, of_type, one, query

README = SAMPLE.parent / "README.md"
PERIODS = 3
SHOWN_ROWS = 3  # of the slowest calls


def shown():
    """Return what the README's section shows, by title: the queries are in its first block, the others in their own."""
    section = README.read_text().partition("\n## Watching it\n")[2].partition("\n## ")[0]
    queries, measured, dashboard = re.findall(r"^```text\n(.*?)\n```$", section, re.MULTILINE | re.DOTALL)
    found = dict(block.split("\n", 1) for block in queries.split("\n\n"))
    return found | {"metrics": measured, "dashboard": dashboard}


def samples(resources, environment, events):
    """Return the same, as it is now."""
    found = {f"[{title}]": query_lines(resources, environment, events, title) for title in QUERIES}
    found["metrics"] = metric_lines(resources, environment, events)
    found["dashboard"] = dashboard_lines(resources)
    return {title: "\n".join(lines) for title, lines in found.items()}


def query_lines(resources, environment, events, title):
    rows = run(query(resources, environment, title), events)
    if title == "slowest upstream calls":
        rows = rows[:SHOWN_ROWS]
    lines = table(rows)
    if title == "errors over time":
        lines[1:] = [f"{line}  {'█' * row['errors']}" for line, row in zip(lines[1:], rows, strict=True)]
    return lines


def metric_lines(resources, environment, events):
    """The metrics of the first periods, and the alarm's state after each."""
    start = int(START.timestamp() * 1000)
    names = ("Errors", "Denials", "StaleAnswers")
    values = {name: metrics(metric_filter(resources, environment, name), events) for name in names}
    alarm = one(of_type(resources, "AWS::CloudWatch::Alarm"), "alarms")
    found = states(alarm, values["Errors"], start, start + PERIODS * FIVE_MINUTES - 1)
    rows = []
    for period, state in enumerate(found):
        begin = start + period * FIVE_MINUTES
        row = {"time": f"09:{period * 5:02d}"}
        for name in names:
            row[name] = int(sum(value for at, value in values[name] if begin <= at < begin + FIVE_MINUTES))
        rows.append(row | {alarm["AlarmName"]: state})
    return table(rows)


def dashboard_lines(resources):
    """The titles of the widgets, where they stand."""
    dashboard = one(of_type(resources, "AWS::CloudWatch::Dashboard"), "dashboards")
    widgets = sorted(json.loads(dashboard["DashboardBody"])["widgets"], key=lambda w: (w["y"], w["x"]))
    lines = []
    for _, row in groupby(widgets, key=lambda w: w["y"]):
        lines.append("|" + "|".join(f" {w['properties']['title']}".ljust(w["width"] * 3 - 1) for w in row) + "|")
    rule = "+" + "-" * (len(lines[0]) - 2) + "+"
    return [rule, *(line for pair in lines for line in (pair, rule))]


def unchanging(block):
    """Take out what differs from run to run: times below a second, milliseconds, and the widths that follow of them."""
    block = re.sub(r"(:\d\d)\.\d{3}Z", r"\1Z", block)
    block = re.sub(r"(?<=T\d\d:\d\d:)\d\d(?=Z)", "SS", block)
    return re.sub(r" {2,}", "  ", block)
