"""What the end-to-end tests share: the pretended AWS, the unpacked layers, the functions, the environments."""

import json
import os
import platform
import shutil
import zipfile
from pathlib import Path

import pytest
from cloud import Cloud
from door import Door
from environment import Environment
from jsonschema import Draft202012Validator

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
LINES = Draft202012Validator(json.loads((PROJECT / "extension/internal/access/record.schema.json").read_text()))
ARCHITECTURE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())

# Python's runtime takes SnapStart by its word and waits for a restore, which the emulator does not know.
PYTHON_BOOTSTRAP = """#!/bin/sh
export AWS_LAMBDA_INITIALIZATION_TYPE=on-demand PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/var/runtime
exec /var/lang/bin/python3 -m awslambdaric {handler}
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder for what Lambda's user must be able to read, whatever this user's umask."""
    os.umask(0o022)
    made = tmp_path_factory.mktemp("lambda")
    made.chmod(0o755)
    return made


@pytest.fixture(scope="session")
def moto(folder):
    server = Cloud(folder)
    yield server
    server.stop()


@pytest.fixture
def cloud(moto):
    """AWS with the two values in it and no call counted yet."""
    moto.reset()
    return moto


@pytest.fixture
def door(cloud):
    """The way to that AWS over connections that stay open."""
    way = Door(cloud.url)
    yield way
    way.close()


@pytest.fixture(scope="session")
def layer(folder):
    """Unpack a built layer zip as Lambda does to /opt, keeping the modes that the zip tells."""

    def unpack(name="larder"):
        target = folder / f"opt-{name}"
        if not target.exists():
            with zipfile.ZipFile(PROJECT / "build" / f"{name}-{ARCHITECTURE}.zip") as archive:
                for entry in archive.infolist():
                    archive.extract(entry, target)
                    (target / entry.filename).chmod(entry.external_attr >> 16)
        return target

    return unpack


@pytest.fixture(scope="session")
def python_function(folder):
    """Make /var/task of the Python sample, with more files of functions/ beside it where a test brings some."""

    def make(handler="app.handler", *more):
        target = folder / f"python-{handler}"
        if not target.exists():
            target.mkdir()
            for source in [PROJECT / "sample-function/python/app.py", *(HERE / "functions" / name for name in more)]:
                shutil.copy(source, target)
            bootstrap = target / "bootstrap"
            bootstrap.write_text(PYTHON_BOOTSTRAP.format(handler=handler))
            bootstrap.chmod(0o755)
        return target

    return make


@pytest.fixture(scope="session")
def go_function(folder):
    """Make /var/task of the Go sample, which the Makefile has built."""
    target = folder / "go"
    target.mkdir()
    shutil.copy(PROJECT / "build/sample-go/bootstrap", target)
    (target / "bootstrap").chmod(0o755)
    return target


@pytest.fixture(params=["python", "go"])
def sample_function(request, python_function, go_function):
    """/var/task of the sample function, in the one language and in the other."""
    return python_function() if request.param == "python" else go_function


@pytest.fixture
def start(cloud, layer, python_function, tmp_path):
    """Start environments that end with the test; what they printed stands in its report if it fails."""
    started = []

    def start_environment(*flags, function=None, name="larder", resolver="", **variables):
        variables = {"AWS_ENDPOINT_URL": cloud.url} | variables
        environment = Environment(
            layer(name),
            function or python_function(),
            tmp_path / f"log-{len(started)}",
            variables,
            *flags,
            resolver=resolver,
        )
        started.append(environment)
        return environment

    yield start_environment
    for environment in started:
        environment.stop()
        print(environment.log())
    for environment in started:
        check_lines(environment.log())


def check_lines(log):
    """Check each whole line of the extension's in a log against their schema. The emulator's own stand among them."""
    for line in log.splitlines():
        _, found, rest = line.partition('{"timestamp":')
        try:
            document, _ = json.JSONDecoder().raw_decode(found + rest)
        except ValueError:
            continue  # another's line, or one that was cut off when its process was killed
        if str(document.get("type", "")).startswith("larder"):
            errors = [error.message for error in LINES.iter_errors(document)]
            assert not errors, f"{line}: {errors}"
