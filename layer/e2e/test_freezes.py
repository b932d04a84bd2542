"""The extension is stopped and goes on later, as Lambda freezes an environment, or takes a snapshot of it.

What a freeze means for the clocks is not told by Lambda, so both are tried: that both run on, and that the wall
clock alone does.
"""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cloud import SECRET_NAME
from credentials import CredentialEndpoint
from environment import SESSION_TOKEN
from process import unread, unsent, until
from reads import read_secret
from sample import check_values

HOUR = 3600
TTL = 300
OPERATION = "secretsmanager.GetSecretValue"


@pytest.fixture
def waiting(python_function):
    """A function whose INIT takes until its file begin is there."""
    folder = python_function("waits.handler", "waits.py")
    (folder / "begin").unlink(missing_ok=True)
    return folder


@pytest.fixture
def idle(python_function):
    return python_function("idle.handler", "idle.py")


@pytest.fixture
def background():
    """Does one thing beside the test, which ends at the latest with the environment."""
    thread = ThreadPoolExecutor(1)
    yield thread
    thread.shutdown(wait=False)


@pytest.fixture
def small_buffers():
    """Keep the kernel of this network from taking a whole answer at once."""
    setting = Path("/proc/sys/net/ipv4/tcp_wmem")
    before = setting.read_text()
    setting.write_text("4096 4096 8192")
    yield
    setting.write_text(before)


def wait_in_init(environment):
    until(lambda: "the function waits in INIT" in environment.log(), "the function to wait in INIT")


@pytest.fixture(params=["both clocks", "the wall clock"])
def freeze(request):
    """Let the extension stand still for a time by the one reckoning or the other."""
    return lambda extension, seconds: (
        extension.sleep(seconds) if request.param == "both clocks" else extension.jump(seconds)
    )


def test_in_init(cloud, start, waiting, background, freeze):
    """Stopped in INIT, for longer than the TTL, with a read of the function on its way: that read is answered when
    the extension goes on, and so are those of the invocation."""
    environment = start(function=waiting, LARDER_STALE_WAIT_MILLIS="2000")
    invocation = background.submit(environment.invoke)
    wait_in_init(environment)
    extension = environment.extension()
    with extension.stopped():
        (waiting / "begin").touch()
        until(lambda: unread(2773), "the function's read")
        freeze(extension, TTL + 1)
    check_values(invocation.result(10))

    environment.terminate()
    # Once before the freeze; at the end of INIT, when the value was too old; in the invocation.
    assert environment.outcomes("secretsmanager", SECRET_NAME) == ["miss", "miss", "hit"]


def test_in_the_middle_of_a_call(cloud, start, idle, background, freeze):
    """Stopped while AWS is asked, for longer than the budget of the read and the TTL: that read gets its value, and
    the next one too."""
    environment = start(function=idle, SECRETS_MANAGER_TIMEOUT_MILLIS="1500")
    environment.invoke()
    extension = environment.extension()
    with cloud.silent():
        reading = background.submit(read_secret)
        until(lambda: unread(5000), "the call to AWS")
        with extension.stopped():
            freeze(extension, HOUR)
    assert_prompt(reading.result(10))
    assert_prompt(read_secret())


def test_in_the_middle_of_an_answer(cloud, start, idle, small_buffers, freeze):
    """Stopped while a client takes a long answer, for longer than any limit: the client gets all of it, and the next
    one gets its own at once."""
    value = "v" * (1 << 16)
    cloud.secrets.create_secret(Name="prod/long", SecretString=value)
    environment = start(function=idle, SECRETS_MANAGER_TTL=str(4 * HOUR))
    environment.invoke()
    extension = environment.extension()
    assert_prompt(read_secret("prod/long"))

    with socket.socket() as client:
        client.settimeout(10)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", 2773))
        client.sendall(request("prod/long"))
        received = client.recv(100)
        until(lambda: unsent(2773) > 4000, "the answer to stop half-way")
        freeze(extension, HOUR)
        while part := client.recv(1 << 16):
            received += part
    assert received.startswith(b"HTTP/1.1 200 OK")
    assert json.loads(received.partition(b"\r\n\r\n")[2])["SecretString"] == value
    assert_prompt(read_secret("prod/long"))


def request(name):
    return (
        f"GET /secretsmanager/get?secretId={name} HTTP/1.1\r\n"
        "Host: localhost\r\nConnection: close\r\n"
        f"X-Aws-Parameters-Secrets-Token: {SESSION_TOKEN}\r\n\r\n"
    ).encode()


def assert_prompt(answer):
    assert answer.status == 200, answer
    assert answer.seconds < 1, answer


@pytest.fixture
def credentials():
    endpoint = CredentialEndpoint()
    yield endpoint
    endpoint.close()


def test_snapshot(cloud, door, start, waiting, background, credentials):
    """A stand-in for SnapStart's restore: stopped in INIT, and going on two hours later by the wall clock, with the
    monotonic clock where it was. Before that nothing that was read is kept; the first request after it comes before
    any invocation is heard of, and is answered with new credentials over a new connection."""
    environment = start(
        function=waiting,
        AWS_ENDPOINT_URL=door.url,
        AWS_LAMBDA_INITIALIZATION_TYPE="snap-start",
        AWS_SESSION_TOKEN=None,
        AWS_CONTAINER_CREDENTIALS_FULL_URI=credentials.url,
        AWS_CONTAINER_AUTHORIZATION_TOKEN=credentials.token,
    )

    def read():
        answer = read_secret(token=credentials.token)
        assert_prompt(answer)
        return answer.cache

    invocation = background.submit(environment.invoke)
    wait_in_init(environment)
    extension = environment.extension()
    assert [read(), read()] == ["fwd=bypass", "fwd=bypass"]
    assert door.calls[-1] == door.calls[-2]
    assert credentials.given == ["ASIAEXAMPLE0"]

    extension.jump(2 * HOUR)

    assert read() == "fwd=bypass"
    assert credentials.given == ["ASIAEXAMPLE0", "ASIAEXAMPLE1"]
    assert cloud.signers(OPERATION)[-2:] == ["ASIAEXAMPLE0", "ASIAEXAMPLE1"]
    assert door.calls[-1] != door.calls[-2]

    (waiting / "begin").touch()
    check_values(invocation.result(10))
    until(lambda: read().startswith("hit"), "a read to be remembered after the first invocation")
    # That is a sign of a restore, too, and the certain one.
    assert credentials.given[2:] == ["ASIAEXAMPLE2"]
