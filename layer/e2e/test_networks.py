"""Networks that swallow packets: no read waits longer than its budget, and each says why it failed.

What is tried out here is what functions in a VPC meet: a resolver out of reach, a subnet without a route or an
endpoint, a NAT gateway that has forgotten a connection.
"""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from cloud import SECRET_NAME
from door import Door
from reads import read_secret

# Reserved for documentation (RFC 5737).
NETWORK = "198.51.100.0/24"
RESOLVER = "198.51.100.53"
NOWHERE = "198.51.100.80"
# In seconds: what the layer has by default, and what a machine may take that is busy with something else.
BUDGET = 2.5
STALE_WAIT = 0.25
TTL = 300
GRACE = 0.6


@pytest.fixture
def swallowing():
    """Make all packets to NETWORK vanish. The kernel gives up what is sent to its own loopback device and is for
    none of its addresses; that takes no kind of device that a kernel may lack."""
    devices = [device["ifname"] for device in json.loads(_ip("-json", "link"))]
    assert devices == ["lo"], f"not a network of the tests' own, which scripts/test-e2e makes, but one with {devices}"
    _ip("route", "add", NETWORK, "dev", "lo", "src", "127.0.0.1")
    yield
    _ip("route", "del", NETWORK, "dev", "lo")


def _ip(*arguments):
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def begin(start, python_function):
    """Start an environment that serves and whose function reads nothing."""

    def begin(resolver="", **variables):
        function = python_function("idle.handler", "idle.py")
        environment = start(function=function, resolver=resolver, **variables)
        assert environment.invoke() == (200, "idle")
        return environment

    return begin


@pytest.fixture(params=["1000", None], ids=["1000 ms", "default"])
def budget(request):
    """The variables that set a time budget, and its seconds."""
    if request.param is None:
        return {}, BUDGET
    return {"SECRETS_MANAGER_TIMEOUT_MILLIS": request.param}, int(request.param) / 1000


def check_failed(answer, seconds, name=SECRET_NAME):
    """Check that a read failed for want of a connection, within its budget, and says what was read and why not."""
    assert (answer.status, answer.error) in ((503, "NoConnection"), (504, "Timeout")), answer
    assert answer.seconds < seconds + GRACE, answer
    assert f"GetSecretValue {name}: {answer.error}: " in answer.body


def check_told(reason, *answers):
    """Check that at least one of the answers tells what the caller has to look at."""
    assert any(reason in answer.body for answer in answers), answers


@pytest.fixture
def broken_resolver(tmp_path, swallowing):
    """An /etc/resolv.conf whose server never answers."""
    file = tmp_path / "resolv.conf"
    file.write_text(f"nameserver {RESOLVER}\n")
    file.chmod(0o644)
    return file


def test_resolver_out_of_reach(begin, broken_resolver, budget):
    """AWS's own name is never resolved."""
    variables, seconds = budget
    begin(broken_resolver, AWS_ENDPOINT_URL=None, **variables)
    answer = read_secret()
    check_failed(answer, seconds)
    check_told("the name secretsmanager.eu-central-1.amazonaws.com could not be resolved", answer)


def test_resolver_has_its_own_second(begin, broken_resolver):
    """However long the budget is, one attempt waits for the resolver for a second, as for a connection."""
    budget = {"SECRETS_MANAGER_TIMEOUT_MILLIS": "15000"}
    begin(broken_resolver, AWS_ENDPOINT_URL=None, AWS_MAX_ATTEMPTS="1", **budget)
    answer = read_secret()
    check_failed(answer, 1)
    assert answer.seconds > 0.9, answer
    check_told("the name secretsmanager.eu-central-1.amazonaws.com could not be resolved", answer)


def test_no_route(begin, swallowing, budget):
    """No connection is ever made: of several reads at once none waits longer than one alone, though there are three
    connections for all, and the next read is told at once what is known by then."""
    variables, seconds = budget
    begin(AWS_ENDPOINT_URL=f"http://{NOWHERE}", **variables)
    names = [f"{SECRET_NAME}-{number}" for number in range(8)]
    with ThreadPoolExecutor(len(names)) as clients:
        answers = list(clients.map(read_secret, names))
    for name, answer in zip(names, answers, strict=True):
        check_failed(answer, seconds, name)
    again = read_secret(names[0])
    assert again.cache == "hit; detail=negative"
    check_failed(again, 0, names[0])
    check_told("does the subnet have a route or a VPC endpoint?", *answers)


def test_forgotten_connection(begin, door):
    """The connection that was kept leads nowhere any more: the read that finds out still gets its value."""
    begin(AWS_ENDPOINT_URL=door.url)
    assert read_secret().status == 200
    door.forget()
    answer = read_secret(refreshNow="true")
    assert answer.status == 200, answer
    assert answer.seconds < BUDGET + GRACE
    assert door.calls[-1] != door.calls[0]


def test_aws_vanishes(begin, door):
    """The other side vanishes without a word, and new connections cannot be made either: what is remembered is
    served past its TTL, after a wait and then at once; what has to be read fails within its budget. When the other
    side is back, so are its values."""
    environment = begin(AWS_ENDPOINT_URL=door.url, SECRETS_MANAGER_TIMEOUT_MILLIS="1000", LARDER_NEGATIVE_TTL="0")
    assert read_secret().status == 200
    environment.extension().jump(TTL + 1)
    with door.vanished():
        for most in (STALE_WAIT + GRACE, GRACE):
            stale = read_secret()
            assert stale.status == 200, stale
            assert stale.cache.startswith("hit; ttl=-")
            assert stale.seconds < most
        check_failed(read_secret("prod/other"), 1, "prod/other")
    back = read_secret(refreshNow="true")
    assert back.status == 200, back


def test_killed_connections(begin, door):
    """Connections that break while they are idle cost the next read nothing."""
    begin(AWS_ENDPOINT_URL=door.url)
    check_read_at_once()
    door.kill()
    check_read_at_once()
    assert door.calls[-1] != door.calls[0]


@pytest.mark.parametrize("both_clocks", [True, False], ids=["both clocks", "the wall clock"])
@pytest.mark.parametrize("end", [Door.kill, Door.forget], ids=["killed", "forgotten"])
def test_connections_end_in_a_freeze(begin, door, end, both_clocks):
    """After a freeze no read waits for a connection that has ended meanwhile, not even for one that has ended without
    a word: after so long a time it is not tried."""
    environment = begin(AWS_ENDPOINT_URL=door.url)
    check_read_at_once()
    extension = environment.extension()
    with extension.stopped():
        end(door)
        (extension.sleep if both_clocks else extension.jump)(600)
    check_read_at_once()
    assert door.calls[-1] != door.calls[0]


def check_read_at_once():
    """Check that AWS is read, and without a wait for half the budget, by which a dead connection is given up."""
    answer = read_secret(refreshNow="true")
    assert answer.status == 200, answer
    assert answer.seconds < BUDGET / 2 - 0.25, answer
