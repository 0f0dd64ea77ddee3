"""What holds between the template files: what the root keeps, what a child may know, how large a stack may be.

A rule gets `Files` and yields findings, as in rules.py. CloudFormation would find some of these mistakes, but during a
deployment; others, such as a table in a child, would work until the day when the stack policy should have protected it.
"""

import json
import re
from dataclasses import dataclass

from rules import Finding, dashed, pascal
from template import RESTORED, ROOT, children

# CloudFormation allows 500 for each stack. 300 leaves a workflow room to grow before it has to be split in a hurry.
MOST_RESOURCES = 300
IN_ROOT = {
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::Events::EventBus",
    "AWS::Events::Archive",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Stage",
    "AWS::CloudFormation::Stack",
}
# The log group of the API's stage belongs to the stage.
ALSO_IN_ROOT = {"ApiLogs"}
# The id of the API's authorizer: every route needs it, and a function of the access stack answers behind it.
PASSED_ON = "ApiAuthorizer"
HEAD = ("Parameters", "Mappings", "Conditions", "Globals")
# The longest name that AWS takes, by type, with the property that holds it.
LONGEST_NAME = {
    "AWS::Lambda::Function": ("FunctionName", 64),
    "AWS::Events::Rule": ("Name", 64),
    "AWS::Events::Archive": ("ArchiveName", 48),
    "AWS::Scheduler::Schedule": ("Name", 64),
    "AWS::SQS::Queue": ("QueueName", 80),
}


@dataclass
class Files:
    """The templates by the child's logical id (the root under ROOT)."""

    sam: dict  # As written.
    plain: dict  # As SAM transforms them.
    folders: dict  # Function -> workflow: the folder under functions/ that it is in.


def all_rules():
    """Every rule, as (files) -> findings."""
    return [resource_count, root_and_children, siblings, heads, head_in_use, parameters, adoption, logical_ids, workflows, stage, names]


def resource_count(files):
    """At most 300 resources in each stack after the transform."""
    for name, template in files.plain.items():
        count = len(template["Resources"])
        if count > MOST_RESOURCES:
            problem = f"{count} resources after the transform, {MOST_RESOURCES} at most"
            yield Finding("resource-count", name, problem, "split the workflow in two")


def root_and_children(files):
    """What workflows share is in the root, tables and keys above all, since the stack policy reaches them there; nothing else is."""
    for name, template in files.plain.items():
        for resource, about in template["Resources"].items():
            shared = about["Type"] in IN_ROOT
            if name == ROOT and not shared and resource not in ALSO_IN_ROOT:
                yield Finding("root-only", resource, f"a {about['Type']} is in the root", "move it to its workflow's stack")
            if name != ROOT and shared:
                yield Finding("root-only", resource, f"a {about['Type']} is in {name}", "move it to infra/template.yaml")


def siblings(files):
    """No child takes an output of another, but the authorizer's id; no stack exports or imports a value."""
    root = files.sam[ROOT]
    stacks = children(root)
    for name, child in stacks.items():
        for parameter, value in child["Properties"].get("Parameters", {}).items():
            taken = [f"{stack}.{output}" for stack, output in outputs_in(value) if stack in stacks and output != PASSED_ON]
            if taken:
                remedy = "let them meet on the bus, in a table, or by the name of a queue"
                yield Finding("sibling-output", name, f"{parameter} is {', '.join(taken)}", remedy)
    for name, template in files.sam.items():
        if "Fn::ImportValue" in json.dumps(template, default=str):
            yield Finding("sibling-output", name, "it imports another stack's export", "take a parameter from the root")
        for output, about in template.get("Outputs", {}).items():
            if "Export" in about:
                yield Finding("sibling-output", name, f"{output} is exported", "remove Export; the root reads outputs directly")


def outputs_in(value):
    """The outputs of stacks that a value takes, as (stack, output)."""
    text = json.dumps(value)
    return re.findall(r'"Fn::GetAtt": \["(\w+)", "Outputs\.(\w+)"\]', text) + re.findall(r"\$\{(\w+)\.Outputs\.(\w+)\}", text)


def heads(files):
    """Parameters, mappings, conditions and Globals are the same in every child: none is inherited."""
    names = [name for name in files.sam if name != ROOT]
    # The stack that gives the authorizer's id cannot take it.
    gives = {name for name in names if PASSED_ON in files.sam[name].get("Outputs", {})}
    model = next((name for name in names if name not in gives), None)
    for section in HEAD:
        for name in names:
            first, this = files.sam[model].get(section, {}), files.sam[name].get(section, {})
            differ = {key for key in first.keys() | this.keys() if first.get(key) != this.get(key)}
            if section == "Parameters" and name in gives:
                differ.discard(PASSED_ON)
            for key in sorted(differ):
                problem = f"{section}.{key} is not as in {model}"
                yield Finding("equal-heads", name, problem, "copy the head of one file into all of infra/stacks")
    root = files.sam[ROOT].get("Conditions", {})
    for name in names:
        for key in sorted(root.keys() & files.sam[name].get("Conditions", {}).keys()):
            if root[key] != files.sam[name]["Conditions"][key]:
                yield Finding("equal-heads", name, f"Conditions.{key} is not as in the root", "make them equal")


def head_in_use(files):
    """Each parameter, mapping and condition of the children's common head is used by one of them at least."""
    bodies = {name: json.dumps(t["Resources"]) + json.dumps(t.get("Outputs", {})) for name, t in files.plain.items() if name != ROOT}
    for name in bodies:
        template = files.sam[name]
        uses = {
            "Parameters": lambda key: [f'"Ref": "{key}"', f"${{{key}}}"],
            "Mappings": lambda key: [f'"Fn::FindInMap": ["{key}"'],
            "Conditions": lambda key: [f'"Fn::If": ["{key}"', f'"Condition": "{key}"'],
        }
        head = json.dumps([template.get("Conditions", {}), template.get("Mappings", {})])
        for section, ways in uses.items():
            for key in template.get(section, {}):
                if not any(way in text for way in ways(key) for text in [*bodies.values(), head]):
                    problem = f"{section}.{key} is used in no file of infra/stacks"
                    yield Finding("head-in-use", name, problem, "remove it from every file, and from &shared in the root")


def parameters(files):
    """The root passes exactly what a child declares, and a name means the same in both."""
    root = files.sam[ROOT]
    for name, child in children(root).items():
        passed, declared = child["Properties"].get("Parameters", {}), files.sam[name].get("Parameters", {})
        for key in sorted(passed.keys() - declared.keys()):
            yield Finding("child-parameter", name, f"{key} is passed and not declared", "declare it, or do not pass it")
        for key in sorted(declared.keys() - passed.keys()):
            yield Finding("child-parameter", name, f"{key} is declared and not passed", "pass it from the root")
        for key, value in passed.items():
            if not any(json.dumps(meant) in json.dumps(value) for meant in meanings(key)):
                problem = f"{key} is {json.dumps(value)}"
                yield Finding("child-parameter", name, problem, f"pass {json.dumps(meanings(key)[0])}, or rename it")


def meanings(parameter):
    """What a child's parameter of this name may stand for in the root."""
    attributes = [(suffix, attribute) for suffix, attribute in (("StreamArn", "StreamArn"), ("Arn", "Arn")) if parameter.endswith(suffix)]
    found = [{"Ref": parameter}]
    found += [{"Fn::GetAtt": [parameter.removesuffix(suffix), attribute]} for suffix, attribute in attributes]
    if parameter == PASSED_ON:
        return [{"Fn::GetAtt": ["AccessStack", f"Outputs.{PASSED_ON}"]}]
    return found


def adoption(files):
    """Each table can be replaced by a restored one, by parameters, wherever the root uses it."""
    root = files.sam[ROOT]
    for table, about in root["Resources"].items():
        # A lost session is begun anew by signing in.
        if about["Type"] != "AWS::DynamoDB::Table" or table == "SessionsTable":
            continue
        condition = f"Has{RESTORED}{table}"
        streamed = "StreamSpecification" in about["Properties"]
        for name in [f"{RESTORED}{table}", *([f"{RESTORED}{table}StreamArn"] if streamed else [])]:
            if name not in root["Parameters"]:
                remedy = f'add it, "" by default, with the condition {condition}'
                yield Finding("table-adoption", table, f"no parameter {name} names a restored table", remedy)
        others = {name: r for name, r in root["Resources"].items() if r["Type"] != "AWS::DynamoDB::Table"}
        for name, node in [*others.items(), *root.get("Outputs", {}).items()]:
            if uses_alone(node, table, condition):
                remedy = f"!If [{condition}, !Ref {RESTORED}{table}, !Ref {table}]"
                yield Finding("table-adoption", table, f"{name} uses it even where a restored one is used", remedy)


def uses_alone(node, table, condition):
    """Whether a value refers to the table outside of a choice between it and the restored one."""
    if isinstance(node, list):
        return any(uses_alone(value, table, condition) for value in node)
    if not isinstance(node, dict):
        return isinstance(node, str) and bool(re.search(rf"\$\{{{table}[.}}]", node))
    chosen = node.get("Fn::If")
    if isinstance(chosen, list) and chosen[0] == condition:
        return uses_alone(chosen[1], table, condition)
    if node.get("Ref") == table:
        return True
    attribute = node.get("Fn::GetAtt")
    if attribute and (attribute if isinstance(attribute, list) else attribute.split("."))[0] == table:
        return True
    return any(uses_alone(value, table, condition) for value in node.values())


def logical_ids(files):
    """A logical id is used once in all files: tools and the local stack look resources up by it."""
    seen = {}
    for name, template in files.plain.items():
        for resource in template["Resources"]:
            if resource in seen:
                yield Finding("logical-id", resource, f"both {seen[resource]} and {name} have it", "rename one")
            seen[resource] = name


def workflows(files):
    """A workflow's folder under functions/ has one stack of its name, which holds exactly its functions."""
    root = files.sam[ROOT]
    stacks = children(root)
    for workflow in sorted(set(files.folders.values())):
        name = f"{pascal(workflow)}Stack"
        wanted = f"stacks/{workflow}.yaml"
        url = stacks.get(name, {}).get("Properties", {}).get("TemplateURL")
        if url != wanted:
            problem = f"functions/{workflow} has no stack {name} with TemplateURL {wanted}" + (f", but {url}" if url else "")
            yield Finding("workflow-stack", name, problem, f"add it to infra/template.yaml, with infra/{wanted}")
    for name in stacks:
        workflow = dashed(name.removesuffix("Stack"))
        if workflow not in files.folders.values():
            yield Finding("workflow-stack", name, f"there is no functions/{workflow}", "name the stack after its folder")
        for resource, about in files.sam[name]["Resources"].items():
            if about["Type"] != "AWS::Serverless::Function":
                continue
            uri, wanted = about["Properties"].get("CodeUri"), f"../../functions/{workflow}/{dashed(resource)}"
            if uri != wanted:
                yield Finding("workflow-stack", resource, f"in {name}, its CodeUri is {uri}", f"CodeUri: {wanted}")


def stage(files):
    """The API's stage waits for every child with routes, so that its first deployment has them all."""
    resources = files.sam[ROOT]["Resources"]
    stages = [(name, r) for name, r in resources.items() if r["Type"] == "AWS::ApiGatewayV2::Stage"]
    for child in children(files.sam[ROOT]):
        routes = [r for r in files.plain[child]["Resources"].values() if r["Type"] == "AWS::ApiGatewayV2::Route"]
        for name, resource in stages:
            waits = resource.get("DependsOn", [])
            if routes and child not in ([waits] if isinstance(waits, str) else waits):
                yield Finding("stage-order", name, f"it does not wait for {child}, which has routes", "add it to DependsOn")


def names(files):
    """Names begin with NamePrefix, not with the name of a nested stack, and are short enough with the longest prefix."""
    prefix = files.sam[ROOT]["Parameters"].get("NamePrefix", {}).get("MaxLength", 0)
    for file, template in files.plain.items():
        if "AWS::StackName" in json.dumps(template):
            remedy = "use NamePrefix: a nested stack's name is long, and changes when it is recreated"
            yield Finding("name-prefix", file, "it uses AWS::StackName", remedy)
        for resource, about in template["Resources"].items():
            key, longest = LONGEST_NAME.get(about["Type"], (None, 0))
            if key is None:
                continue
            name = about["Properties"].get(key, {})
            text = name.get("Fn::Sub", "") if isinstance(name, dict) else str(name)
            if not isinstance(text, str) or not text.startswith("${NamePrefix}-"):
                yield Finding("name-prefix", resource, f"{key} is {json.dumps(name)}", f"{key}: !Sub ${{NamePrefix}}-<name>")
            elif prefix < 1 or len(text) - len("${NamePrefix}") + prefix > longest:
                problem = f"{key} may have {len(text) - len('${NamePrefix}') + prefix} characters, {longest} at most"
                yield Finding("name-prefix", resource, problem, "shorten the name, or NamePrefix's MaxLength")
