"""What the roles of the stack are for, checked by use: each check fails with an AssertionError."""

import json

import policies
from botocore.exceptions import ClientError
from deployment import API_KEY, Deployment, client, resolved
from larder import Larder
from servers import ACCOUNT, REGION
from watching import of_type


def check_reads(deployment, folder):
    """Check that the function's role reads, through Larder, all that the template makes for it, and nothing fails."""
    larder = Larder(folder, deployment.url, deployment.credentials("FunctionRole"))
    status, body = larder.secret(deployment.secret_id)
    answers = [larder.parameter(deployment.parameter(name)) for name in ("api-url", "allowed-origins", "api-key")]
    records = larder.records()
    assert status == 200, body
    assert json.loads(json.loads(body)["SecretString"])["username"] == "orders"
    assert [status for status, _ in answers] == [200, 200, 200], answers
    values = [json.loads(body)["Parameter"]["Value"] for _, body in answers]
    assert values == ["https://api.example.com/v1", "https://shop.example.com,https://admin.example.com", API_KEY]
    assert [record["outcome"] for record in records] == ["miss"] * 4


def check_logs(deployment, role, logs):
    """Check that a role writes to its own log group."""
    allowed = client(deployment.url, "logs", deployment.credentials(role))
    check_allowed(write_log, allowed, deployment.log_group(logs))


def write_log(logs, group):
    logs.create_log_stream(logGroupName=group, logStreamName="stream")
    logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=[{"timestamp": 1, "message": "m"}])


def check_allowed(call, *arguments, **keywords):
    try:
        return call(*arguments, **keywords)
    except ClientError as error:
        raise AssertionError(f"not allowed: {error}") from None


def check_denied(call, *arguments, **keywords):
    """Check that AWS denies a call, and for no other reason."""
    try:
        call(*arguments, **keywords)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDeniedException", error
        return
    raise AssertionError(f"{call.__name__} {keywords} is allowed")


def check_function(url, template, folder):
    """Check all that the function's role is for."""
    deployment = Deployment(url, template)
    check_reads(deployment, folder)
    check_logs(deployment, "FunctionRole", "FunctionLogs")


def check_conditions(template):
    """Check that no role may use the key but through a service, and then for this environment's values alone."""
    resources = resolved(template, "prod")
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret"
    parameter = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter"
    other = [
        {},
        {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"},
        {"kms:ViaService": f"ssm.{REGION}.amazonaws.com"},
        _context("secretsmanager", "SecretARN", f"{secret}:prod/unrelated-a1b2C3"),
        _context("ssm", "SecretARN", f"{secret}:prod/db-credentials-a1b2C3"),
        _context("ssm", "PARAMETER_ARN", f"{parameter}/dev/config/api-key"),
        _context("secretsmanager", "PARAMETER_ARN", f"{parameter}/prod/config/api-key"),
    ]
    for role in of_type(resources, "AWS::IAM::Role"):
        documents = [policy["PolicyDocument"] for policy in role["Policies"]]
        for action in ("kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt"):
            for context in other:
                assert not policies.allows(documents, policies.Call(action, key, context=context)), context


def _context(service, key, arn):
    return {"kms:ViaService": f"{service}.{REGION}.amazonaws.com", f"kms:EncryptionContext:{key}": arn}
