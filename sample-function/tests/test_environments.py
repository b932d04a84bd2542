"""The stack for two environments side by side, made by ministack's CloudFormation, which refuses what it cannot make.

What it cannot make is left out, and checked against AWS's own schemas instead.
"""

import json
import zipfile
from functools import partial

import jsonschema
import pytest
import template as templates
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from deployment import client, resolved
from servers import ACCOUNT, REGION
from watching import of_type

ENVIRONMENTS = ("dev", "prod")
NOT_MADE = {"AWS::SecretsManager::RotationSchedule", "AWS::Logs::QueryDefinition", "AWS::Logs::LogAnomalyDetector"}
LAYER = b"a layer"


@pytest.fixture(scope="module")
def aws(ministack):
    return partial(client, ministack)


@pytest.fixture(scope="module")
def stacks(aws, template, folder):
    """Both stacks, by environment: the resources of each as CloudFormation lists them."""
    upload(aws("s3"), folder)
    cloudformation = aws("cloudformation")
    made = {}
    for environment in ENVIRONMENTS:
        translated = templates.translated(template, environment)
        left_out = [name for name, r in translated["Resources"].items() if r["Type"] in NOT_MADE]
        for name in left_out:
            del translated["Resources"][name]
        cloudformation.create_stack(
            StackName=f"{environment}-orders",
            TemplateBody=json.dumps(translated),
            Parameters=[{"ParameterKey": "Environment", "ParameterValue": environment}],
            Capabilities=["CAPABILITY_IAM"],
        )
    for environment in ENVIRONMENTS:
        name = f"{environment}-orders"
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        listed = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        made[environment] = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in listed}
    return made


def upload(s3, folder):
    """Put there what `sam package` would."""
    s3.create_bucket(Bucket=templates.BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    layer = folder / "layer.zip"
    with zipfile.ZipFile(layer, "w") as archive:
        archive.writestr("extensions/larder", LAYER)
    packages = [
        layer,
        templates.folder_zip(templates.SAMPLE / "python", folder / "function.zip"),
        templates.folder_zip(templates.SAMPLE / "rotation", folder / "rotation.zip"),
    ]
    for package in packages:
        s3.put_object(Bucket=templates.BUCKET, Key=package.name, Body=package.read_bytes())


def test_all_that_can_be_made_is_made(stacks, template):
    for environment in ENVIRONMENTS:
        wanted = {name for name, r in resolved(template, environment).items() if r["Type"] not in NOT_MADE}
        # SAM's hash in the layer's name is the same here, as it is one of the properties.
        assert set(stacks[environment]) == wanted


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_secret_and_parameters(aws, stacks, environment):
    secrets = aws("secretsmanager")
    described = secrets.describe_secret(SecretId=f"{environment}/db-credentials")
    assert described["KmsKeyId"].rpartition("/")[2] == stacks[environment]["Key"].rpartition("/")[2]
    secret = json.loads(secrets.get_secret_value(SecretId=f"{environment}/db-credentials")["SecretString"])
    assert (secret["username"], secret["host"], secret["dbname"]) == ("orders", "", "orders")
    assert len(secret["password"]) == 32
    found = aws("ssm").get_parameters_by_path(Path=f"/{environment}/config")["Parameters"]
    assert {p["Name"]: (p["Type"], p["Value"]) for p in found} == {
        f"/{environment}/config/api-url": ("String", "https://api.example.com/v1"),
        f"/{environment}/config/allowed-origins": ("StringList", "https://shop.example.com,https://admin.example.com"),
    }


def test_environments_share_no_password(aws, stacks):
    secrets = [aws("secretsmanager").get_secret_value(SecretId=f"{e}/db-credentials") for e in ENVIRONMENTS]
    assert len({json.loads(secret["SecretString"])["password"] for secret in secrets}) == 2


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_key(aws, stacks, environment):
    kms = aws("kms")
    key_id = kms.describe_key(KeyId=f"alias/{environment}-orders")["KeyMetadata"]["KeyId"]
    assert key_id == stacks[environment]["Key"].rpartition("/")[2]
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"] is True
    policy = json.loads(kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"])
    assert [s["Sid"] for s in policy["Statement"]] == [
        "Administration",
        "TheSecret",
        "TheParameters",
        "TheLogs",
        "TheAlarms",
    ]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_functions_and_logs(aws, stacks, environment):
    function = aws("lambda").get_function_configuration(FunctionName=f"{environment}-orders")
    (layer,) = function["Layers"]
    assert layer["Arn"].split(":layer:")[1].startswith(f"{environment}-larder:")
    assert function["Environment"]["Variables"]["SECRET_NAME"] == f"{environment}/db-credentials"
    assert function["LoggingConfig"]["LogGroup"] == f"/aws/lambda/{environment}-orders"
    groups = aws("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{environment}-")["logGroups"]
    assert {g["logGroupName"]: g["retentionInDays"] for g in groups} == {
        f"/aws/lambda/{environment}-orders": 90,
        f"/aws/lambda/{environment}-orders-rotation": 90,
    }
    assert all(g["kmsKeyId"].endswith(stacks[environment]["Key"].rpartition("/")[2]) for g in groups)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_metric_filters_alarm_topic_and_dashboard(aws, stacks, environment):
    filters = aws("logs").describe_metric_filters(logGroupName=f"/aws/lambda/{environment}-orders")["metricFilters"]
    assert {f["filterName"] for f in filters} == {"errors", "denials", "stale"}
    cloudwatch = aws("cloudwatch")
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[f"{environment}-orders-read-errors"])["MetricAlarms"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Threshold"]) == (f"Larder/{environment}", "Errors", 1.0)
    assert alarm["AlarmActions"] == [f"arn:aws:sns:{REGION}:{ACCOUNT}:{environment}-orders-alarms"]
    assert aws("sns").get_topic_attributes(TopicArn=alarm["AlarmActions"][0])["Attributes"]["DisplayName"]
    body = json.loads(cloudwatch.get_dashboard(DashboardName=f"{environment}-orders-reads")["DashboardBody"])
    assert len(body["widgets"]) == 8


# One function's role, as it was made, says nothing of the other environment.
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_roles(aws, stacks, environment):
    (other,) = set(ENVIRONMENTS) - {environment}
    for role in ("FunctionRole", "RotationRole"):
        iam, name = aws("iam"), stacks[environment][role]
        (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        document = json.dumps(iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])
        assert f"secret:{environment}/db-credentials-" in document
        assert f"{other}/" not in document
        assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []


# ministack's own evaluation of policies, a second opinion. It knows no conditions.
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_simulated_calls(aws, stacks, environment):
    (other,) = set(ENVIRONMENTS) - {environment}
    role = aws("iam").get_role(RoleName=stacks[environment]["FunctionRole"])["Role"]["Arn"]

    def allowed(action, resource):
        simulated = aws("iam").simulate_principal_policy(
            PolicySourceArn=role, ActionNames=[action], ResourceArns=[f"arn:aws:{resource}"]
        )
        (result,) = simulated["EvaluationResults"]
        return result["EvalDecision"] == "allowed"

    secret, parameter = f"secretsmanager:{REGION}:{ACCOUNT}:secret", f"ssm:{REGION}:{ACCOUNT}:parameter"
    assert allowed("secretsmanager:GetSecretValue", f"{secret}:{environment}/db-credentials-a1b2C3")
    assert not allowed("secretsmanager:GetSecretValue", f"{secret}:{other}/db-credentials-a1b2C3")
    assert not allowed("secretsmanager:GetSecretValue", f"{secret}:{environment}/db-credentials-other-a1b2C3")
    assert not allowed("secretsmanager:PutSecretValue", f"{secret}:{environment}/db-credentials-a1b2C3")
    assert allowed("ssm:GetParameter", f"{parameter}/{environment}/config/api-url")
    assert not allowed("ssm:GetParameter", f"{parameter}/{other}/config/api-url")
    assert not allowed("ssm:PutParameter", f"{parameter}/{environment}/config/api-url")


def test_the_alarm_rings_alone(aws, stacks):
    """ministack evaluates alarms: two errors of one environment alarm it, and not the other."""
    cloudwatch = aws("cloudwatch")
    cloudwatch.put_metric_data(
        Namespace="Larder/dev", MetricData=[{"MetricName": "Errors", "Value": 2, "Unit": "Count"}]
    )
    found = {a["AlarmName"]: a["StateValue"] for a in cloudwatch.describe_alarms()["MetricAlarms"]}
    assert found["dev-orders-read-errors"] == "ALARM"
    assert found["prod-orders-read-errors"] != "ALARM"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("kind", sorted(NOT_MADE))
def test_schema_of_what_is_not_made(template, environment, kind):
    found = of_type(resolved(template, environment), kind)
    assert len(found) == {"AWS::Logs::QueryDefinition": 6}.get(kind, 1)
    for properties in found:
        assert schema_errors(kind, properties) == []
        # A property that does not exist, or one of a wrong kind, would be found.
        assert schema_errors(kind, properties | {"Misspelt": "x"})
        assert schema_errors(kind, dict.fromkeys(properties, 1))


def schema_errors(kind, properties):
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    validator = jsonschema.Draft7Validator(schema)
    return [error.message for error in validator.iter_errors(properties)]
