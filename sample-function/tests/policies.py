"""Decides as IAM does whether policies allow a call: by action, resource, principal and condition.

Of the policy language it knows what the template uses, and refuses the rest: a policy that is not understood must not
pass for one that allows nothing. After "Policy evaluation logic" and "IAM JSON policy elements" in AWS's IAM guide.
"""

import re
from dataclasses import dataclass, field

ELEMENTS = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}


@dataclass(frozen=True)
class Call:
    action: str
    resource: str
    principal: str = ""  # an account's root ARN, or a service's name; only policies of resources ask for it
    context: dict = field(default_factory=dict)  # condition keys and their values


def allows(policies, call):
    """Say whether the policies together allow a call: one statement has to, and none may deny it."""
    effects = {s["Effect"] for policy in policies for s in statements(policy) if _applies(s, call)}
    return effects == {"Allow"}


def statements(policy):
    found = policy["Statement"]
    return found if isinstance(found, list) else [found]


def _applies(statement, call):
    if unknown := statement.keys() - ELEMENTS:
        raise ValueError(f"policy elements that are not understood: {unknown}")
    return (
        any(_matches(pattern.lower(), call.action.lower()) for pattern in _list(statement["Action"]))
        and any(_matches(pattern, call.resource) for pattern in _list(statement.get("Resource", "*")))
        and _is_for(statement.get("Principal"), call.principal)
        and all(_holds(*condition, call.context) for condition in statement.get("Condition", {}).items())
    )


def _is_for(principal, caller):
    if principal is None:
        return True
    return principal == "*" or caller in [name for names in principal.values() for name in _list(names)]


def _holds(name, wanted, context):
    """Say whether one operator holds for all its keys; a key that the call lacks is not fulfilled."""
    compare = {
        "StringEquals": lambda pattern, value: pattern == value,
        "StringLike": _matches,
        "ArnEquals": _matches_arn,
        "ArnLike": _matches_arn,
    }[name]
    return all(
        key in context and any(compare(pattern, context[key]) for pattern in _list(patterns))
        for key, patterns in wanted.items()
    )


def _matches(pattern, text):
    """Match * and ?, which pass over colons and slashes as well."""
    regex = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)
    return re.fullmatch(regex, text, re.DOTALL) is not None


def _matches_arn(pattern, arn):
    """Match two ARNs part by part: no * passes over one of the first five colons."""
    parts = zip(pattern.split(":", 5), arn.split(":", 5), strict=False)
    return pattern.count(":") >= 5 and arn.count(":") >= 5 and all(_matches(a, b) for a, b in parts)


def _list(value):
    return value if isinstance(value, list) else [value]
