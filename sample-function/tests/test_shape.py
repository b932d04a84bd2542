"""What the template says, where nothing has to run to see it."""

import pytest
import shape
from deployment import resolved
from watching import of_type

ENVIRONMENT = "prod"


@pytest.mark.parametrize("check", shape.CHECKS, ids=lambda check: check.__name__)
def test_template(template, check):
    check(resolved(template, ENVIRONMENT), ENVIRONMENT)


# Two environments of one account and region must not meet under any name.
def test_no_name_is_shared_between_environments(template):
    one, other = (set(names(resolved(template, environment))) for environment in ("prod", "dev"))
    assert len(one) == len(other) > 20
    assert not one & other


def names(resources):
    """Yield the names that the template gives to what has to be unique in an account and a region."""
    for resource in resources.values():
        kind, properties = resource["Type"], resource["Properties"]
        for key in (
            "Name",
            "AliasName",
            "FunctionName",
            "LogGroupName",
            "AlarmName",
            "TopicName",
            "DashboardName",
            "DetectorName",
            "LayerName",
        ):
            if key in properties and kind != "AWS::Lambda::Permission":
                yield kind, properties[key], properties.get("FilterName")


def test_a_published_layer_is_used_as_it_is(template):
    arn = "arn:aws:lambda:eu-central-1:999999999999:layer:larder:7"
    resources = resolved(template, ENVIRONMENT, LayerArn=arn)
    assert not of_type(resources, "AWS::Lambda::LayerVersion")
    function = next(f for f in of_type(resources, "AWS::Lambda::Function") if f["FunctionName"] == "prod-orders")
    assert function["Layers"] == [arn]


def test_without_one_the_local_layer_is_published(template):
    (layer,) = of_type(resolved(template, ENVIRONMENT), "AWS::Lambda::LayerVersion")
    assert layer["Content"]["S3Key"] == "layer.zip"
    assert layer["CompatibleArchitectures"] == ["arm64"]
    assert template["Resources"]["LarderLayer"]["Properties"]["ContentUri"] == "../build/larder-arm64.zip"
