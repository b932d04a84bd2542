"""The wall clock jumps while the layer serves: a value's time is over when it is over, and neither a value nor a
failure lives forever.

The monotonic clock, by which Go measures time where it can, runs on in all of this. Real waits of more than a second
or so are avoided by generous settings; a jump takes no time.
"""

import pytest
from cloud import SECRET_NAME
from reads import read_secret

TTL = 300
STALE_IF_ERROR = 3600
HOUR = 3600
OPERATION = "secretsmanager.GetSecretValue"


@pytest.fixture
def begin(start, python_function):
    """Start an environment that serves and is idle, and return it with the extension's process."""

    def begin(**variables):
        environment = start(
            function=python_function("idle.handler", "idle.py"),
            SECRETS_MANAGER_TTL=str(TTL),
            LARDER_STALE_IF_ERROR=str(STALE_IF_ERROR),
            **variables,
        )
        assert environment.invoke() == (200, "idle")
        return environment, environment.extension()

    return begin


def change(cloud, value):
    cloud.secrets.put_secret_value(SecretId=SECRET_NAME, SecretString=value)


def check(answer, cache, value=None):
    """Check that a read succeeded, where its value came from, and which value it was."""
    assert answer.status == 200, answer
    assert answer.cache.startswith(cache), answer
    assert value is None or value in answer.body


# With patience: on a busy machine AWS may take longer than a quarter of a second.
PATIENT = {"LARDER_STALE_WAIT_MILLIS": "2000"}


def test_forward(begin, cloud):
    """Past the TTL by the wall clock a read goes to AWS, and within it none does."""
    environment, extension = begin(**PATIENT)
    check(read_secret(), "fwd=miss")
    change(cloud, "second")
    extension.jump(TTL // 2)
    check(read_secret(), "hit")
    extension.jump(TTL // 2 + 1)
    check(read_secret(), "fwd=stale", "second")
    check(read_secret(), "hit", "second")

    environment.terminate()
    assert environment.outcomes("secretsmanager", SECRET_NAME) == ["miss", "hit", "miss", "hit"]
    assert cloud.calls(OPERATION) == 2


def test_back(begin, cloud):
    """A value from the future counts as expired: it is not known how old it is. What replaces it expires as ever,
    and so it goes with another jump."""
    _, extension = begin(**PATIENT)
    check(read_secret(), "fwd=miss")
    change(cloud, "second")
    extension.jump(-2 * HOUR)
    check(read_secret(), "fwd=stale", "second")
    check(read_secret(), "hit", "second")
    change(cloud, "third")
    extension.jump(TTL + 1)
    check(read_secret(), "fwd=stale", "third")
    extension.jump(-60)
    check(read_secret(), "fwd=stale", "third")
    assert cloud.calls(OPERATION) == 4


def test_forward_in_an_outage(begin, cloud):
    """While AWS does not answer, a value is served past its TTL for as long as was allowed, and not longer. Then
    the reason is told, within the read's budget. Afterwards the new value is read."""
    environment, extension = begin(SECRETS_MANAGER_TIMEOUT_MILLIS="1000")
    check(read_secret(), "fwd=miss")
    change(cloud, "second")
    with cloud.silent():
        extension.jump(TTL + 1)
        first = read_secret()
        check(first, "hit; ttl=-", "correct-horse")
        assert "detail=Timeout" in first.cache
        assert first.seconds < 0.9, "the read waited for AWS longer than LARDER_STALE_WAIT_MILLIS"
        extension.jump(STALE_IF_ERROR - TTL // 2)
        check(read_secret(), "hit; ttl=-", "correct-horse")
        extension.jump(TTL)
        late = read_secret()
        assert (late.status, late.error) == (504, "Timeout")
        assert late.seconds < 1.5
        assert "GetSecretValue" in late.body
        assert SECRET_NAME in late.body
    extension.jump(3)  # past LARDER_NEGATIVE_TTL
    check(read_secret(), "fwd=miss", "second")

    environment.terminate()
    assert environment.outcomes("secretsmanager", SECRET_NAME) == ["miss", "stale", "stale", "error", "miss"]
    stale = [record for record in environment.records() if record["outcome"] == "stale"]
    assert {record["error"] for record in stale} == {"Timeout"}


def test_back_in_an_outage(begin, cloud):
    """The clock steps back while AWS does not answer: the value is served, and the time for which it may be is
    counted from then on."""
    _, extension = begin(SECRETS_MANAGER_TIMEOUT_MILLIS="1000")
    check(read_secret(), "fwd=miss")
    with cloud.silent():
        extension.jump(-24 * HOUR)
        check(read_secret(), "hit; ttl=", "correct-horse")
        extension.jump(STALE_IF_ERROR - 60)
        check(read_secret(), "hit; ttl=-", "correct-horse")
        extension.jump(61)
        late = read_secret()
        assert (late.status, late.error) == (504, "Timeout")


def test_back_after_a_failure(begin, cloud):
    """A failure that is remembered is forgotten when the clock steps back: the next read asks AWS, and what that
    brings is remembered for its own time."""
    environment, extension = begin(LARDER_NEGATIVE_TTL="60")

    def read():
        answer = read_secret("prod/late")
        assert answer.error == "ResourceNotFoundException"
        return answer.cache

    assert [read(), read()] == ["fwd=miss", "hit; detail=negative"]
    extension.jump(-HOUR)
    assert [read(), read()] == ["fwd=miss", "hit; detail=negative"]
    cloud.secrets.create_secret(Name="prod/late", SecretString="here")
    extension.jump(61)
    check(read_secret("prod/late"), "fwd=miss", "here")

    environment.terminate()
    assert environment.outcomes("secretsmanager", "prod/late") == ["error", "negative", "error", "negative", "miss"]
