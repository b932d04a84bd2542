"""The evaluator of policies, on the rules and examples of AWS's IAM guide."""

import pytest
from policies import Call, allows


def policy(**statement):
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"} | statement]}


@pytest.mark.parametrize(
    ("pattern", "resource", "expected"),
    [
        ("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/a/b", True),
        ("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket", False),
        ("arn:aws:s3:::bucket-??", "arn:aws:s3:::bucket-ab", True),
        ("arn:aws:s3:::bucket-??", "arn:aws:s3:::bucket-abc", False),
        ("arn:aws:s3:::bucket.x", "arn:aws:s3:::bucket-x", False),
        (["arn:aws:s3:::a", "arn:aws:s3:::b"], "arn:aws:s3:::b", True),
    ],
)
def test_resources(pattern, resource, expected):
    assert allows([policy(Resource=pattern)], Call("s3:GetObject", resource)) is expected


def test_actions():
    call = Call("s3:GetObject", "arn:aws:s3:::a")
    assert allows([policy(Action=["s3:Put*", "S3:getobject"])], call)
    assert not allows([policy(Action="s3:Put*")], call)
    assert not allows([], call)


def test_a_denial_wins():
    call = Call("s3:GetObject", "arn:aws:s3:::a")
    assert not allows([policy(), policy(Effect="Deny", Action="s3:Get*")], call)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"StringEquals": {"k": "value"}}, True),
        ({"StringEquals": {"k": "val*"}}, False),
        ({"StringLike": {"k": ["x", "val*"]}}, True),
        ({"StringEquals": {"k": "value", "missing": "x"}}, False),
        ({"StringEquals": {"k": "value"}, "StringLike": {"k": "x"}}, False),
        ({"ArnEquals": {"arn": "arn:aws:s3:::b*"}}, True),
        ({"ArnEquals": {"arn": "arn:*"}}, False),
    ],
)
def test_conditions(condition, expected):
    call = Call("s3:GetObject", "arn:aws:s3:::a", context={"k": "value", "arn": "arn:aws:s3:::bucket"})
    assert allows([policy(Condition=condition)], call) is expected


def test_principals():
    call = Call("s3:GetObject", "arn:aws:s3:::a", principal="logs.amazonaws.com")
    assert allows([policy(Principal={"Service": ["a.amazonaws.com", "logs.amazonaws.com"]})], call)
    assert not allows([policy(Principal={"AWS": "arn:aws:iam::1:root"})], call)


@pytest.mark.parametrize("more", [{"NotResource": "*"}, {"Condition": {"NumericEquals": {"k": 1}}}])
def test_what_is_not_understood_is_refused(more):
    with pytest.raises((ValueError, KeyError)):
        allows([policy(**more)], Call("s3:GetObject", "arn:aws:s3:::a"))
