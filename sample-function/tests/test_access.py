"""What the function's role may read, proven by use: Larder itself reads with it from an AWS that enforces policies."""

import json

import pytest
from access import check_allowed, check_denied, check_function, check_reads, write_log
from deployment import Deployment, client
from larder import Larder
from mutations import policy_of, without_statement

STATEMENTS = ["ReadSecret", "ReadParameters", "DecryptSecret", "DecryptParameters", "WriteLogs"]


def test_role_reads_what_the_template_makes_and_writes_its_log(moto, template, folder):
    check_function(moto, template, folder)


@pytest.fixture(scope="module")
def deployment(moto, template):
    """An environment, beside which another one exists, and values that are nobody's of the template."""
    Deployment(moto, template, "other")
    made = Deployment(moto, template, "mine")
    secrets, parameters = client(moto, "secretsmanager"), client(moto, "ssm")
    secrets.create_secret(Name="mine/unrelated", SecretString="canary")
    secrets.create_secret(Name="mine/db-credentials-of-another", SecretString="canary")
    parameters.put_parameter(Name="/mine/unrelated", Value="canary", Type="String")
    parameters.put_parameter(Name="/mine/configuration", Value="canary", Type="String")
    made.session = made.credentials("FunctionRole")
    return made


# Larder's answer to whatever is not the function's says that it is denied, and which action the role lacks.
@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("secretsmanager", "mine/unrelated"),
        ("secretsmanager", "mine/db-credentials-of-another"),
        ("secretsmanager", "other/db-credentials"),
        ("ssm", "/mine/unrelated"),
        ("ssm", "/mine/configuration"),
        ("ssm", "/other/config/api-url"),
        ("ssm", "/other/config/api-key"),
    ],
)
def test_everything_else_is_denied(moto, deployment, folder, source, name):
    larder = Larder(folder, moto, deployment.session)
    read, action = {
        "secretsmanager": (larder.secret, "secretsmanager:GetSecretValue"),
        "ssm": (larder.parameter, "ssm:GetParameter"),
    }[source]
    status, body = read(name)
    (record,) = larder.records()
    assert status == 400
    assert "AccessDeniedException" in body
    assert f"not authorized to perform: {action}" in body
    assert "canary" not in body
    assert (record["outcome"], record["error"], record["source"]) == ("denied", "AccessDeniedException", source)
    assert record["action"] == action


def test_another_secret_by_its_arn_is_denied(moto, deployment, folder):
    arn = client(moto, "secretsmanager").describe_secret(SecretId="other/db-credentials")["ARN"]
    larder = Larder(folder, moto, deployment.session)
    status, body = larder.secret(arn)
    assert (status, "not authorized to perform: secretsmanager:GetSecretValue" in body) == (400, True)
    larder.stop()


def test_role_changes_nothing(moto, deployment):
    secrets = client(moto, "secretsmanager", deployment.session)
    check_denied(secrets.put_secret_value, SecretId=deployment.secret_id, SecretString="x")
    check_denied(secrets.update_secret, SecretId=deployment.secret_id, SecretString="x")
    check_denied(secrets.describe_secret, SecretId=deployment.secret_id)
    check_denied(secrets.delete_secret, SecretId=deployment.secret_id)
    parameters = client(moto, "ssm", deployment.session)
    check_denied(parameters.put_parameter, Name=deployment.parameter("api-url"), Value="x", Overwrite=True)
    check_denied(parameters.delete_parameter, Name=deployment.parameter("api-url"))


def test_role_uses_the_key_only_through_the_services(moto, deployment):
    kms = client(moto, "kms", deployment.session)
    check_denied(kms.encrypt, KeyId=deployment.key_arn, Plaintext=b"x")
    check_denied(kms.generate_data_key, KeyId=deployment.key_arn, KeySpec="AES_256")
    ciphertext = client(moto, "kms").encrypt(KeyId=deployment.key_arn, Plaintext=b"x")["CiphertextBlob"]
    check_denied(kms.decrypt, KeyId=deployment.key_arn, CiphertextBlob=ciphertext)


def test_role_writes_to_no_other_log(moto, deployment):
    logs = client(moto, "logs", deployment.session)
    check_denied(write_log, logs, "/aws/lambda/other-orders")
    check_denied(write_log, logs, deployment.log_group("RotationLogs"))
    check_denied(logs.create_log_group, logGroupName="/mine/new")
    check_denied(logs.delete_log_group, logGroupName=deployment.log_group())


def test_statements_are_the_ones_that_are_removed_below(template):
    assert [s["Sid"] for s in policy_of(template, "FunctionRole")["Statement"]] == STATEMENTS


# Without a statement exactly the reads that it is for fail, and Larder's answer and record name the missing action,
# also where the key is what is missing and AWS's own words do not.
@pytest.mark.parametrize(
    ("sid", "failing", "action", "reason"),
    [
        (
            "ReadSecret",
            {"secret"},
            "secretsmanager:GetSecretValue",
            "not authorized to perform: secretsmanager:GetSecretValue",
        ),
        ("ReadParameters", {"api-url", "api-key"}, "ssm:GetParameter", "not authorized to perform: ssm:GetParameter"),
        (
            "DecryptSecret",
            {"secret"},
            "kms:Decrypt",
            "Access to KMS is not allowed: the role, or the key's policy, does",
        ),
        (
            "DecryptParameters",
            {"api-key"},
            "kms:Decrypt",
            "AccessDeniedException): the role, or the key's policy, does",
        ),
    ],
)
def test_without_a_statement(moto, template, folder, sid, failing, action, reason):
    deployment = Deployment(moto, without_statement(template, "FunctionRole", sid))
    larder = Larder(folder, moto, deployment.credentials("FunctionRole"))
    answers = {
        "secret": larder.secret(deployment.secret_id),
        "api-url": larder.parameter(deployment.parameter("api-url")),
        "api-key": larder.parameter(deployment.parameter("api-key")),
    }
    records = dict(zip(answers, larder.records(), strict=True))
    assert {name for name, (status, _) in answers.items() if status != 200} == failing
    for name in failing:
        status, body = answers[name]
        assert status == 400
        assert "AccessDeniedException" in body
        assert reason in body
        assert action in body
        assert (records[name]["outcome"], records[name]["error"]) == ("denied", "AccessDeniedException")
        assert records[name]["action"] == action
        assert records[name]["level"] == "WARN"
    assert not [name for name in answers.keys() - failing if "action" in records[name]]


def test_without_the_statement_for_logs(moto, template, folder):
    deployment = Deployment(moto, without_statement(template, "FunctionRole", "WriteLogs"))
    check_reads(deployment, folder)
    logs = client(moto, "logs", deployment.credentials("FunctionRole"))
    check_denied(write_log, logs, deployment.log_group())


def test_a_wrong_signature_is_refused(moto, deployment, folder):
    """Or all of the above would prove nothing."""
    larder = Larder(folder, moto, deployment.session | {"SecretAccessKey": "wrong"})
    status, body = larder.secret(deployment.secret_id)
    larder.stop()
    assert (status, "InvalidSignatureException" in body) == (503, True), body


def test_the_administrator_is_not_restricted(moto, deployment):
    """What is denied above is denied by policies, and not because moto cannot do it."""
    secrets = client(moto, "secretsmanager")
    value = check_allowed(secrets.get_secret_value, SecretId="mine/unrelated")["SecretString"]
    assert json.dumps(value) == '"canary"'
