"""Who may do what: roles, their statements, the policies of queues, and what a function's environment names.

The rules are as in rules.py. ports.toml says what a port may touch; least_privilege holds every role to it.
"""

import json
import re
from fnmatch import fnmatchcase

from rules import Finding, fed_by, functions, name_of


def all_rules():
    """Every rule, as (stack, code) -> findings."""
    return [queue_policies, plain_http, trust, wildcards, least_privilege, environment]


def queue_policies(stack, _code):
    """A queue takes EventBridge's messages from exactly the rule that feeds it, and nothing over plain HTTP."""
    feeds = {}  # Queue -> rules that send to it, as a target or as a dead-letter queue.
    for name, p in stack.of_type("AWS::Events::Rule"):
        for target in p.get("Targets", []):
            for queue in (target.get("Arn"), (target.get("DeadLetterConfig") or {}).get("Arn")):
                if stack.properties(name_of(queue), "AWS::SQS::Queue") is not None:
                    feeds.setdefault(name_of(queue), []).append(name)
    policies = {}
    for name, p in stack.of_type("AWS::SQS::QueuePolicy"):
        for queue in p.get("Queues", []):
            policies.setdefault(name_of(queue), []).append((name, p["PolicyDocument"]["Statement"]))
    for queue, _ in stack.of_type("AWS::SQS::Queue"):
        rules, found = feeds.get(queue, []), policies.get(queue, [])
        if len(rules) > 1:
            yield Finding("queue-policy", queue, f"{' and '.join(rules)} feed it", "one rule per queue")
        if not found:
            problem = f"{rules[0]} may not send to it" if rules else "it takes requests over plain HTTP"
            yield Finding("queue-policy", queue, problem, f"add {queue}Policy, as other queues have it")
        if len(found) > 1:
            names = ", ".join(name for name, _ in found)
            yield Finding("queue-policy", queue, f"several policies ({names}): the last one wins", "keep one")
        wanted = [{**statement, "Resource": f"${{{queue}.Arn}}"} for statement in (from_rule(rules), ONLY_HTTPS) if statement]
        for name, statements in found:
            given = [{key: value for key, value in statement.items() if key != "Sid"} for statement in statements]
            for statement in given:
                if statement not in wanted:
                    whom = f"only {rules[0]}, which feeds {queue}, may send" if rules else f"no rule feeds {queue}"
                    yield Finding("queue-policy", name, f"it has the statement {json.dumps(statement)}", whom)
            for statement in wanted:
                if given.count(statement) != 1:
                    problem = f"it has this statement {given.count(statement)} times"
                    yield Finding("queue-policy", name, problem, f"once: {json.dumps(statement)}")


# EventBridge, Lambda and our functions use HTTPS. A caller that does not shows its messages to the network.
ONLY_HTTPS = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def plain_http(stack, _code):
    """A bucket or a topic refuses plain HTTP, too."""
    for kind, policy, member in (("S3::Bucket", "S3::BucketPolicy", "Bucket"), ("SNS::Topic", "SNS::TopicPolicy", "Topics")):
        guarded = {
            name_of(place)
            for _, p in stack.of_type(f"AWS::{policy}")
            if any(statement.items() >= {**ONLY_HTTPS, "Action": "*"}.items() for statement in p["PolicyDocument"]["Statement"])
            for place in as_list(p.get(member))
        }
        for name, _ in stack.of_type(f"AWS::{kind}"):
            if name not in guarded:
                remedy = f"add a {policy} that denies every action where aws:SecureTransport is false"
                yield Finding("plain-http", name, "it takes requests over plain HTTP", remedy)


def from_rule(rules):
    """The statement that lets the rule send that feeds a queue; None if no rule does."""
    return rules and {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Condition": {"ArnEquals": {"aws:SourceArn": f"${{{rules[0]}.Arn}}"}},
    }


ALL_BUT = "all but "


def statements_of(stack, role):
    """Every statement of a role's policies, with lists of actions and resources; NotResource reads "all but …"."""
    properties = stack.properties(role, "AWS::IAM::Role") or {}
    for policy in properties.get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            but = [f"{ALL_BUT}{resource}" for resource in as_list(statement.get("NotResource", []))]
            yield {
                **statement,
                "Action": as_list(statement.get("Action")),
                "Resource": but or as_list(statement.get("Resource")),
            }


def as_list(value):
    return value if isinstance(value, list) else [value]


def trust(stack, _code):
    """One role for each function, assumed by one service, without managed policies."""
    users = {}
    for name, p in stack.of_type("AWS::Lambda::Function"):
        users.setdefault(name_of(p.get("Role")), []).append(name)
    for role, names in users.items():
        if len(names) > 1 or role != f"{names[0]}Role":
            yield Finding("role-own", str(role), f"it is the role of {', '.join(names)}", "one role per function")
    for name, p in stack.of_type("AWS::IAM::Role"):
        if p.get("ManagedPolicyArns"):
            yield Finding("role-managed", name, "managed policies allow more than is needed", "name actions and resources")
        service = "scheduler.amazonaws.com" if name.endswith("ScheduleRole") else "lambda.amazonaws.com"
        trusted = [s.get("Principal") for s in p["AssumeRolePolicyDocument"]["Statement"]]
        if trusted != [{"Service": service}]:
            yield Finding("role-trust", name, f"{json.dumps(trusted)} may assume it", f"only {service}")


def wildcards(stack, code):
    """No wildcard in a policy, but where ports.toml says why AWS demands it."""
    allowed = [with_parameters(entry["on"], stack) for entry in code.ports.get("wildcard", [])]
    for role, _ in stack.of_type("AWS::IAM::Role"):
        for statement in statements_of(stack, role):
            sid = statement.get("Sid", "a statement")
            for action in statement["Action"]:
                if "*" in str(action) or "?" in str(action):
                    yield Finding("wildcard", role, f"{sid} allows {action}", "name the actions")
            for resource in statement["Resource"]:
                text = str(resource)
                if text.startswith(ALL_BUT):
                    listed = text in allowed
                else:
                    listed = not ("*" in text or "?" in text) or any(text.endswith(":" + end) for end in allowed)
                if not listed:
                    yield Finding(
                        "wildcard", role, f"{sid} is on {text}", "name the resource, or say under [[wildcard]] in ports.toml why not"
                    )
            if "NotAction" in statement:
                yield Finding("wildcard", role, f"{sid} names actions that it leaves out", "Action")
    for name, p in stack.of_type("AWS::SQS::QueuePolicy"):
        for statement in p["PolicyDocument"]["Statement"]:
            if statement.get("Effect") != "Deny" and "*" in json.dumps(statement):
                yield Finding("wildcard", name, "its statement holds a wildcard", "name principal, action and resource")


def with_parameters(text, stack):
    """`<Name>` replaced by the parameter of that name."""
    return re.sub(r"<(\w+)>", lambda found: stack.parameters.get(found[1], found[0]), text)


DENY = "deny "


def wanted_of(stack, code, name, logical):
    """What a function's role has to allow, as (action, resource) pairs, and unknown words. None if it has no Ports."""
    fields = code.fields.get(name)
    if fields is None:
        return None
    about = code.ports.get("function", {}).get(name, {})
    words = [about.get("means", {}).get(field, field) for field in fields] + about.get("also", [])
    feed, stream = fed_by(stack, logical)
    pairs, unknown = set(), []

    def add(entry):
        denied = [permit | {"actions": [DENY + action for action in permit["actions"]]} for permit in entry.get("deny", [])]
        for permit in entry.get("allow", []) + denied:
            if permit.get("platform", stack.parameters.get("Platform")) != stack.parameters.get("Platform"):
                continue
            for on in permit["on"]:
                if on == "its stream":
                    places = [stream]
                else:
                    places = [with_parameters(on.replace("<Function>", logical), stack)]
                pairs.update((action, place) for action in permit["actions"] for place in places)
        for other in entry.get("includes", []):
            add(code.ports["port"][other])

    for word in words:
        if word in code.ports["port"]:
            add(code.ports["port"][word])
        else:
            unknown.append(word)
    add(code.ports["feed"][feed])
    add(code.ports["feed"]["any"])
    return pairs, unknown


def least_privilege(stack, code):
    """A role allows what its function's Ports hold and what its runner needs: no more, no less."""
    for name, (logical, p) in functions(stack).items():
        wanted = wanted_of(stack, code, name, logical)
        if wanted is None:
            continue
        pairs, unknown = wanted
        role = name_of(p.get("Role"))
        about = code.ports.get("function", {}).get(name, {})
        for field in sorted(about.get("means", {}).keys() - set(code.fields[name])):
            yield Finding(
                "ports-word",
                logical,
                f"ports.toml says what its field {field!r} means, but its Ports have none",
                f"correct [function.{name}] in ports.toml",
            )
        for word in unknown:
            yield Finding(
                "ports-word",
                logical,
                f"its Ports have a field {word!r} that ports.toml does not know",
                f"add [port.{word}], or say under [function.{name}] what it means",
            )
        allowed = set()
        for statement in statements_of(stack, role):
            effect = "" if statement.get("Effect") == "Allow" else DENY
            allowed |= {(effect + action, place) for action in statement["Action"] for place in statement["Resource"]}
        for action, place in sorted(allowed - pairs, key=str):
            yield Finding(
                "policy-more",
                str(role),
                f"it allows {action} on {place}, which no port of functions/*/{name} holds",
                "remove it, or add the port to Ports",
            )
        for action, place in sorted(pairs - allowed, key=str):
            yield Finding(
                "policy-less",
                str(role),
                f"it does not allow {action} on {place}, which a port of functions/*/{name} needs",
                "add it, or remove the port from Ports",
            )


TABLE_VARIABLES = {
    "JOURNAL_TABLE": "JournalTable",
    "DELIVERIES_TABLE": "DeliveriesTable",
    "PARTIES_TABLE": "PartiesTable",
    "VIEWS_TABLE": "ViewsTable",
    "DUE_TABLE": "DueTable",
    "REGISTRY_TABLE": "RegistryTable",
    "PARTNER_HEALTH_TABLE": "PartnerHealthTable",
    "EVENT_BUS": "Bus",
}


def environment(stack, code):
    """A function gets the names of what its role lets it touch, under variables that it reads, and no others."""
    for logical, p in stack.of_type("AWS::Lambda::Function"):
        given = (p.get("Environment") or {}).get("Variables", {})
        places = [
            str(place)
            for statement in statements_of(stack, name_of(p.get("Role")))
            if not any(fnmatchcase(str(action), "dynamodb:*Stream*") for action in statement["Action"])
            for place in statement["Resource"]
        ]
        wanted = {
            variable: "${" + resource + "}"
            for variable, resource in TABLE_VARIABLES.items()
            if any(place.startswith("${" + resource + ".Arn}") for place in places)
        }
        if any(":secret:" in place for place in places):
            wanted["SECRETS_PREFIX"] = stack.parameters.get("SecretsPrefix")
        if stack.properties(f"{logical}Queue") is not None:
            wanted["QUEUE_URL"] = "${" + logical + "Queue}"
        if stack.properties(f"{logical}Dlq") is not None and fed_by(stack, logical)[0] != "schedule":
            wanted["DLQ_URL"] = "${" + logical + "Dlq}"
        for variable in sorted({*TABLE_VARIABLES, "SECRETS_PREFIX", "QUEUE_URL", "DLQ_URL"}):
            if given.get(variable) != wanted.get(variable):
                yield Finding(
                    "environment",
                    logical,
                    f"{variable} is {given.get(variable)!r}, its role says {wanted.get(variable)!r}",
                    "give a function the names of what its role lets it touch, and no others",
                )
        for variable in sorted(given.keys() - code.settings) if code.settings else []:
            yield Finding(
                "environment", logical, f"no function reads {variable}", "use the name that shared/cloud/src spells, or remove it"
            )
        for variable in ("ENVIRONMENT", "FUNCTION_TIMEOUT_SECONDS", "JOURNAL_EPOCH", "RUST_LOG"):
            if variable not in given:
                yield Finding("environment", logical, f"{variable} is missing", "leave it in Globals")
