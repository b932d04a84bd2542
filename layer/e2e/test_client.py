"""A client of AWS's extension that other people published, unchanged, against the layer."""

import shutil

import pytest
from cloud import API_URL, CREDENTIALS, PARAMETER_NAME, SECRET_NAME
from environment import TOOLS


@pytest.fixture
def function(python_function):
    made = python_function("client.handler", "client.py")
    shutil.copy(TOOLS / "client", made)
    return made


def test_published_client(cloud, start, function):
    """The Rust crate aws-parameters-and-secrets-lambda reads by name, stage and ARN, in INIT and in an invocation.
    It sends names and ARNs as they are, without percent-encoding, and writes the header in its own case."""
    arn = cloud.secrets.describe_secret(SecretId=SECRET_NAME)["ARN"]
    environment = start(function=function, SECRET_NAME=SECRET_NAME, SECRET_ARN=arn, PARAMETER_NAME=PARAMETER_NAME)
    read = [CREDENTIALS["username"]] * 3 + [API_URL, "1"]
    assert environment.invoke() == (200, {"atStart": read, "now": read})

    # By name, by stage and by ARN lead to one entry, so only the very first of six reads went to AWS; a read by
    # ARN that is the first of its kind may ask once more.
    assert cloud.calls("secretsmanager.GetSecretValue") <= 2
    assert cloud.calls("AmazonSSM.GetParameter") == 1


def test_published_client_learns_of_errors(cloud, start, function):
    """It takes the status of a failed read for an error, as it does with AWS's extension."""
    environment = start(function=function, SECRET_NAME="prod/nothing", SECRET_ARN="", PARAMETER_NAME=PARAMETER_NAME)
    status, answer = environment.invoke()
    assert status == 200
    assert "received an error response from the Secrets Manager extension" in answer["now"]
