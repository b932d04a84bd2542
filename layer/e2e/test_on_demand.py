"""The layer under Lambda's ordinary life: INIT, invocations one after another, SHUTDOWN."""

import time

from cloud import API_URL, CREDENTIALS, PARAMETER_NAME, SECRET_NAME
from sample import check_values


def test_reads_in_init_and_in_every_invocation(cloud, start, sample_function):
    """The function's start and three invocations get both values for one call to AWS each, and each read is
    recorded by the time of SHUTDOWN."""
    environment = start(function=sample_function)
    for _ in range(3):
        check_values(environment.invoke())
    environment.terminate()

    assert environment.outcomes("secretsmanager", SECRET_NAME) == ["miss", "hit", "hit", "hit"]
    assert environment.outcomes("ssm", PARAMETER_NAME) == ["miss", "hit", "hit", "hit"]
    assert cloud.calls("secretsmanager.GetSecretValue") == 1
    assert cloud.calls("AmazonSSM.GetParameter") == 1


def test_record_names_the_read(start, sample_function):
    """A record tells what an audit asks: which function read what, which version of it was served, and when."""
    environment = start(function=sample_function)
    check_values(environment.invoke())
    environment.terminate()

    for record in environment.records():
        assert record["function"] == "orders"
        assert record["version"] == "7"
        assert record["status"] == 200
        assert record["level"] == "INFO"
        assert record["versionId"]
        assert record["requestId"]
        assert time.strptime(record["timestamp"][:19], "%Y-%m-%dT%H:%M:%S")
        assert record["duration_ms"] >= record["upstream_ms"] >= 0
        assert (record["upstream_ms"] > 0) == (record["outcome"] == "miss")


def test_no_value_is_ever_printed(start, sample_function):
    """Neither the extension nor the function prints a value or a token, at the most talkative level."""
    environment = start(function=sample_function, PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL="debug")
    check_values(environment.invoke())
    check_values(environment.invoke())
    environment.terminate()

    log = environment.log()
    assert len(environment.records()) == 6
    for value in (CREDENTIALS["password"], CREDENTIALS["host"], API_URL, "the-function-s-session-token"):
        assert value not in log


def test_other_port(start, sample_function):
    """The extension listens where its variable says, and the function finds it there."""
    environment = start(function=sample_function, PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="2999")
    check_values(environment.invoke())


def test_runs_under_the_name_of_its_file(start):
    """A zip built with AWS's name registers under that name, which some clients look for in /opt/extensions."""
    name = "AWSParametersAndSecretsLambdaExtension"
    environment = start(name=name)
    check_values(environment.invoke())

    assert f"External agent {name} " in environment.log()
    assert environment.extension_pid(name)
    assert environment.extension_pid("larder") is None


def test_shutdown_is_quick_and_complete(start, sample_function):
    """Within a second of the host's order the extension has left by itself, with every read recorded."""
    environment = start(function=sample_function)
    check_values(environment.invoke())
    assert environment.extension_pid()

    assert environment.terminate() < 1.0
    assert len(environment.records()) == 4
    assert "Killing" not in environment.log()
