"""Linters of templates and policies, over the template as it is written and as SAM translates it."""

import json

import pytest
import template as templates
from cfnlint.api import ManualArgs, lint
from deployment import resolved
from mutations import with_property
from parliament import analyze_policy_string
from watching import of_type

# Each with the reason why it is no finding.
NOT_FOUND_IN_TRANSLATED = {
    # SAM puts the value of Environment into the layer's name and leaves an Fn::Sub around it.
    "W1020": "Fn::Sub of SAM's own making",
}
NOT_FOUND_IN_POLICIES = {
    # In a key's policy `*` is the key itself, and there is no other way to say it.
    "RESOURCE_STAR",
}


def findings(text, ignored=()):
    matches = lint(text, config=ManualArgs(regions=["eu-central-1"]))
    return [f"{m.rule.id} {m.message} at {m.path}" for m in matches if m.rule.id not in ignored]


def test_template_as_written():
    assert findings(templates.PATH.read_text()) == []


def test_template_as_translated(template):
    text = json.dumps(templates.translated(template), indent=1)
    assert findings(text, NOT_FOUND_IN_TRANSLATED) == []


# Only the translated template shows this, so linting it is not for nothing.
def test_a_misspelt_action_is_found(template):
    wrong = with_property(template, "FunctionRole", "secretsmanager:GetSecretValues", *statement(0), "Action")
    text = json.dumps(templates.translated(wrong), indent=1)
    assert [f for f in findings(text, NOT_FOUND_IN_TRANSLATED) if "getsecretvalues" in f.lower()]


def statement(index):
    return ("Policies", 0, "PolicyDocument", "Statement", index)


def documents(template):
    """Return the policies of an environment, as text.

    Those about who may assume a role are left to cfn-lint: parliament misses a Resource in them, and they have none.
    """
    resources = resolved(template, "prod")
    found = [p["PolicyDocument"] for role in of_type(resources, "AWS::IAM::Role") for p in role["Policies"]]
    found += [key["KeyPolicy"] for key in of_type(resources, "AWS::KMS::Key")]
    found += [policy["PolicyDocument"] for policy in of_type(resources, "AWS::SNS::TopicPolicy")]
    return [json.dumps(document) for document in found]


def policy_findings(document):
    return [f for f in analyze_policy_string(document).findings if f.issue not in NOT_FOUND_IN_POLICIES]


def test_policies(template):
    found = documents(template)
    assert len(found) == 4
    assert [finding for document in found for finding in policy_findings(document)] == []


@pytest.mark.parametrize(
    ("wrong", "issue"),
    [
        (("secretsmanager:GetSecretValues", *statement(0), "Action"), "UNKNOWN_ACTION"),
        (("arn:aws:s3:::bucket", *statement(0), "Resource"), "RESOURCE_MISMATCH"),
    ],
)
def test_wrong_policies_are_found(template, wrong, issue):
    value, *path = wrong
    changed = with_property(template, "FunctionRole", value, *path)
    assert issue in {f.issue for document in documents(changed) for f in policy_findings(document)}


# The names of the ignored findings are in use, or they would hide what comes later.
def test_nothing_is_ignored_in_vain(template):
    text = json.dumps(templates.translated(template), indent=1)
    assert {f.split()[0] for f in findings(text)} == set(NOT_FOUND_IN_TRANSLATED)
    found = {f.issue for document in documents(template) for f in analyze_policy_string(document).findings}
    assert found == NOT_FOUND_IN_POLICIES
