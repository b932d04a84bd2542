"""Takes things out of the template, one at a time, or changes them, and sees a check fail each time.

So no statement, filter or query is there that no test would miss. The checks are the ones of the other tests.
"""

import access
import pytest
import rotating
import shape
import template as templates
import watching
from deployment import Deployment, resolved
from mutations import policy_of, with_property, without_property, without_resource, without_statement

ENVIRONMENT = "watched"
TEMPLATE = templates.written()

# Where in the template there is a statement, and a condition.
STATEMENTS = [
    (resource, statement["Sid"])
    for resource in ("FunctionRole", "RotationRole", "Key")
    for statement in policy_of(TEMPLATE, resource)["Statement"]
]
ROLE_CONDITIONS = [
    (resource, index)
    for resource in ("FunctionRole", "RotationRole")
    for index, statement in enumerate(policy_of(TEMPLATE, resource)["Statement"])
    if "Condition" in statement
]
KEY_CONDITIONS = [i for i, statement in enumerate(policy_of(TEMPLATE, "Key")["Statement"]) if "Condition" in statement]


def of(*kinds):
    return [name for name, resource in TEMPLATE["Resources"].items() if resource["Type"] in kinds]


def check_watching(template, events):
    resources = resolved(template, ENVIRONMENT)
    watching.check_metrics(resources, ENVIRONMENT, events)
    watching.check_alarm(resources, ENVIRONMENT, events)
    watching.check_queries(resources, ENVIRONMENT, events)
    watching.check_dashboard(resources, ENVIRONMENT)
    watching.check_detector(resources, ENVIRONMENT)


def check_shape(template):
    for check in shape.CHECKS:
        check(resolved(template, ENVIRONMENT), ENVIRONMENT)


def fails(check, *arguments):
    """Check that a check fails, by finding something wrong or by missing something."""
    with pytest.raises((AssertionError, KeyError, ValueError, SyntaxError)):
        check(*arguments)


def test_nothing_fails_without_a_change(events):
    check_watching(TEMPLATE, events)
    check_shape(TEMPLATE)


@pytest.mark.parametrize(("resource", "sid"), STATEMENTS)
def test_without_a_statement(moto, folder, resource, sid):
    changed = without_statement(TEMPLATE, resource, sid)
    match resource:
        case "FunctionRole":
            fails(access.check_function, moto, changed, folder)
        case "RotationRole":
            fails(rotating.check_rotation, moto, changed)
        case "Key":
            fails(check_shape, changed)


# Not only do the checks of the key's policy miss these: what they are for does not work.
@pytest.mark.parametrize("sid", ["TheSecret", "TheParameters"])
def test_without_a_statement_of_the_key_nothing_is_read(moto, folder, sid):
    fails(access.check_reads, Deployment(moto, without_statement(TEMPLATE, "Key", sid)), folder)


@pytest.mark.parametrize("index", KEY_CONDITIONS)
def test_without_a_condition_of_the_key(index):
    fails(check_shape, without_property(TEMPLATE, "Key", "KeyPolicy", "Statement", index, "Condition"))


@pytest.mark.parametrize(("resource", "index"), ROLE_CONDITIONS)
def test_without_a_condition_of_a_role(resource, index):
    path = ("Policies", 0, "PolicyDocument", "Statement", index, "Condition")
    access.check_conditions(TEMPLATE)
    fails(access.check_conditions, without_property(TEMPLATE, resource, *path))


@pytest.mark.parametrize(
    "name",
    of(
        "AWS::Logs::MetricFilter",
        "AWS::Logs::QueryDefinition",
        "AWS::Logs::LogAnomalyDetector",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::SNS::Topic",
    ),
)
def test_without_what_watches(events, name):
    fails(check_watching, without_resource(TEMPLATE, name), events)


@pytest.mark.parametrize(
    "name",
    of(
        "AWS::KMS::Key",
        "AWS::SecretsManager::Secret",
        "AWS::SecretsManager::RotationSchedule",
        "AWS::SSM::Parameter",
        "AWS::Serverless::Function",
        "AWS::Serverless::LayerVersion",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        "AWS::SNS::TopicPolicy",
    ),
)
def test_without_what_is_watched(name):
    fails(check_shape, without_resource(TEMPLATE, name))


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("ErrorsFilter", "{ $.status >= 400 }"),
        ("ErrorsFilter", '{ ($.type = "larder.access") && ($.status > 400) }'),
        ("ErrorsFilter", '{ ($.type = "larder.access") && ($.outcome = "error") }'),
        ("ErrorsFilter", '{ ($.type = "larder.access") && ($.level = "WARN") }'),
        ("ErrorsFilter", '{ ($.type = "larder.access") && ($.status = 400) }'),
        ("DenialsFilter", '{ $.outcome = "denied" || $.error = "AccessDenied*" || $.outcome = "negative" }'),
        ("DenialsFilter", '{ ($.type = "larder.access") && ($.error = "AccessDeniedException") }'),
        ("StaleFilter", '{ $.outcome = "stale" }'),
        ("StaleFilter", '{ ($.type = "larder.access") && ($.outcome = "st" ) }'),
    ],
)
def test_another_pattern(events, name, pattern):
    fails(check_watching, with_property(TEMPLATE, name, pattern, "FilterPattern"), events)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Threshold", 0),
        ("Threshold", 4),
        ("Period", 60 * 20),
        ("ComparisonOperator", "GreaterThanOrEqualToThreshold"),
        ("TreatMissingData", "breaching"),
        ("MetricName", "Denials"),
        ("Namespace", "Larder"),
        ("AlarmActions", []),
    ],
)
def test_another_alarm(events, key, value):
    fails(check_watching, with_property(TEMPLATE, "ReadErrorsAlarm", value, key), events)


def commands():
    """Each command of each saved query, by the query's name and the command's place."""
    queries = TEMPLATE["Mappings"]["Queries"]
    return [(name, index) for name in queries for index in range(len(queries[name]["Query"].split(" | ")))]


# A limit that this run does not reach is not missed by its rows, and so not taken out here.
@pytest.mark.parametrize(("name", "index"), commands())
def test_without_a_command_of_a_query(events, name, index):
    queries = TEMPLATE["Mappings"]["Queries"]
    parts = queries[name]["Query"].split(" | ")
    if parts[index].startswith("limit"):
        assert int(parts[index].split()[1]) in (20, 50)
        return
    changed = " | ".join(part for i, part in enumerate(parts) if i != index)
    mapping = {"Queries": queries | {name: queries[name] | {"Query": changed}}}
    fails(check_watching, TEMPLATE | {"Mappings": mapping}, events)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("Key", ["EnableKeyRotation"]),
        ("FunctionLogs", ["RetentionInDays"]),
        ("FunctionLogs", ["KmsKeyId"]),
        ("RotationLogs", ["RetentionInDays"]),
        ("RotationLogs", ["KmsKeyId"]),
        ("DatabaseCredentials", ["KmsKeyId"]),
        ("Alarms", ["KmsMasterKeyId"]),
        ("RotationPermission", ["SourceArn"]),
        ("RotationPermission", ["SourceAccount"]),
        ("Rotation", ["RotationRules"]),
        ("Function", ["Layers"]),
        ("Function", ["LoggingConfig"]),
        ("AlarmsPolicy", ["PolicyDocument", "Statement", 0, "Condition"]),
    ],
)
def test_without_a_property(name, path):
    fails(check_shape, without_property(TEMPLATE, name, *path))
