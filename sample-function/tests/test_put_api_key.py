"""The script for what CloudFormation cannot make, with a stand-in for the AWS CLI that keeps its arguments."""

import os
import subprocess
import sys

import pytest
from deployment import Deployment, client
from servers import ADMIN
from template import SAMPLE

CANARY = "canary-of-the-key"

# What the script needs of the AWS CLI: `aws ssm put-parameter`, with a value from a file.
AWS = f"""#!{sys.executable}
import os, pathlib, sys, boto3
pathlib.Path(os.environ["ARGUMENTS"]).write_text(repr(sys.argv))
assert sys.argv[1:3] == ["ssm", "put-parameter"]
words = [word for word in sys.argv[3:] if word != "--overwrite"]
given = dict(zip(words[::2], words[1::2]))
path = pathlib.Path(given["--value"].removeprefix("file://"))
assert path.stat().st_mode & 0o077 == 0
ssm = boto3.client("ssm", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
answer = ssm.put_parameter(Name=given["--name"], Type=given["--type"], KeyId=given["--key-id"],
                           Value=path.read_text(), Overwrite="--overwrite" in sys.argv)
print(answer[given["--query"]])
"""


@pytest.fixture
def run(moto, tmp_path):
    """Run the script, and return what it printed and which arguments it gave to the AWS CLI."""
    aws = tmp_path / "aws"
    aws.write_text(AWS)
    aws.chmod(0o755)

    def run_script(*arguments, value):
        environ = os.environ | {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "TMPDIR": str(tmp_path),
            "ARGUMENTS": str(tmp_path / "arguments"),
            "AWS_ENDPOINT_URL": moto,
            "AWS_ACCESS_KEY_ID": ADMIN,
            "AWS_SECRET_ACCESS_KEY": "none",
        }
        script = SAMPLE / "scripts" / "put-api-key"
        return subprocess.run(
            [script, *arguments], input=value, env=environ, capture_output=True, text=True, check=False
        )

    return run_script


def test_a_secure_string_under_the_stacks_key(moto, template, run, tmp_path):
    deployment = Deployment(moto, template)
    ran = run(deployment.environment, value=f"{CANARY}\n")
    assert (ran.returncode, ran.stdout) == (0, "2\n"), ran.stderr
    ssm = client(moto, "ssm")
    found = ssm.get_parameter(Name=deployment.parameter("api-key"), WithDecryption=True)["Parameter"]
    assert (found["Type"], found["Value"]) == ("SecureString", CANARY)
    (described,) = ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [found["Name"]]}])["Parameters"]
    assert described["KeyId"] == deployment.properties("KeyAlias")["AliasName"]
    # The value is in no argument, and no file of it stays.
    assert CANARY not in (tmp_path / "arguments").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"aws", "arguments"}


@pytest.mark.parametrize(("arguments", "value", "said"), [([], CANARY, "usage:"), (["dev"], "\n", "no value")])
def test_what_is_missing_is_named(run, arguments, value, said):
    ran = run(*arguments, value=value)
    assert ran.returncode != 0
    assert said in ran.stderr
