"""The layer on Lambda Managed Instances: many invocations at once, and no INVOKE for extensions."""

import time
from concurrent.futures import ThreadPoolExecutor

from cloud import SECRET_NAME
from sample import check_values

CONCURRENCY = 4


def invoke_when_idle(environment):
    """Invoke as a client that is told to come again: the emulator answers a moment before the runtime is idle."""
    deadline = time.monotonic() + 20
    while True:
        status, answer = environment.invoke()
        if status != 400 or "Runtime.Unavailable" not in str(answer) or time.monotonic() > deadline:
            return status, answer


def test_concurrent_invocations(cloud, start, sample_function):
    """Four clients at once get the right values for one call to AWS, though each Python process of the function
    reads at its own start. Every read is recorded, though no INVOKE ever tells the extension to write, and the
    extension has left within a second of the host's order."""
    environment = start(
        function=sample_function,
        AWS_LAMBDA_MAX_CONCURRENCY=str(CONCURRENCY),
        AWS_LAMBDA_INITIALIZATION_TYPE="lambda-managed-instances",
    )
    with ThreadPoolExecutor(CONCURRENCY) as clients:
        answers = list(clients.map(lambda _: invoke_when_idle(environment), range(10 * CONCURRENCY)))
    for answer in answers:
        check_values(answer)
    assert environment.extension_pid()
    assert environment.terminate() < 1.0

    # One read at each start, of which the Python function has four and the Go function one, and one a client.
    starts = CONCURRENCY if (sample_function / "app.py").exists() else 1
    assert len(environment.outcomes("secretsmanager", SECRET_NAME)) == len(answers) + starts
    assert cloud.calls("secretsmanager.GetSecretValue") == 1
    assert cloud.calls("AmazonSSM.GetParameter") == 1
