"""Breaks the good templates in memory, one way at a time, for the tests of the checks.

Without these tests, a check that no longer finds anything would pass unnoticed.
"""

import json
import unittest

import check_template
import rules
import template as reading

SAM = reading.read_all(check_template.ROOT / "infra" / "template.yaml")
FUNCTIONS = check_template.ROOT / "functions"
CODE = check_template.read_code(
    FUNCTIONS,
    check_template.ROOT / "shared" / "domain" / "src",
    check_template.HERE / "ports.toml",
    check_template.ROOT / "shared" / "cloud" / "src",
)


class Resources:
    """The resources of all files by logical id; a new one goes to the order's stack."""

    def __init__(self, sam):
        self.sam = sam

    def home(self, name):
        return next((t["Resources"] for t in self.sam.values() if name in t["Resources"]), self.sam["OrderStack"]["Resources"])

    def __getitem__(self, name):
        return self.home(name)[name]

    def __setitem__(self, name, resource):
        self.home(name)[name] = resource

    def __delitem__(self, name):
        del self.home(name)[name]


def each_finding(change=None, code=CODE, lint=False, strict=False):
    """What is found, one after the other, in the templates after `change`, which gets the resources and the files."""
    # By way of text, so that the children do not have one dict of parameters in common.
    sam = json.loads(json.dumps(SAM, default=str))
    if change:
        change(Resources(sam), sam)
    return check_template.each_finding(check_template.files_of(sam, FUNCTIONS), code, strict, lint)


def children(sam):
    return [template for name, template in sam.items() if name != reading.ROOT]


class Broken(unittest.TestCase):
    """A test that breaks the templates."""

    def caught(self, check, resource, change, **how):
        """Looks until the break is named: most are under the default parameters, which are the first of many."""
        names = set()
        for finding in each_finding(change, **how):
            self.assertTrue(finding.problem and finding.remedy, finding)
            names.add((finding.check, finding.resource))
            if (check, resource) in names:
                return
        self.fail(f"found instead of {check} of {resource}: {sorted(names)}")


NO_FIELDS = dict.fromkeys(CODE.functions)


def with_code(**changes):
    return rules.Code(**{**vars(CODE), **changes})


def allow(role, actions, where):
    def change(resources, sam):
        statements = resources[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        statements.append({"Sid": "Extra", "Effect": "Allow", "Action": actions, "Resource": where})

    return change
