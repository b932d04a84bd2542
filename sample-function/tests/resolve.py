"""Resolves a translated template for one environment, as CloudFormation does, into plain values.

What only AWS can know, the names and the ARNs of what it makes, comes from a table that the caller gives. A reference
to anything else is a KeyError.
"""

import re


def resolve(template, parameters, known):
    """Return the resources whose condition holds, by logical name, as {"Type": …, "Properties": …}.

    The table has the value of a Ref under the logical or pseudo name, and of a GetAtt under "Name.Attribute".
    """
    values = {name: spec.get("Default") for name, spec in template["Parameters"].items()} | known | parameters
    resolver = _Resolver(values, template)
    return {
        name: {"Type": resource["Type"], "Properties": resolver.value(resource.get("Properties", {}))}
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or resolver.condition(resource["Condition"])
    }


class _Resolver:
    def __init__(self, values, template):
        self._values = values
        self._template = template

    def condition(self, name):
        return self.value(self._template["Conditions"][name])

    def value(self, node):
        if isinstance(node, list):
            return [value for item in node if (value := self.value(item)) is not None]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name == "Ref":
                return None if argument == "AWS::NoValue" else self._values[argument]
            if name.startswith("Fn::"):
                return self._function(name, argument)
        return {key: value for key, item in node.items() if (value := self.value(item)) is not None}

    def _function(self, name, argument):
        match name:
            case "Fn::GetAtt":
                return self._values[argument if isinstance(argument, str) else ".".join(argument)]
            case "Fn::Sub":
                text, extra = (argument, {}) if isinstance(argument, str) else argument
                values = self._values | self.value(extra)
                return re.sub(r"\$\{([^!}]+)}", lambda match: str(values[match[1]]), text)
            case "Fn::FindInMap":
                first, second, third = self.value(argument)
                return self._template["Mappings"][first][second][third]
            case "Fn::If":
                condition, yes, no = argument
                return self.value(yes if self.condition(condition) else no)
            case "Fn::Equals":
                one, other = self.value(argument)
                return one == other
        raise KeyError(f"{name} is not understood")
