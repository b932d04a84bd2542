"""What the template makes of one environment, made on moto call by call: key, values, logs, and the two roles.

moto's own CloudFormation silently leaves out half of it. What a role or the key may do comes from the template alone.
"""

import functools
import itertools
import json
import secrets
import string

import boto3
import template as templates
from botocore.config import Config
from resolve import resolve
from servers import ACCOUNT, ADMIN, REGION

API_KEY = "canary-api-key"
NUMBERS = itertools.count(1)
ADMIN_CREDENTIALS = {"AccessKeyId": ADMIN, "SecretAccessKey": "none", "SessionToken": None}


def client(url, service, credentials=ADMIN_CREDENTIALS):
    """Return a client that does not try again."""
    return _client(
        url, service, credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]
    )


@functools.cache
def _client(url, service, key_id, key, token):
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=key_id,
        aws_secret_access_key=key,
        aws_session_token=token,
        config=Config(retries={"max_attempts": 1}),
    )


def stand_ins(environment, translated):
    """Return what AWS would make up for an environment: ids, and the ARNs that hold them."""
    prefix = f"{REGION}:{ACCOUNT}"
    # SAM puts a hash behind the layer's name.
    layers = [name for name in translated["Resources"] if name.startswith("LarderLayer")]
    return {
        **dict.fromkeys(layers, f"arn:aws:lambda:{prefix}:layer:{environment}-larder:1"),
        "AWS::Partition": "aws",
        "AWS::Region": REGION,
        "AWS::AccountId": ACCOUNT,
        "Key": "1234abcd-12ab-34cd-56ef-1234567890ab",
        "Key.Arn": f"arn:aws:kms:{prefix}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "KeyAlias": f"alias/{environment}-orders",
        "DatabaseCredentials": f"arn:aws:secretsmanager:{prefix}:secret:{environment}/db-credentials-a1b2C3",
        "Function": f"{environment}-orders",
        "FunctionLogs": f"/aws/lambda/{environment}-orders",
        "FunctionRole.Arn": f"arn:aws:iam::{ACCOUNT}:role/{environment}-function",
        "RotationFunction.Arn": f"arn:aws:lambda:{prefix}:function:{environment}-orders-rotation",
        "RotationLogs": f"/aws/lambda/{environment}-orders-rotation",
        "RotationRole.Arn": f"arn:aws:iam::{ACCOUNT}:role/{environment}-rotation",
        "Alarms": f"arn:aws:sns:{prefix}:{environment}-orders-alarms",
        "ReadErrorsAlarm.Arn": f"arn:aws:cloudwatch:{prefix}:alarm:{environment}-orders-read-errors",
        "Dashboard": f"{environment}-orders-reads",
    }


def resolved(template, environment, **parameters):
    """Return the resources that the template makes of an environment, with stand-ins for what AWS makes up."""
    translated = templates.translated(template, environment)
    return resolve(translated, {"Environment": environment} | parameters, stand_ins(environment, translated))


class Deployment:
    """One environment. Each has a name of its own, so that none is in the way of another."""

    def __init__(self, url, template, environment=None, **parameters):
        self.url = url
        self.environment = environment or f"env{next(NUMBERS)}"
        self._template = templates.translated(template, self.environment)
        self._parameters = {"Environment": self.environment} | parameters
        self._known = stand_ins(self.environment, self._template)
        self._roles = {}
        self._make_key()
        self._make_values()
        for name in ("FunctionLogs", "RotationLogs"):
            self._client("logs").create_log_group(logGroupName=self.properties(name)["LogGroupName"])

    def properties(self, name):
        """Return the properties of a resource, with the names and ARNs of what was made here."""
        return resolve(self._template, self._parameters, self._known)[name]["Properties"]

    @property
    def secret_id(self):
        return f"{self.environment}/db-credentials"

    @property
    def secret_arn(self):
        return self._known["DatabaseCredentials"]

    def parameter(self, name):
        return f"/{self.environment}/config/{name}"

    def log_group(self, name="FunctionLogs"):
        return self.properties(name)["LogGroupName"]

    @property
    def key_arn(self):
        return self._known["Key.Arn"]

    def _client(self, service):
        return client(self.url, service)

    def _make_key(self):
        kms = self._client("kms")
        policy = json.dumps(self.properties("Key")["KeyPolicy"])
        key = kms.create_key(Policy=policy)["KeyMetadata"]
        self._known |= {"Key": key["KeyId"], "Key.Arn": key["Arn"]}
        kms.create_alias(AliasName=self.properties("KeyAlias")["AliasName"], TargetKeyId=key["KeyId"])

    def _make_values(self):
        wanted = self.properties("DatabaseCredentials")
        created = self._client("secretsmanager").create_secret(
            Name=wanted["Name"], KmsKeyId=wanted["KmsKeyId"], SecretString=generated(wanted["GenerateSecretString"])
        )
        self._known["DatabaseCredentials"] = created["ARN"]
        ssm = self._client("ssm")
        for name in ("ApiUrlParameter", "AllowedOriginsParameter"):
            wanted = self.properties(name)
            ssm.put_parameter(Name=wanted["Name"], Type=wanted["Type"], Value=wanted["Value"])
        ssm.put_parameter(
            Name=self.parameter("api-key"), Type="SecureString", Value=API_KEY, KeyId=f"alias/{self.environment}-orders"
        )

    def credentials(self, role):
        """Return credentials of a new session with a role."""
        if role not in self._roles:
            self._roles[role] = self._make_role(role)
        session = self._client("sts").assume_role(RoleArn=self._roles[role], RoleSessionName="function")
        return session["Credentials"]

    def _make_role(self, role):
        iam, wanted, name = self._client("iam"), self.properties(role), f"{self.environment}-{role}"
        trust = json.dumps(wanted["AssumeRolePolicyDocument"])
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]
        for policy in wanted["Policies"]:
            document = json.dumps(policy["PolicyDocument"])
            iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document)
        return made["Arn"]


def generated(wanted):
    """Return a secret as CloudFormation generates one, of letters and digits."""
    alphabet = string.ascii_letters + string.digits
    value = "".join(secrets.choice(alphabet) for _ in range(wanted["PasswordLength"]))
    return json.dumps(json.loads(wanted["SecretStringTemplate"]) | {wanted["GenerateStringKey"]: value})
