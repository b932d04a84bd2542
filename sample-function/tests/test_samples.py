"""What README.md shows under "Watching it" is what the stack makes of the known run."""

import re

import pytest
from cloudwatch.events import Event
from deployment import resolved
from samples import README, SHOWN_ROWS, samples, shown, unchanging

RUN = "watched"  # the one of conftest.py's run
SHOWN = "prod"


@pytest.fixture(scope="module")
def made(template, events):
    """The run's names are made those of an environment that a reader may have."""
    log = [Event(event.milliseconds, event.message.replace(f"{RUN}/", f"{SHOWN}/")) for event in events]
    return samples(resolved(template, SHOWN), SHOWN, log)


def test_readme_shows_what_is(made):
    there = shown()
    assert list(there) == list(made)
    for title in made:
        if title == "[slowest upstream calls]":
            # Which ones are slowest differs from run to run.
            assert set(there[title].split("\n")[0].split()) >= set(made[title].split("\n")[0].split())
            assert len(there[title].splitlines()) == len(made[title].splitlines()) == SHOWN_ROWS + 1
        elif title == "[stale answers]":
            assert without_ages(there[title]) == without_ages(made[title])
        else:
            assert unchanging(there[title]) == unchanging(made[title]), title


def without_ages(block):
    return [[cell for cell in line.split() if not cell.isdigit() or int(cell) < 100] for line in block.splitlines()]


def test_readme_names_each_query_and_where_it_is(template):
    rows = [line.split(" | ") for line in README.read_text().splitlines() if re.fullmatch(r"\| .+ \| `\w+` \|", line)]
    named = {row[0].removeprefix("| "): row[-1].strip("`| ") for row in rows}
    assert {
        queries["Title"]: name for name, queries in template["Mappings"]["Queries"].items()
    }.items() <= named.items()
