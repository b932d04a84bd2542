"""Publishing the built layers in three regions of a pretended AWS."""

import base64
import hashlib
import json
import os
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from conftest import CREDENTIALS, PROJECT, REGIONS

ARCHITECTURES = ["x86_64", "arm64"]
VERSION = (PROJECT / "build/version").read_text().strip()


def digest(architecture):
    return hashlib.sha256((PROJECT / f"build/larder-{architecture}.zip").read_bytes()).hexdigest()


def table(done):
    """Return the printed table as {(region, architecture): (ARN, digest, outcome)}."""
    head, *lines = [line for line in done.stdout.splitlines() if line]
    assert head.split() == ["REGION", "ARCHITECTURE", "ARN", "SHA256", "OUTCOME"]
    cells = [line.split(maxsplit=4) for line in lines]
    assert len({(region, architecture) for region, architecture, *_ in cells}) == len(cells)
    return {(region, architecture): tuple(rest) for region, architecture, *rest in cells}


def check_published(client, region, architecture, number=1):
    """Check what Lambda tells of the layer's version: the zip's digest, and what the version says of itself."""
    version = client.get_layer_version(LayerName=f"larder-{architecture}", VersionNumber=number)
    assert base64.b64decode(version["Content"]["CodeSha256"]).hex() == digest(architecture)
    assert version["CompatibleArchitectures"] == [architecture]
    assert version["LicenseInfo"] == "Apache-2.0"
    assert version["Description"] == f"Larder v1.2.0, version {VERSION}, sha256 {digest(architecture)}"
    assert version["LayerVersionArn"] == f"arn:aws:lambda:{region}:123456789012:layer:larder-{architecture}:{number}"
    return version["LayerVersionArn"]


def test_three_regions_of_which_one_fails(publish, front, layers):
    """The regions that answer get both layers, the table tells what became of each, and the exit tells the failure.

    When the region answers again, a second run publishes there and leaves the others as they are.
    """
    front.refused = {"eu-south-1"}
    done = publish(PUBLISH="yes", TAG="v1.2.0", **CREDENTIALS)
    assert done.returncode == 1, done.stderr
    told = table(done)
    assert list(told) == [(region, architecture) for region in REGIONS for architecture in ARCHITECTURES]
    for (region, architecture), (arn, sha256, outcome) in told.items():
        assert sha256 == digest(architecture)
        if region == "eu-south-1":
            assert arn == "-"
            assert outcome.startswith("failed: listing versions:")
            assert "UnrecognizedClientException" in outcome
            assert layers(region).list_layers()["Layers"] == []
        else:
            assert (arn, outcome) == (check_published(layers(region), region, architecture), "published")

    front.refused, front.calls = set(), []
    done = publish(PUBLISH="yes", TAG="v1.2.0", **CREDENTIALS)
    assert done.returncode == 0, done.stderr
    for (region, architecture), (arn, _, outcome) in table(done).items():
        assert arn == check_published(layers(region), region, architecture)
        assert outcome == ("published" if region == "eu-south-1" else "unchanged")
    assert [len(front.writes(region)) for region in REGIONS] == [0, 2, 0]


def test_private_unless_said_twice(publish, front, layers):
    """A version belongs to its account until both words are said. Then it is the version with the digest that becomes
    public, though it was published before, and a third run finds nothing to do."""
    assert publish(PUBLISH="yes", REGIONS="us-east-1", **CREDENTIALS).returncode == 0
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        layers("us-east-1").get_layer_version_policy(LayerName="larder-arm64", VersionNumber=1)

    front.calls = []
    done = publish(PUBLISH="yes", PUBLIC="1", REGIONS="us-east-1", **CREDENTIALS)
    assert done.returncode == 1
    assert "CONFIRM=public" in done.stderr
    assert front.calls == []

    if VERSION == "devel" or VERSION.endswith("-dirty"):
        done = publish(PUBLISH="yes", PUBLIC="1", CONFIRM="public", REGIONS="us-east-1", **CREDENTIALS)
        assert done.returncode == 1
        assert "no commit's" in done.stderr
        assert front.calls == []


def test_public(publish, front, layers, tmp_path):
    """What is public is the very version, for everybody, and a second run finds it public."""
    for architecture in ARCHITECTURES:
        os.link(PROJECT / f"build/larder-{architecture}.zip", tmp_path / f"larder-{architecture}.zip")
    (tmp_path / "version").write_text("0123456789ab\n")
    words = {"PUBLISH": "yes", "PUBLIC": "1", "CONFIRM": "public", "REGIONS": "us-east-1"}
    for outcome in ["published, public", "unchanged, public"]:
        done = publish(tmp_path, **words, **CREDENTIALS)
        assert done.returncode == 0, done.stdout + done.stderr
        assert [line[2] for line in table(done).values()] == [outcome, outcome]
    for architecture in ARCHITECTURES:
        policy = layers("us-east-1").get_layer_version_policy(LayerName=f"larder-{architecture}", VersionNumber=1)
        # AWS refuses a second statement of one name, and moto keeps both.
        for statement in json.loads(policy["Policy"])["Statement"]:
            assert statement["Sid"] == "public"
            assert statement["Principal"] in ("*", {"AWS": "*"})
            assert statement["Action"] == "lambda:GetLayerVersion"
            assert statement["Effect"] == "Allow"


def test_rehearsal(publish, front, layers):
    """Without PUBLISH=yes nobody is called and no credentials are needed. The commands that are printed are the calls:
    after the AWS CLI has run them, there is nothing left to publish."""
    done = publish(TAG="v1.2.0")
    assert done.returncode == 0, done.stderr
    assert front.calls == []
    commands = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    publishing = [line for line in commands if " publish-layer-version " in line]
    assert len(commands) == 3 * len(publishing) == 18

    cli = Path(sys.executable).parent / "aws"
    settings = {"AWS_ENDPOINT_URL": front.url, "PATH": os.environ["PATH"], "AWS_CONFIG_FILE": os.devnull} | CREDENTIALS
    for command in publishing:
        _, *words = shlex.split(command)
        subprocess.run([cli, *words], env=settings, check=True, capture_output=True, timeout=60)
    for region in REGIONS:
        for architecture in ARCHITECTURES:
            check_published(layers(region), region, architecture)
    done = publish(PUBLISH="yes", **CREDENTIALS)
    assert {line[2] for line in table(done).values()} == {"unchanged"}


def test_a_faulty_zip_is_not_published(publish, front, tmp_path):
    """One architecture's fault keeps back both: a release is whole or is not."""
    os.link(PROJECT / "build/larder-x86_64.zip", tmp_path / "larder-x86_64.zip")
    (tmp_path / "version").write_text("0123456789ab\n")
    with zipfile.ZipFile(tmp_path / "larder-arm64.zip", "w") as archive:
        archive.writestr("extensions/larder", b"#!/bin/sh\n")
    done = publish(tmp_path, PUBLISH="yes", **CREDENTIALS)
    assert done.returncode != 0
    assert "larder-arm64.zip is not what it should be" in done.stderr
    assert front.calls == []


def test_no_credentials(publish, front):
    """Credentials that are missing are told in each line, and nothing hangs."""
    done = publish(PUBLISH="yes")
    assert done.returncode == 1
    assert len(table(done)) == 6
    assert all(outcome.startswith("failed:") for _, _, outcome in table(done).values())
    assert front.calls == []
