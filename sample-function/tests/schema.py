"""The schema of what Larder prints, which every line of every run of these tests has to keep."""

import json
from pathlib import Path

from jsonschema import Draft202012Validator

SCHEMA = Path(__file__).parent.parent.parent / "extension" / "internal" / "access" / "record.schema.json"
VALIDATOR = Draft202012Validator(json.loads(SCHEMA.read_text()))


def check_lines(log):
    """Check each line of a log that Larder alone wrote."""
    for line in log.splitlines():
        errors = [error.message for error in VALIDATOR.iter_errors(json.loads(line))]
        assert not errors, f"{line}: {errors}"
