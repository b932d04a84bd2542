"""A function that reads a secret and a parameter through the layer, at its start and in every invocation.

It needs nothing but the standard library, and works unchanged with AWS's own Parameters and Secrets Lambda
Extension once the function is invoked. What differs here: the reads at module scope already get an answer.
"""

import json
import logging
import os
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode

SECRET_NAME = os.environ.get("SECRET_NAME", "prod/db-credentials")
PARAMETER_NAME = os.environ.get("PARAMETER_NAME", "/prod/config/api-url")
PORT = os.environ.get("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT") or "2773"

# The extension answers within its own time budget, with the reason if AWS is slow. This guards against no answer.
TIMEOUT_SECONDS = 3.0

logger = logging.getLogger()
logger.setLevel(logging.INFO)


class ReadError(Exception):
    """A value could not be read. The message names what was read and why it failed, and never holds a value."""

    def __init__(self, what, reason, code):
        super().__init__(f"reading {what}: {reason}")
        self.code = code


def token():
    """Return what proves to the extension that the caller is this function; SnapStart has only the second one."""
    return os.environ.get("AWS_SESSION_TOKEN") or os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN") or ""


def read(what, path, **query):
    """Return the JSON document that the extension answers with, or raise ReadError."""
    try:
        # Not urllib.request: it would send even localhost to a proxy that HTTP_PROXY names.
        with closing(HTTPConnection(f"localhost:{PORT}", timeout=TIMEOUT_SECONDS)) as connection:
            connection.request(
                "GET",
                f"{path}?{urlencode(query)}",
                headers={"X-Aws-Parameters-Secrets-Token": token()},
            )
            response = connection.getresponse()
            body = response.read()
    except (OSError, HTTPException) as error:
        raise ReadError(what, f"no answer from the extension: {error!r}", "NoAnswer") from error

    if response.status != 200:
        reason = body.decode("utf-8", "replace").strip()
        raise ReadError(what, reason, response.getheader("X-Larder-Error", f"Status{response.status}"))
    try:
        return json.loads(body)
    except ValueError:
        # The cause would carry the body, and with it the value, into a traceback.
        raise ReadError(what, "the answer is not JSON", "MalformedAnswer") from None


def read_secret():
    """Return the credentials as a dictionary: username, password, engine, host, port, dbInstanceIdentifier."""
    what = f"secret {SECRET_NAME}"
    answer = read(what, "/secretsmanager/get", secretId=SECRET_NAME)
    try:
        secret = json.loads(answer["SecretString"])
        usable = {"username", "password", "host"} <= secret.keys()
    except (AttributeError, KeyError, TypeError, ValueError):
        usable = False
    if not usable:
        raise ReadError(what, "it is not a JSON object with username, password and host", "MalformedSecret")
    logger.info("read %s", what)
    return secret


def read_parameter():
    """Return the parameter's value."""
    what = f"parameter {PARAMETER_NAME}"
    answer = read(what, "/systemsmanager/parameters/get", name=PARAMETER_NAME, withDecryption="true")
    try:
        value = answer["Parameter"]["Value"]
    except (KeyError, TypeError):
        raise ReadError(what, "the answer has no Parameter.Value", "MalformedAnswer") from None
    logger.info("read %s", what)
    return value


def read_at_start():
    """Say whether both values can be read while the function starts; here a real one would connect to its database.

    A failure is logged and not raised: a function that dies in INIT tells its caller nothing, and the next
    invocation may well succeed.
    """
    try:
        read_secret()
        read_parameter()
    except ReadError as error:
        logger.error("at start: %s", error)
        return False
    return True


READ_AT_START = read_at_start()


def respond(status, body):
    """Return the answer in the form that function URLs and API Gateway expect."""
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}


def handler(event, context):
    """Read both values anew, so that a rotated secret is seen, and answer what a caller may know of them."""
    try:
        secret = read_secret()
        parameter = read_parameter()
    except ReadError as error:
        logger.error("%s", error)
        return respond(500, {"error": str(error), "code": error.code, "readAtStart": READ_AT_START})
    return respond(
        200,
        {
            "parameter": parameter,
            "username": secret["username"],
            "host": secret["host"],
            "readAtStart": READ_AT_START,
        },
    )
