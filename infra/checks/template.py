"""Reads the SAM templates as CloudFormation will see them: transformed, and resolved for given parameters.

Kept apart from the rules (rules.py), so that no rule has to know what an intrinsic function looks like. In a `Stack`, a
value is a plain value, or a string in which `${Name}` or `${Name.Attribute}` stands for what only a deployment knows.

The root and its children are read as {logical id of the child in the root, or ROOT: template}.
"""

import copy
import logging
import os
import re

# The translator asks boto3 for a region, although nothing is sent anywhere.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

logging.getLogger("samtranslator").setLevel(logging.ERROR)

NO_VALUE = object()
ROOT = "root"
CHILD = "AWS::CloudFormation::Stack"


class Unreadable(Exception):
    """A template cannot be read, so that it cannot be checked."""


class Unresolvable(Exception):
    """A value that the template does not give, such as a mapping without the row for a parameter's value."""


def read_all(path):
    """The root template at `path` and its children, as data."""
    files = {ROOT: read(path)}
    for name, child in children(files[ROOT]).items():
        url = child.get("Properties", {}).get("TemplateURL")
        if not isinstance(url, str):
            raise Unreadable(f"{path}: {name} has no TemplateURL")
        files[name] = read(path.parent / url)
    return files


def children(root):
    """The root's child stacks: logical id -> resource."""
    return {name: resource for name, resource in root["Resources"].items() if resource.get("Type") == CHILD}


def read(path):
    """One SAM template as data, its short-form functions (`!Ref`) in their long form."""
    try:
        template = yaml_parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    except Exception as error:  # Every YAML error class of the parser.
        raise Unreadable(f"{path} is not YAML: {error}") from error
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise Unreadable(f"{path} has no Resources")
    return template


def transformed_all(files, parameters=None, code=None):
    """The plain CloudFormation templates that SAM makes of `files`, for the root's `parameters` (their defaults)."""
    values = defaults(files[ROOT]) | (parameters or {})
    return {name: transformed(sam, defaults(sam) | values, code) for name, sam in files.items()}


def transformed(sam, parameters, code=None):
    """The plain template that SAM makes of `sam`. `code` gives the S3 place of a function's package by its logical id."""
    sam = copy.deepcopy(sam)
    for name, resource in sam["Resources"].items():
        if resource.get("Type") == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = code(name) if code else "s3://bucket/key"
    try:
        return transform(sam, parameters, _NoManagedPolicies())
    except InvalidDocumentException as error:
        causes = "; ".join(str(cause.message) for cause in error.causes)
        raise Unreadable(f"SAM refuses the template: {causes}") from error


class _NoManagedPolicies:
    """Managed policies are named by ARN only if a function uses SAM's policies, which ours do not."""

    def load(self):
        return {}


def defaults(template):
    """Every parameter with its default; one without has the value `${Name}`, which only a deployment knows."""
    return {name: str(about.get("Default", f"${{{name}}}")) for name, about in template.get("Parameters", {}).items()}


def variants(template):
    """Parameter sets to check under: the defaults, then each other allowed value of each parameter, one at a time; and a value for
    each parameter that stands for "none" by default."""
    base = defaults(template)
    yield base
    for name, about in template.get("Parameters", {}).items():
        if base[name] in ("", "0"):
            yield base | {name: "7" if about["Type"] == "Number" else f"${{{name}}}"}
        for value in about.get("AllowedValues", []):
            if str(value) != base[name]:
                yield base | {name: str(value)}


class Stack:
    """All transformed templates under one set of the root's parameters, as if they were one.

    A child's parameter is replaced by what the root passes, so that `${JournalTable.Arn}` is the root's table in all files.
    """

    def __init__(self, files, parameters):
        root = _Resolved(files[ROOT], parameters)
        self.template = files[ROOT]
        self.parameters = parameters
        self.resources = dict(root.resources)
        outputs = {}
        for name in children(files[ROOT]):
            passed = self.properties(name).get("Parameters", {})
            # What a child gets in place of the root's default.
            self.parameters = self.parameters | {key: value for key, value in passed.items() if key in parameters}
            child = _Resolved(files[name], passed)
            self.resources |= child.resources
            outputs |= {f"${{{name}.Outputs.{key}}}": value for key, value in child.outputs.items()}
        self.resources = _replaced(self.resources, outputs)

    def of_type(self, kind):
        """The resources of a type, as (name, properties)."""
        return [(name, r["Properties"]) for name, r in self.resources.items() if r["Type"] == kind]

    def properties(self, name, kind=None):
        """The properties of a resource; None if there is none of that name (and type)."""
        resource = self.resources.get(name)
        if resource is None or (kind and resource["Type"] != kind):
            return None
        return resource["Properties"]


class _Resolved:
    """One template under one set of its parameters."""

    def __init__(self, template, parameters):
        self.template = template
        self.parameters = parameters
        self.conditions = {}
        for name, condition in template.get("Conditions", {}).items():
            self.conditions[name] = self._value(condition)
        self.resources = {}
        for name, resource in template["Resources"].items():
            if "Condition" in resource and not self._condition(resource["Condition"]):
                continue
            try:
                self.resources[name] = {
                    key: value if key == "Type" else self._value(value) for key, value in resource.items()
                }
            except Unresolvable as error:
                raise Unresolvable(f"{name}: {error}") from error
            self.resources[name].setdefault("Properties", {})
        self.outputs = {key: self._value(about["Value"]) for key, about in template.get("Outputs", {}).items()}

    def _condition(self, name):
        if name not in self.conditions:
            self.conditions[name] = self._value(self.template["Conditions"][name])
        return self.conditions[name]

    def _value(self, node):
        if isinstance(node, list):
            return [value for value in map(self._value, node) if value is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (key, argument), = node.items()
            if key == "Ref":
                return self._ref(argument)
            if key == "Condition" and isinstance(argument, str):
                return self._condition(argument)
            if key.startswith("Fn::"):
                return self._function(key[4:], argument)
        resolved = {key: self._value(value) for key, value in node.items()}
        return {key: value for key, value in resolved.items() if value is not NO_VALUE}

    def _ref(self, name):
        if name == "AWS::NoValue":
            return NO_VALUE
        return self.parameters[name] if name in self.parameters else "${" + name + "}"

    def _function(self, name, argument):
        if name == "If":
            condition, yes, no = argument
            return self._value(yes if self._condition(condition) else no)
        if name == "GetAtt":
            parts = argument.split(".") if isinstance(argument, str) else argument
            return "${" + ".".join(parts) + "}"
        if name == "Sub":
            text, local = (argument, {}) if isinstance(argument, str) else (argument[0], self._value(argument[1]))
            known = self.parameters | local
            return re.sub(r"\$\{([^!}]+)\}", lambda found: str(known.get(found[1], found[0])), text)
        if name == "FindInMap":
            mapping, row, column = self._value(argument)
            try:
                return self.template["Mappings"][mapping][row][column]
            except KeyError:
                raise Unresolvable(f"mapping {mapping} has no {column} for {row}") from None
        if name == "Equals":
            left, right = self._value(argument)
            return left == right
        if name == "Not":
            return not self._value(argument)[0]
        if name == "And":
            return all(self._value(argument))
        if name == "Or":
            return any(self._value(argument))
        if name == "Join":
            separator, parts = self._value(argument)
            return separator.join(map(str, parts))
        # Select, Split and others that only a deployment can resolve.
        return {f"Fn::{name}": self._value(argument)}


def _replaced(node, texts):
    """`node` with every string that is in `texts` replaced."""
    if isinstance(node, dict):
        return {key: _replaced(value, texts) for key, value in node.items()}
    if isinstance(node, list):
        return [_replaced(value, texts) for value in node]
    return texts.get(node, node) if isinstance(node, str) else node
