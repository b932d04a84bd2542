"""What the tests of publishing share: a pretended AWS, a way to it that refuses some regions, and the script."""

import os
import subprocess
from pathlib import Path

import boto3
import pytest
from aws import AWS, Front

PROJECT = Path(__file__).parent.parent.parent
REGIONS = ["eu-central-1", "eu-south-1", "us-east-1"]
# What Go needs to build the program, wherever it gets modules and keeps what it built.
PASSED_ON = ["PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOCACHE", "GOMODCACHE"]
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "canary-of-the-publisher"}


@pytest.fixture(scope="session")
def aws(tmp_path_factory):
    server = AWS(tmp_path_factory.mktemp("aws"))
    yield server
    server.stop()


@pytest.fixture
def front(aws):
    """The way to an empty AWS. Its list of calls is empty, too."""
    aws.reset()
    way = Front(aws.port)
    yield way
    way.stop()


@pytest.fixture
def publish(front):
    """Run scripts/publish with variables, and return what it printed and how it ended."""

    def run(folder=PROJECT / "build", **variables):
        # Nothing of this machine's own settings of AWS may enter, and nothing of those that make exports.
        clean = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        clean |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_MAX_ATTEMPTS": "2"}
        clean |= {"AWS_ENDPOINT_URL": front.url, "AWS_EC2_METADATA_DISABLED": "true", "REGIONS": " ".join(REGIONS)}
        done = subprocess.run(
            [PROJECT / "scripts/publish", folder], env=clean | variables, capture_output=True, text=True, timeout=300
        )
        assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def layers(aws):
    """A client of the pretended AWS's Lambda in a region, past the front."""

    def client(region):
        return boto3.client(
            "lambda",
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{aws.port}",
            aws_access_key_id="AKIAEXAMPLE",
            aws_secret_access_key="example",
        )

    return client
