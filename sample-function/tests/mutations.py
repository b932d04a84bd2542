"""Changed copies of the template, each without something that it should have."""

import copy


def without_statement(template, resource, sid):
    """Return the template without one statement of a role's policy, or of the key's."""
    changed = copy.deepcopy(template)
    policy = policy_of(changed, resource)
    kept = [statement for statement in policy["Statement"] if statement["Sid"] != sid]
    assert len(kept) == len(policy["Statement"]) - 1
    policy["Statement"] = kept
    return changed


def policy_of(template, resource):
    properties = template["Resources"][resource]["Properties"]
    if "KeyPolicy" in properties:
        return properties["KeyPolicy"]
    (policy,) = properties["Policies"]
    return policy["PolicyDocument"]


def without_resource(template, name):
    changed = copy.deepcopy(template)
    del changed["Resources"][name]
    return changed


def without_property(template, name, *path):
    changed = copy.deepcopy(template)
    owner = changed["Resources"][name]["Properties"]
    for step in path[:-1]:
        owner = owner[step]
    del owner[path[-1]]
    return changed


def with_property(template, name, value, *path):
    changed = copy.deepcopy(template)
    owner = changed["Resources"][name]["Properties"]
    for step in path[:-1]:
        owner = owner[step]
    assert owner[path[-1]] != value
    owner[path[-1]] = value
    return changed
