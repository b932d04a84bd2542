"""With LARDER_ACCESS_LOG=summary the log is shorter, and what the saved queries count is the same."""

import pytest
from cloudwatch.alarm import metrics
from cloudwatch.query import run
from deployment import Deployment, resolved
from pretended_lambda import PretendedLambda
from story import START, moved_to
from template import SAMPLE
from watching import metric_filter, query

INVOCATIONS, READS = 5, 3
# The sample, but with several reads of each value in an invocation.
SEVERAL = f"""
once = handler


def handler(event, context):
    return [once(event, context) for _ in range({READS})][-1]
"""
COUNTS = ("errors over time", "who read what", "hit rate", "stale answers")


@pytest.fixture(scope="module")
def deployment(moto, template):
    return Deployment(moto, template, "counted")


@pytest.fixture(scope="module")
def logs(deployment, folder):
    """The log of the same invocations in both modes."""
    return {mode: log_of(deployment, folder, mode) for mode in ("all", "summary")}


def log_of(deployment, folder, mode):
    """Let the sample read both values at its start and in each invocation, and at the end one that it may not."""
    code = folder / f"several-{mode}"
    code.mkdir()
    (code / "app.py").write_text((SAMPLE / "python" / "app.py").read_text() + SEVERAL)
    names = {"SECRET_NAME": deployment.secret_id, "PARAMETER_NAME": deployment.parameter("api-url")}
    session = deployment.credentials("FunctionRole")
    function = PretendedLambda(folder, deployment.url, session, code, LARDER_ACCESS_LOG=mode, **names)
    for number in range(INVOCATIONS):
        answer = function.invoke(request_id=f"r{number}")
        assert (answer["statusCode"], "readAtStart" in answer["body"]) == (200, True), answer
    log = function.stop()
    denied = names | {"SECRET_NAME": "counted/unrelated"}
    function = PretendedLambda(folder, deployment.url, session, code, LARDER_ACCESS_LOG=mode, **denied)
    assert function.invoke(request_id="r9")["statusCode"] == 500
    return moved_to(START, log + function.stop())


def records(events):
    return [e.document for e in events if e.document and e.document.get("type") == "larder.access"]


def test_the_log_is_shorter(logs):
    hits = 2 * INVOCATIONS * READS
    others = 2 + 1 + READS  # two misses, a denial, and what is remembered of it
    assert len(records(logs["all"])) == hits + others
    summaries = [r for r in records(logs["summary"]) if "reads" in r]
    assert sum(r["reads"] for r in summaries) == hits
    # A line an invocation and name; one more where an invocation's first read came before its event.
    assert 2 * INVOCATIONS <= len(summaries) <= 2 * (INVOCATIONS + 1)
    assert len(records(logs["summary"])) == len(summaries) + others


def test_queries_count_the_same(template, logs):
    resources = resolved(template, "counted")
    for title in COUNTS:
        counted = {mode: counts(run(query(resources, "counted", title), log)) for mode, log in logs.items()}
        assert counted["all"] == counted["summary"], title
    rows = run(query(resources, "counted", "who read what"), logs["summary"])
    assert [row["read_count"] for row in rows] == [INVOCATIONS * READS + 1] * 2


def counts(rows):
    """Leave out when it was, and in how many invocations: which one a read belongs to, Larder can but guess."""
    kept = [{name: value for name, value in row.items() if name not in ("last_read", "requests")} for row in rows]
    return sorted(kept, key=str)


def test_metrics_count_the_same(template, logs):
    resources = resolved(template, "counted")
    for metric in ("Errors", "Denials", "StaleAnswers"):
        watched = metric_filter(resources, "counted", metric)
        counted = {mode: sum(value for _, value in metrics(watched, log)) for mode, log in logs.items()}
        assert counted["all"] == counted["summary"], metric
