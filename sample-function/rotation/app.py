"""Rotates the password of one database user: Secrets Manager calls this function once for each of four steps."""

import logging

import boto3
import database
from rotation import Rotation

logger = logging.getLogger()
logger.setLevel(logging.INFO)

# Made once: a client costs more than a step.
secrets_manager = boto3.client("secretsmanager")


def handler(event, context):
    """Take the step that the event names.

    Secrets Manager repeats a step that failed or whose answer it did not get, so every step may be taken twice. What
    is logged names the secret, the version and the step, and never a value.
    """
    secret, version, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    rotation = Rotation(secrets_manager, database, secret, version)
    steps = {
        "createSecret": rotation.create_secret,
        "setSecret": rotation.set_secret,
        "testSecret": rotation.test_secret,
        "finishSecret": rotation.finish_secret,
    }
    if step not in steps:
        raise ValueError(f"unknown step {step!r}")
    if rotation.is_finished():
        logger.info("%s of %s: version %s is current already", step, secret, version)
        return
    steps[step]()
    logger.info("%s of %s: done for version %s", step, secret, version)
