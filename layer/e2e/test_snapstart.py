"""The layer where credentials come from the container endpoint, as under SnapStart.

The emulator knows no snapshot and no restore. Its init caching gives the credentials the way SnapStart does.
"""

from cloud import PARAMETER_NAME, SECRET_NAME
from sample import check_values

FLAG = "--enable-init-caching"
# The emulator would pass its own on.
NO_SESSION_TOKEN = {"AWS_SESSION_TOKEN": None}


def test_container_credentials(cloud, start, python_function):
    """Without a session token the extension knows the function by the authorization token of the credentials
    endpoint, which both have instead, and reads with the credentials that are there."""
    environment = start(FLAG, function=python_function("faults.handler", "faults.py"), **NO_SESSION_TOKEN)
    check_values(environment.invoke())
    assert environment.invoke({"variable": "AWS_SESSION_TOKEN"}) == (200, "absent")
    check_values(environment.invoke())
    environment.terminate()

    assert environment.outcomes("secretsmanager", SECRET_NAME) == ["miss", "hit", "hit"]
    assert cloud.calls("secretsmanager.GetSecretValue") == 1


def test_nothing_is_kept_for_the_snapshot(cloud, start, python_function):
    """Reads are answered in INIT, but what they read is not kept, since all memory would go into the snapshot:
    a second read there goes to AWS, too. From the first invocation on values are remembered."""
    environment = start(
        FLAG,
        function=python_function("twice.handler", "twice.py"),
        AWS_LAMBDA_INITIALIZATION_TYPE="snap-start",
        **NO_SESSION_TOKEN,
    )
    for _ in range(3):
        check_values(environment.invoke())
    environment.terminate()

    for source, name in [("secretsmanager", SECRET_NAME), ("ssm", PARAMETER_NAME)]:
        outcomes = environment.outcomes(source, name)
        assert outcomes[:2] == ["miss", "miss"]
        # The first invocation's read may come before the extension has heard of that invocation.
        assert outcomes[-1] == "hit"
    assert cloud.calls("secretsmanager.GetSecretValue") >= 3
    assert cloud.calls("AmazonSSM.GetParameter") >= 3
