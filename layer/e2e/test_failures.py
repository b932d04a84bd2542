"""What a function sees when a value is missing, and what is left when the function itself fails."""

import socket

import pytest
from cloud import PARAMETER_NAME, SECRET_NAME
from sample import check_values, failure

AWS_SENTENCE = "an unexpected error occurred while executing request"


@pytest.fixture
def faulty(python_function):
    return python_function("faults.handler", "faults.py")


def test_missing_secret(cloud, start, sample_function):
    """The caller learns the cause: AWS's sentence, which clients test for, then what was asked and AWS's code.
    The failed read at module scope does not keep the function from starting, and the one that follows it at once is
    answered with what is known by then, without another call."""
    environment = start(function=sample_function, SECRET_NAME="prod/nothing")
    failed = failure(environment.invoke())
    environment.terminate()

    assert AWS_SENTENCE in failed["error"]
    assert "GetSecretValue" in failed["error"]
    assert "prod/nothing" in failed["error"]
    assert failed["code"] == "ResourceNotFoundException"
    assert failed["readAtStart"] is False
    assert "at start: reading secret prod/nothing" in environment.log()
    assert environment.outcomes("secretsmanager", "prod/nothing") == ["error", "negative"]
    assert cloud.calls("secretsmanager.GetSecretValue") == 1


def test_missing_parameter(start):
    """The same for a parameter, after a secret that could be read."""
    environment = start(PARAMETER_NAME="/prod/nothing")
    failed = failure(environment.invoke())

    assert AWS_SENTENCE in failed["error"]
    assert "GetParameter" in failed["error"]
    assert failed["code"] == "ParameterNotFound"


@pytest.mark.parametrize("upstream", ["refused", "silent"])
def test_aws_out_of_reach(upstream, start):
    """Without a way to AWS, as in a network that lacks an endpoint, each read fails in time for a function with a
    timeout of 3 seconds, says so, and leaves function and extension running. The reason that INIT waited for is
    known to the invocation that follows at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1] if upstream == "silent" else 9
        environment = start(AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}", AWS_LAMBDA_FUNCTION_TIMEOUT="10")
        failed = failure(environment.invoke())
        assert environment.extension_pid()
        environment.terminate()

    assert AWS_SENTENCE in failed["error"]
    assert failed["code"]
    reads = [record for record in environment.records() if record["source"] == "secretsmanager"]
    assert [record["outcome"] for record in reads] == ["error", "negative"]
    for read in reads:
        assert read["status"] == (504 if upstream == "silent" else 503)
        assert read["duration_ms"] < 2900


def test_function_timeout(cloud, start, faulty):
    """After a timeout Lambda starts a new process of everything in the same environment. Its extension binds the
    port at once and starts with an empty memory."""
    environment = start(function=faulty, AWS_LAMBDA_FUNCTION_TIMEOUT="2")
    check_values(environment.invoke())
    first = environment.extension_pid()

    _, answer = environment.invoke({"sleep": 10})
    assert "Task timed out after 2.00 seconds" in str(answer)
    assert environment.extension_pid() != first

    check_values(environment.invoke())
    second = environment.extension_pid()
    assert second not in (None, first)
    environment.terminate()

    reads = ["miss", "hit"]
    assert environment.outcomes("secretsmanager", SECRET_NAME) == reads + reads
    assert environment.outcomes("ssm", PARAMETER_NAME) == reads + reads
    assert cloud.calls("secretsmanager.GetSecretValue") == 2


def test_function_crash(cloud, start, faulty):
    """The same after a crash of the function."""
    environment = start(function=faulty)
    check_values(environment.invoke())
    first = environment.extension_pid()

    status, answer = environment.invoke({"exit": True})
    assert status == 502
    assert "Runtime.ExitError" in str(answer)

    check_values(environment.invoke())
    assert environment.extension_pid() not in (None, first)
    environment.terminate()
    assert environment.outcomes("secretsmanager", SECRET_NAME) == ["miss", "hit", "miss", "hit"]
    assert cloud.calls("secretsmanager.GetSecretValue") == 2
