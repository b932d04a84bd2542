"""What the tests of the stack share: the template, and the servers that stand for AWS."""

import os
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "rotation")]
os.environ |= {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}

import template as templates  # noqa: E402
from deployment import Deployment  # noqa: E402
from servers import Server, start_ministack, start_moto  # noqa: E402
from story import told  # noqa: E402


def pytest_configure(config):
    # parliament is older than some of Python's warnings.
    config.addinivalue_line("filterwarnings", "ignore:invalid escape sequence")
    config.addinivalue_line("filterwarnings", "ignore:pkg_resources is deprecated")


def pytest_sessionfinish():
    for server in list(Server.running):
        server.stop()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="session")
def template():
    """The template as it is written. Whoever changes it changes a copy."""
    return templates.written()


@pytest.fixture(scope="session")
def moto(folder):
    """The URL of an AWS that enforces policies."""
    server = start_moto(folder)
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def ministack(folder):
    """The URL of an AWS that makes what a template names."""
    server = start_ministack(folder)
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def events(moto, template, folder):
    """The log of a known run of Larder in the environment watched."""
    return told(Deployment(moto, template, "watched"), folder)
