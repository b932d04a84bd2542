"""What the sample functions answer, whichever language they are in."""

import json

from cloud import API_URL, CREDENTIALS


def check_values(answered, read_at_start=True):
    """Check that an invocation answered all that a caller may know of the two values, and nothing else."""
    status, response = answered
    assert status == 200
    assert response["statusCode"] == 200, response
    assert json.loads(response["body"]) == {
        "parameter": API_URL,
        "username": CREDENTIALS["username"],
        "host": CREDENTIALS["host"],
        "readAtStart": read_at_start,
    }


def failure(answered):
    """Return the failure that an invocation answered."""
    status, response = answered
    assert status == 200
    assert response["statusCode"] == 500, response
    return json.loads(response["body"])
