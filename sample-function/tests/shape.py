"""What the template says of encryption, retention, names and the key: each check fails with an AssertionError."""

import policies
from servers import ACCOUNT, REGION
from watching import of_type, one

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
PREFIX = f"{REGION}:{ACCOUNT}"


def check_key(resources, environment):
    """Check that the key is rotated, and lets each service use it for this environment's things alone."""
    key = one(of_type(resources, "AWS::KMS::Key"), "keys")
    assert key["EnableKeyRotation"] is True

    def may(action, principal, **context):
        named = {name.replace("__", ":"): value for name, value in context.items()}
        return policies.allows([key["KeyPolicy"]], policies.Call(action, "the-key", principal, named))

    def secret(name, via="secretsmanager"):
        arn = f"arn:aws:secretsmanager:{PREFIX}:secret:{name}-a1b2C3"
        return {"kms__ViaService": f"{via}.{REGION}.amazonaws.com", "kms__EncryptionContext__SecretARN": arn}

    def parameter(name, via="ssm"):
        arn = f"arn:aws:ssm:{PREFIX}:parameter{name}"
        return {"kms__ViaService": f"{via}.{REGION}.amazonaws.com", "kms__EncryptionContext__PARAMETER_ARN": arn}

    def log(group):
        return {"kms__EncryptionContext__aws__logs__arn": f"arn:aws:logs:{PREFIX}:log-group:{group}"}

    def alarm(name, account=ACCOUNT):
        return {"aws__SourceAccount": account, "aws__SourceArn": f"arn:aws:cloudwatch:{PREFIX}:alarm:{name}"}

    # Whoever administers the account can administer the key, and use it no more than others.
    assert may("kms:PutKeyPolicy", ROOT)
    assert may("kms:ScheduleKeyDeletion", ROOT)
    for action in ("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:CreateGrant"):
        assert not may(action, ROOT), action

    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        assert may(action, ROOT, **secret(f"{environment}/db-credentials"))
        assert not may(action, ROOT, **secret(f"{environment}/unrelated"))
        assert not may(action, ROOT, **secret("other/db-credentials"))
        assert not may(action, ROOT, **secret(f"{environment}/db-credentials", via="ssm"))
    for action in ("kms:Decrypt", "kms:Encrypt"):
        assert may(action, ROOT, **parameter(f"/{environment}/config/api-key"))
        assert not may(action, ROOT, **parameter(f"/{environment}/unrelated"))
        assert not may(action, ROOT, **parameter("/other/config/api-key"))
        assert not may(action, ROOT, **parameter(f"/{environment}/config/api-key", via="secretsmanager"))

    logs = f"logs.{REGION}.amazonaws.com"
    for group in of_type(resources, "AWS::Logs::LogGroup"):
        for action in ("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptTo", "kms:GenerateDataKey"):
            assert may(action, logs, **log(group["LogGroupName"]))
    assert not may("kms:Decrypt", logs, **log("/aws/lambda/other-orders"))
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        assert may(action, "cloudwatch.amazonaws.com", **alarm(f"{environment}-orders-read-errors"))
        assert not may(action, "cloudwatch.amazonaws.com", **alarm("other-orders-read-errors"))
        assert not may(action, "cloudwatch.amazonaws.com", **alarm(f"{environment}-orders-read-errors", "999999999999"))


def check_encryption(resources, _):
    """Check that all that can be encrypted is, with the key of the stack."""
    groups = of_type(resources, "AWS::Logs::LogGroup")
    assert len(groups) == 2
    for group in groups:
        assert ":key/" in group["KmsKeyId"]
        assert group["RetentionInDays"] == 90
    assert ":key/" in one(of_type(resources, "AWS::SecretsManager::Secret"), "secrets")["KmsKeyId"]
    assert one(of_type(resources, "AWS::SNS::Topic"), "topics")["KmsMasterKeyId"]


def check_values(resources, environment):
    """Check what there is to read, and that the secret is generated and rotated by the function that may."""
    secret = one(of_type(resources, "AWS::SecretsManager::Secret"), "secrets")
    assert secret["Name"] == f"{environment}/db-credentials"
    assert "SecretString" not in secret
    assert secret["GenerateSecretString"]["PasswordLength"] >= 32
    assert secret["GenerateSecretString"]["ExcludePunctuation"] is True
    parameters = {p["Name"]: p["Type"] for p in of_type(resources, "AWS::SSM::Parameter")}
    assert parameters == {
        f"/{environment}/config/api-url": "String",
        f"/{environment}/config/allowed-origins": "StringList",
    }
    rotation = one(of_type(resources, "AWS::SecretsManager::RotationSchedule"), "rotation schedules")
    assert rotation["SecretId"].startswith(f"arn:aws:secretsmanager:{PREFIX}:secret:{environment}/db-credentials-")
    assert rotation["RotationLambdaARN"].endswith(f":function:{environment}-orders-rotation")
    assert rotation["RotationRules"]["ScheduleExpression"] == "rate(30 days)"
    permission = one(of_type(resources, "AWS::Lambda::Permission"), "permissions")
    assert permission["Principal"] == "secretsmanager.amazonaws.com"
    assert permission["FunctionName"] == rotation["RotationLambdaARN"]
    assert (permission["SourceArn"], permission["SourceAccount"]) == (rotation["SecretId"], ACCOUNT)


def check_functions(resources, environment):
    """Check that the function has the layer, its names and its log, and that each function has its own role."""
    functions = {f["FunctionName"]: f for f in of_type(resources, "AWS::Lambda::Function")}
    assert set(functions) == {f"{environment}-orders", f"{environment}-orders-rotation"}
    function, rotation = functions[f"{environment}-orders"], functions[f"{environment}-orders-rotation"]
    assert ":layer:" in one(function["Layers"], "layers")
    assert function["Environment"]["Variables"]["SECRET_NAME"] == f"{environment}/db-credentials"
    assert function["Environment"]["Variables"]["PARAMETER_NAME"] == f"/{environment}/config/api-url"
    assert function["LoggingConfig"]["LogGroup"] == f"/aws/lambda/{environment}-orders"
    assert rotation["LoggingConfig"]["LogGroup"] == f"/aws/lambda/{environment}-orders-rotation"
    assert function["Role"] != rotation["Role"]
    assert "Layers" not in rotation
    for role in of_type(resources, "AWS::IAM::Role"):
        assert not role.get("ManagedPolicyArns"), "managed policies allow more than is needed"


def check_topic(resources, environment):
    """Check that the topic takes messages of this stack's alarm alone."""
    policy = one(of_type(resources, "AWS::SNS::TopicPolicy"), "topic policies")
    (topic,) = policy["Topics"]

    def may(action, principal, alarm):
        context = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": f"arn:aws:cloudwatch:{PREFIX}:alarm:{alarm}"}
        return policies.allows([policy["PolicyDocument"]], policies.Call(action, topic, principal, context))

    assert may("sns:Publish", "cloudwatch.amazonaws.com", f"{environment}-orders-read-errors")
    assert not may("sns:Publish", "cloudwatch.amazonaws.com", "other-orders-read-errors")
    assert not may("sns:Publish", "events.amazonaws.com", f"{environment}-orders-read-errors")
    assert not may("sns:Subscribe", "cloudwatch.amazonaws.com", f"{environment}-orders-read-errors")


CHECKS = [check_key, check_encryption, check_values, check_functions, check_topic]
