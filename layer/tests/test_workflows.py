"""What the workflows may do, and that what they run is what runs on any machine. actionlint, which the linting runs,
knows whether they are well formed."""

import re
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parent.parent.parent
WORKFLOWS = sorted((PROJECT / ".github/workflows").glob("*.yml"))
TARGETS = re.findall(r"^([a-z][a-z-]*):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
OWN = r"\./\.github/workflows/[a-z]+\.yml"
PINNED = r"[a-z-]+/[a-z-]+@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+"
# What each job may do with more than reading the sources.
MORE_THAN_READING = {
    "release.attest": {"attestations": "write", "id-token": "write"},
    "release.github": {"contents": "write"},
    "release.publish": {"contents": "read", "id-token": "write"},
}
JOBS = [
    pytest.param(path, job, id=f"{path.stem}.{name}")
    for path in WORKFLOWS
    for name, job in yaml.safe_load(path.read_text())["jobs"].items()
]


def test_there_are_workflows():
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "release.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned(path):
    """A tag of an action can be moved to other code, and a commit's digest cannot. A comment says which tag it was."""
    lines = [line for line in path.read_text().splitlines() if "uses:" in line]
    assert lines
    for line in lines:
        assert re.fullmatch(rf" *(- )?uses: ({OWN}|{PINNED})", line)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_long_lived_keys(path):
    """No secret of the repository is read. GitHub's token and the role's credentials are made for the job."""
    text = path.read_text()
    assert "secrets." not in text
    assert "secrets: inherit" not in text
    assert "access-key" not in text


@pytest.mark.parametrize(("path", "job"), JOBS)
def test_permissions(path, job, request):
    """A job reads the sources and nothing more, unless it is listed here."""
    whole = yaml.safe_load(path.read_text())["permissions"]
    name = request.node.callspec.id
    assert whole in ({}, {"contents": "read"})
    assert job.get("permissions", whole) == MORE_THAN_READING.get(name, {"contents": "read"})


@pytest.mark.parametrize(("path", "job"), JOBS)
def test_steps_are_make_targets(path, job):
    """What has no name is one make target that exists. The few steps with names have to do with GitHub's machines."""
    for step in job.get("steps", []):
        if "run" in step and "name" not in step:
            command, target, *variables = step["run"].split()
            assert command == "make"
            assert target in TARGETS
            assert all(re.fullmatch(r"[A-Z]+=[a-z/]+", variable) for variable in variables)
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}
