"""A rotation as Secrets Manager drives it, with the function's real code, one step after the other."""

import contextlib
import json
import uuid

import app
from access import check_logs
from botocore.exceptions import ClientError
from deployment import Deployment, client

STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]
RULES = {"AutomaticallyAfterDays": 30}


class Rotated:
    """The secret of a deployment, whose rotation function has the credentials of its own role."""

    def __init__(self, deployment):
        self.deployment = deployment
        self._admin = client(deployment.url, "secretsmanager")
        self._function = client(deployment.url, "secretsmanager", deployment.credentials("RotationRole"))

    def begin(self):
        """Do what RotateSecret does before the first step: make a version that is pending and has no value."""
        version = str(uuid.uuid4())
        # AWS has nothing against AWSPENDING on the current version, where a rotation leaves it; moto has.
        for current in [v for v, stages in self.stages().items() if {"AWSPENDING", "AWSCURRENT"} <= set(stages)]:
            self._admin.update_secret_version_stage(
                SecretId=self.deployment.secret_id, VersionStage="AWSPENDING", RemoveFromVersionId=current
            )
        # moto then looks for the function, which it has not got.
        with contextlib.suppress(self._admin.exceptions.ResourceNotFoundException):
            self._admin.rotate_secret(
                SecretId=self.deployment.secret_id,
                ClientRequestToken=version,
                RotationLambdaARN=self.deployment.properties("Rotation")["RotationLambdaARN"],
                RotationRules=RULES,
            )
        return version

    def step(self, name, version):
        """Invoke the function as Secrets Manager does."""
        app.secrets_manager = self._function
        app.handler({"SecretId": self.deployment.secret_arn, "ClientRequestToken": version, "Step": name}, None)

    def rotate(self):
        version = self.begin()
        for step in STEPS:
            self.step(step, version)
        return version

    def credentials(self, stage="AWSCURRENT"):
        answer = self._admin.get_secret_value(SecretId=self.deployment.secret_id, VersionStage=stage)
        return json.loads(answer["SecretString"])

    def put(self, version, **changed):
        """Give a pending version a value of the test's."""
        self._admin.put_secret_value(
            SecretId=self.deployment.secret_id,
            ClientRequestToken=version,
            SecretString=json.dumps(self.credentials() | changed),
            VersionStages=["AWSPENDING"],
        )

    def stages(self):
        return self._admin.describe_secret(SecretId=self.deployment.secret_id)["VersionIdsToStages"]


def check_rotation(url, template):
    """Check all that the rotation function's role is for, on a secret without a database."""
    rotated = Rotated(Deployment(url, template))
    before = rotated.credentials()["password"]
    try:
        rotated.rotate()
    except ClientError as error:
        raise AssertionError(f"the role may not rotate: {error}") from None
    assert rotated.credentials()["password"] != before
    assert rotated.credentials("AWSPREVIOUS")["password"] == before
    check_logs(rotated.deployment, "RotationRole", "RotationLogs")
