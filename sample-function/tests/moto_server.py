"""moto's server, changed where it is more lenient than AWS, so that what a role may not do fails.

Calls with any key but ADMIN's are checked: their signature, the policies of their role, by action, resource and
condition, and for what is encrypted the key's own policy, too. Denials have AWS's status, code and words. The rest of
the changes are named at the bottom, with what moto does otherwise.
"""

import contextlib
import json
import re
import sys

import policies
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.responses import BaseResponse
from moto.iam.access_control import IAMRequest
from moto.kms.models import kms_backends
from moto.kms.responses import KmsResponse
from moto.logs.responses import LogsResponse
from moto.secretsmanager.models import SecretsManagerBackend
from moto.secretsmanager.responses import SecretsManagerResponse
from moto.server import main
from moto.ssm.responses import SimpleSystemManagerResponse
from servers import ADMIN
from werkzeug.exceptions import HTTPException

# Which operations decrypt or encrypt, and with which action of KMS.
KMS_ACTIONS = {
    "GetSecretValue": ["kms:Decrypt"],
    "PutSecretValue": ["kms:GenerateDataKey"],
    "GetParameter": ["kms:Decrypt"],
    "GetParameters": ["kms:Decrypt"],
}


class Denied(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def authorize(response, resource="*"):
    """Check one call, in place of moto's own check."""
    if f"Credential={ADMIN}/" in response.headers.get("Authorization", ""):
        return
    caller = checked_caller(response)
    identity = caller.collect_policies()
    documents = [json.loads(p if isinstance(p, str) else p["policy_document"]) for p in identity]
    operation = response._get_action()
    action = f"{response.service_name}:{operation}"
    for arn in resource if isinstance(resource, list) else [resource]:
        if not policies.allows(documents, policies.Call(action, arn)):
            raise Denied("AccessDeniedException", f"User: {caller.arn} {lacks(action, arn)}")
        for kms_action in KMS_ACTIONS.get(operation, []):
            check_key(response, documents, kms_action, arn)


def lacks(action, arn):
    reason = f"because no identity-based policy allows the {action} action"
    return f"is not authorized to perform: {action} on resource: {arn} {reason}"


def checked_caller(response):
    """Return who signed the call, after checking the signature."""
    try:
        request = IAMRequest(
            account_id=response.current_account,
            method=response.method,
            path=response.raw_path,
            data=response.data,
            body=response.raw_body,
            headers=response.headers,
            action=response._get_action(),
        )
    except HTTPException:
        raise Denied("UnrecognizedClientException", "The security token included in the request is invalid.") from None
    try:
        request.check_signature()
    except HTTPException:
        raise Denied("InvalidSignatureException", "The request signature does not match.") from None
    return request._access_key


def check_key(response, documents, action, arn):
    """Check that the key's policy and the caller's own let the service use the key on the caller's behalf."""
    service = response.service_name
    key_id, context_key, message = ENCRYPTED[service](response, arn)
    if key_id is None:
        return
    backend = kms_backends[response.current_account][response.region]
    key = backend.keys[backend.any_id_to_key_id(key_id)]
    call = policies.Call(
        action,
        key.arn,
        principal=f"arn:aws:iam::{response.current_account}:root",
        context={
            "kms:ViaService": f"{service}.{response.region}.amazonaws.com",
            f"kms:EncryptionContext:{context_key}": arn,
        },
    )
    if not (policies.allows([json.loads(key.policy)], call) and policies.allows(documents, call)):
        raise Denied("AccessDeniedException", message)


def encrypted_secret(response, arn):
    secret = response.backend.secrets.get(arn)
    return getattr(secret, "kms_key_id", None), "SecretARN", "Access to KMS is not allowed"


def encrypted_parameter(response, arn):
    name = arn.partition(":parameter")[2]
    parameter = response.ssm_backend.get_parameter(name)
    secure = parameter is not None and parameter.parameter_type == "SecureString"
    decrypts = json.loads(response.body).get("WithDecryption")
    message = (
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you "
        "are not allowed to access. (Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException)"
    )
    return parameter.keyid if secure and decrypts else None, "PARAMETER_ARN", message


ENCRYPTED = {"secretsmanager": encrypted_secret, "ssm": encrypted_parameter}


def secret_arn(response):
    """The resource of a call to Secrets Manager: an ARN, whatever form of the name was given."""
    secret_id = json.loads(response.body).get("SecretId", "*")
    if secret_id in response.backend.secrets:
        return response.backend.secrets[secret_id].arn
    prefix = f"arn:aws:secretsmanager:{response.region}:{response.current_account}:secret:"
    return secret_id if secret_id.startswith("arn:") else prefix + secret_id


def parameter_arns(response):
    body = json.loads(response.body)
    prefix = f"arn:aws:ssm:{response.region}:{response.current_account}:parameter"
    names = [body["Name"]] if "Name" in body else body.get("Names", [])
    return [name if name.startswith("arn:") else f"{prefix}/{bare(name)}" for name in names] or "*"


def bare(name):
    return re.sub(r":[^/]+$", "", name).removeprefix("/")


def log_group_arn(response):
    group = json.loads(response.body).get("logGroupName", "*")
    return f"arn:aws:logs:{response.region}:{response.current_account}:log-group:{group}:log-stream:"


def key_arn(response):
    return f"arn:aws:kms:{response.region}:{response.current_account}:key/{json.loads(response.body).get('KeyId')}"


call_action = BaseResponse.call_action


def call_action_or_deny(self):
    """Answer a denial as AWS's JSON services do, which moto would put into XML."""
    try:
        return call_action(self)
    except Denied as denied:
        headers = {"status": 400, "content-type": "application/x-amz-json-1.1"}
        return 400, headers, json.dumps({"__type": denied.code, "message": str(denied), "Message": str(denied)})


update_secret_version_stage = SecretsManagerBackend.update_secret_version_stage


def move_stage(self, secret_id, version_stage, remove_from_version_id, move_to_version_id):
    answer = update_secret_version_stage(self, secret_id, version_stage, remove_from_version_id, move_to_version_id)
    if version_stage == "AWSCURRENT" and move_to_version_id:
        self.secrets[secret_id].set_default_version_id(move_to_version_id)
    return answer


if __name__ == "__main__":
    # moto checks resources of hardly any service, no conditions, and answers in XML.
    ActionAuthenticatorMixin._authenticate_and_authorize_normal_action = authorize
    BaseResponse.call_action = call_action_or_deny
    SecretsManagerResponse._determine_resource = secret_arn
    SimpleSystemManagerResponse._determine_resource = parameter_arns
    LogsResponse._determine_resource = log_group_arn
    KmsResponse._determine_resource = key_arn
    # A read without a stage goes on giving the old version after AWSCURRENT has moved.
    SecretsManagerBackend.update_secret_version_stage = move_stage
    with contextlib.suppress(KeyboardInterrupt):
        main(sys.argv[1:])
