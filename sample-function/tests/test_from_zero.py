"""The page docs/from-zero.md: its commands, all of them and in their order, run by bash and by the real AWS CLI.

AWS is moto, which enforces policies, with the parts in front of it that moto has not got. The function runs, and reads
through the real executable, which comes out of the zip that the page publishes.
"""

import os
import subprocess
import zipfile

import pytest
from cli import install
from cloudwatch.saved import saved_queries
from deployment import client
from front import Front
from larder import EXECUTABLE
from page import steps, unchanging
from servers import ADMIN, start_moto
from template import SAMPLE

# What is not run, and why; commands are left out nowhere else.
NOT_RUN = {
    "make layer\n": "it builds for ten seconds, and the tests have the executable already: they zip it themselves"
}
# What the page waits for is there at once, but for the end of a failure that Larder remembers for two seconds.
SLEEP = "sleep() { command sleep 2.1; }\n"
END = "---- end of a step ----"


@pytest.fixture(scope="module")
def page():
    return steps()


@pytest.fixture(scope="module")
def moto_of_the_page(folder):
    """An account of its own, as the page leaves nothing behind, which is checked."""
    (folder / "zero").mkdir()
    server = start_moto(folder / "zero")
    yield server.url
    server.stop()


@pytest.fixture(scope="module")
def outputs(page, moto_of_the_page, folder):
    """What each block of the page printed."""
    checkout = folder / "zero" / "checkout"
    (checkout / "build").mkdir(parents=True)
    (checkout / "sample-function").symlink_to(SAMPLE)
    with zipfile.ZipFile(checkout / "build" / "larder-arm64.zip", "w") as archive:
        archive.write(EXECUTABLE, "extensions/larder")
    front = Front(moto_of_the_page, folder / "zero")
    environment = environ(front.url, folder / "zero")
    cli = subprocess.Popen(
        install(folder / "zero"), env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert cli.stdout.readline() == "ready\n"
    commands = [text if text not in NOT_RUN else "" for text, _ in page]
    script = SLEEP + "".join(f"{text}\necho '{END}'\n" for text in commands)
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    cli.stdin.close()
    cli.wait(10)
    front.stop()
    assert front.failures == []
    found = ran.stdout.split(END + "\n")
    assert ran.returncode == 0, f"{page[len(found) - 1][0]}{found[-1]}{ran.stderr}"
    left = {path.name for path in checkout.iterdir()}
    assert left == {"build", "sample-function"}, "the page leaves files"
    return found[:-1]


def environ(url, folder):
    config = folder / "config"
    # Version 2 of the CLI, which the page is for, takes a value that begins with https:// as it is.
    config.write_text("[default]\ncli_follow_urlparam = false\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "AWS_CONFIG_FILE": str(config),
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": ADMIN,
        "AWS_SECRET_ACCESS_KEY": "none",
    }


def test_each_command_prints_what_the_page_says(page, outputs):
    for (commands, shown), printed in zip(page, outputs, strict=True):
        assert unchanging(printed) == unchanging(shown), commands


def test_what_is_not_run_is_on_the_page(page):
    assert set(NOT_RUN) <= {commands for commands, _ in page}


def test_the_query_and_the_filter_are_the_stacks(page, template):
    text = "\n".join(commands for commands, _ in page)
    assert saved_queries()["WhoReadWhat"] in text.replace("\n", " ")
    assert template["Resources"]["ErrorsFilter"]["Properties"]["FilterPattern"] in text
    alarm = template["Resources"]["ReadErrorsAlarm"]["Properties"]
    period = f"--period {alarm['Period']} --evaluation-periods {alarm['EvaluationPeriods']}"
    assert f"{period} --threshold {alarm['Threshold']}" in text
    assert f"--comparison-operator {alarm['ComparisonOperator']}" in text


def test_nothing_is_left(outputs, moto_of_the_page):
    def listed(service, operation, key, **arguments):
        return getattr(client(moto_of_the_page, service), operation)(**arguments)[key]

    assert listed("lambda", "list_functions", "Functions") == []
    assert listed("lambda", "list_layers", "Layers") == []
    assert listed("iam", "list_roles", "Roles") == []
    assert listed("logs", "describe_log_groups", "logGroups") == []
    assert listed("cloudwatch", "describe_alarms", "MetricAlarms") == []
    assert listed("sns", "list_topics", "Topics") == []
    assert listed("ssm", "describe_parameters", "Parameters") == []
    assert listed("secretsmanager", "list_secrets", "SecretList") == []
