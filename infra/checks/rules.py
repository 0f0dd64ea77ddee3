"""What the templates together must hold beyond what a linter knows, one function per subject.

A rule gets a `Stack` (template.py): the root and its children as one, resolved for one set of parameters. It yields
findings: which resource, what is wrong, and the way out. Most of these mistakes would appear on AWS in production only,
and the local emulator accepts them silently. What rings is in alarms.py, who may do what in policies.py, and what concerns
the files one by one in stacks.py.
"""

import re
from dataclasses import dataclass

DAY = 86_400
MEBIBYTE = 1_048_576
STREAM_LIVES_SECONDS = DAY


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong."""

    check: str
    resource: str
    problem: str
    remedy: str


@dataclass
class Code:
    """What the rules compare the templates with."""

    functions: list  # Folder names under functions/.
    ports: dict  # ports.toml
    fields: dict  # Function -> the fields of its Ports; None where it has no Ports yet.
    events: set  # Types of events on the bus; empty where they are not known.
    listens: dict  # Function -> the events that its header names under `- On:`; empty where it names none.
    settings: set  # Environment variables that shared/cloud reads; empty where they are not known.


def all_rules():
    """Every rule, as (stack, code) -> findings."""
    return [
        functions_and_folders,
        function_settings,
        logs,
        queues,
        dead_letter_queues,
        rules_and_targets,
        schedules,
        queue_sources,
        stream_sources,
        tables,
        api,
    ]


def pascal(name):
    """`order-price` as a logical name: `OrderPrice`."""
    return "".join(part.capitalize() for part in name.split("-"))


def dashed(logical):
    """The reverse: `OrderPrice` as `order-price`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", logical).lower()


def name_of(reference):
    """The resource that `${Name}` or `${Name.Arn}` refers to; None for anything else."""
    found = re.fullmatch(r"\$\{(\w+)(?:\.\w+)?\}", str(reference))
    return found[1] if found else None


def is_dlq(name):
    """Whether the queue is a dead-letter queue, by its name."""
    return name.endswith("Dlq")


def functions(stack):
    """Deployed functions: short name -> (logical name, properties)."""
    found = {}
    for name, properties in stack.of_type("AWS::Lambda::Function"):
        full = str(properties.get("FunctionName", ""))
        found[full.removeprefix("${NamePrefix}-")] = (name, properties)
    return found


def mappings_of(stack, logical):
    """Event source mappings of a function, as (name, properties)."""
    return [
        (name, p)
        for name, p in stack.of_type("AWS::Lambda::EventSourceMapping")
        if name_of(p.get("FunctionName")) == logical
    ]


def fed_by(stack, logical):
    """How a function gets its work: queue, stream, schedule or api; and its stream, if it has one."""
    # A scheduled function may also have a queue, for its own ticks.
    if any(name_of(p.get("Target", {}).get("Arn")) == logical for _, p in stack.of_type("AWS::Scheduler::Schedule")):
        return "schedule", None
    for _, p in mappings_of(stack, logical):
        table = name_of(p.get("EventSourceArn"))
        if stack.properties(table, "AWS::DynamoDB::Table") is not None:
            return "stream", p["EventSourceArn"]
        return "queue", None
    return "api", None


def number(value):
    """The value as a number; None if it is none, so that the rule can report it."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


# Functions


def functions_and_folders(stack, code):
    """Folder, binary, function, queue and log group share one name."""
    deployed = functions(stack)
    for folder in code.functions:
        if folder not in deployed:
            yield Finding(
                "function-missing",
                pascal(folder),
                f"functions/*/{folder} has no function in the template",
                f"add {pascal(folder)} with FunctionName ${{NamePrefix}}-{folder}, or remove the folder",
            )
    for name, (logical, properties) in deployed.items():
        if name not in code.functions:
            yield Finding(
                "function-unknown", logical, f"there is no functions/*/{name}", "add the folder, or remove the function"
            )
        if logical != pascal(name):
            yield Finding(
                "function-name",
                logical,
                f"FunctionName is {properties.get('FunctionName')}, which belongs to {pascal(name)}",
                "name the resource after its function",
            )
        metadata = stack.resources[logical].get("Metadata", {})
        binary = metadata.get("BuildProperties", {}).get("Binary")
        if metadata.get("BuildMethod") != "rust-cargolambda" or binary != name:
            yield Finding(
                "function-build",
                logical,
                f"`sam build` would build {binary!r} by {metadata.get('BuildMethod')!r}",
                f"Metadata: {{BuildMethod: rust-cargolambda, BuildProperties: {{Binary: {name}}}}}",
            )
    for name, properties in stack.of_type("AWS::SQS::Queue"):
        stem = name.removesuffix("Dlq").removesuffix("Queue")
        suffix = "-dlq" if is_dlq(name) else ""
        wanted = [f"${{NamePrefix}}-{function}{suffix}" for function in deployed if pascal(function) == stem]
        if [properties.get("QueueName")] != wanted:
            yield Finding(
                "queue-name",
                name,
                f"QueueName is {properties.get('QueueName')!r}",
                f"name it {wanted[0]}" if wanted else "name queue and resource after a function",
            )


# Functions whose instances a deployment can reserve, so that no other work of the account takes them, nor they all of it.
RESERVED = {
    "WebhookReceive": "IntakeReservedConcurrency",
    "OrderCreate": "IntakeReservedConcurrency",
    "ChangeCreate": "IntakeReservedConcurrency",
    "TokenAuthorize": "AuthorizerReservedConcurrency",
    "DeliveryRelay": "RelayReservedConcurrency",
    "JournalRelay": "RelayReservedConcurrency",
}


def function_settings(stack, _code):
    """Runtime, processor, tracing, reserved instances."""
    if stack.template["Parameters"].get("Architecture", {}).get("Default") != "arm64":
        yield Finding("arm64", "Architecture", "arm64 is not the default", "set the parameter's Default to arm64")
    if stack.parameters.get("SecretsPrefix") not in ("${SecretsPrefix}", stack.parameters.get("NamePrefix")):
        yield Finding("secrets-prefix", "SecretsPrefix", "deployments share their secrets by default", "default to NamePrefix")
    for name, p in stack.of_type("AWS::Lambda::Function"):
        wanted = {
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Architectures": [stack.parameters.get("Architecture")],
            "Timeout": stack.parameters.get("FunctionTimeoutSeconds"),
        }
        for key, value in wanted.items():
            if p.get(key) != value:
                yield Finding(
                    "function-settings", name, f"{key} is {p.get(key)!r}, not {value!r}", "leave it to Globals"
                )
        local = ((p.get("Environment") or {}).get("Variables") or {}).get("LOCAL_SIGN_IN")
        may_be_local = name == "ConsoleServe" and stack.parameters.get("Platform") == "local"
        if local is not None and not may_be_local:
            yield Finding(
                "local-sign-in",
                name,
                f"LOCAL_SIGN_IN is {local!r}: a throw-away token would sign in",
                '!If [OnAws, !Ref AWS::NoValue, "true"], for ConsoleServe alone',
            )
        reserved = stack.parameters.get(RESERVED.get(name, ""), "0")
        if str(p.get("ReservedConcurrentExecutions", "0")) != reserved:
            yield Finding(
                "function-reserved",
                name,
                f"ReservedConcurrentExecutions is {p.get('ReservedConcurrentExecutions')}, not {reserved}",
                f"!If [Has{RESERVED[name]}, !Ref {RESERVED[name]}, !Ref AWS::NoValue]" if name in RESERVED else "remove it",
            )
        if p.get("TracingConfig", {}).get("Mode", "PassThrough") != "PassThrough":
            yield Finding("tracing-off", name, "X-Ray is on", "Tracing: PassThrough; trace context is in our events")


def logs(stack, _code):
    """Every function logs JSON into a log group of its own, which expires."""
    for name, p in stack.of_type("AWS::Lambda::Function"):
        config = p.get("LoggingConfig", {})
        group = stack.properties(name_of(config.get("LogGroup")), "AWS::Logs::LogGroup")
        if config.get("LogFormat") != "JSON":
            yield Finding("log-format", name, "it does not log JSON", "LoggingConfig.LogFormat: JSON, in Globals")
        if config.get("ApplicationLogLevel") != "TRACE":
            yield Finding(
                "log-level",
                name,
                f"Lambda drops our lines below {config.get('ApplicationLogLevel', 'INFO')}, whatever LogLevel says",
                "LoggingConfig.ApplicationLogLevel: TRACE, in Globals: RUST_LOG alone decides",
            )
        if group is None:
            yield Finding(
                "log-group",
                name,
                "it has no log group in the template: Lambda would make one that never expires",
                f"add {name}Logs and LoggingConfig: {{LogGroup: !Ref {name}Logs}}",
            )
        elif group.get("LogGroupName") != f"/aws/lambda/{p.get('FunctionName')}":
            yield Finding(
                "log-group", f"{name}Logs", "it is not named after its function", f"/aws/lambda/{p.get('FunctionName')}"
            )
    for name, p in stack.of_type("AWS::Logs::LogGroup"):
        if not p.get("RetentionInDays"):
            yield Finding("log-retention", name, "it never expires", "RetentionInDays: !Ref LogRetentionDays")


# Queues


def queues(stack, _code):
    """Visibility, attempts, size, encryption and the dead-letter queue of every queue that feeds a function."""
    for name, p in stack.of_type("AWS::SQS::Queue"):
        if p.get("MaximumMessageSize") != MEBIBYTE:
            yield Finding(
                "queue-size", name, "its message size is not explicit, or not 1 MiB", f"MaximumMessageSize: {MEBIBYTE}"
            )
        if p.get("SqsManagedSseEnabled") is not True and not p.get("KmsMasterKeyId"):
            yield Finding("queue-encryption", name, "it is not encrypted at rest", "SqsManagedSseEnabled: true")
        if is_dlq(name):
            continue
        redrive = p.get("RedrivePolicy") or {}
        if stack.properties(name_of(redrive.get("deadLetterTargetArn")), "AWS::SQS::Queue") is None:
            yield Finding(
                "queue-dlq",
                name,
                "it has no dead-letter queue: what always fails would go round until it expires",
                f"RedrivePolicy: {{deadLetterTargetArn: !GetAtt {name.removesuffix('Queue')}Dlq.Arn, maxReceiveCount: 10}}",
            )
        elif (number(redrive.get("maxReceiveCount")) or 0) < 5:
            yield Finding(
                "queue-receive-count",
                name,
                f"maxReceiveCount is {redrive.get('maxReceiveCount')}: throttling would dead-letter messages that no step received",
                "5 or more",
            )
    for name, p in stack.of_type("AWS::Lambda::EventSourceMapping"):
        queue = name_of(p.get("EventSourceArn"))
        queue_properties = stack.properties(queue, "AWS::SQS::Queue")
        function = stack.properties(name_of(p.get("FunctionName")), "AWS::Lambda::Function")
        if queue_properties is None or function is None:
            continue
        receives = number((queue_properties.get("RedrivePolicy") or {}).get("maxReceiveCount"))
        attempts = number(function.get("Environment", {}).get("Variables", {}).get("MAX_ATTEMPTS"))
        if receives is not None and (attempts is None or attempts >= receives):
            yield Finding(
                "queue-attempts",
                queue,
                f"the step parks at attempt {attempts}, its queue after {receives}: the cause would be missing",
                "MAX_ATTEMPTS, in Globals, below maxReceiveCount",
            )
        visible, timeout = number(queue_properties.get("VisibilityTimeout")), number(function.get("Timeout"))
        if visible is None or timeout is None or visible < 6 * timeout:
            yield Finding(
                "queue-visibility",
                queue,
                f"hidden for {visible} s, six times the function's {timeout} s are needed: a batch would be worked on twice",
                "give QueueVisibility a row with six times FunctionTimeoutSeconds, and use it",
            )


def dead_letter_queues(stack, _code):
    """A dead-letter queue outlives its source: a message keeps its age when it moves."""
    for name, p in stack.of_type("AWS::SQS::Queue"):
        target = name_of((p.get("RedrivePolicy") or {}).get("deadLetterTargetArn"))
        dlq = stack.properties(target, "AWS::SQS::Queue")
        if dlq is None:
            continue
        if target != name.removesuffix("Queue") + "Dlq":
            yield Finding("queue-dlq", name, f"it parks in {target}, another's", "park in the function's own DLQ")
        kept, source = number(dlq.get("MessageRetentionPeriod")), number(p.get("MessageRetentionPeriod"))
        if kept is None or source is None or kept <= source:
            yield Finding(
                "dlq-retention",
                target,
                f"it keeps messages for {kept} s, {name} for {source} s: what moved late would vanish at once",
                "DLQ 1209600 (14 days), its source 345600 (4 days)",
            )
    for name, p in stack.of_type("AWS::SQS::Queue"):
        if is_dlq(name) and (number(p.get("MessageRetentionPeriod")) or 0) < 14 * DAY:
            yield Finding("dlq-retention", name, "it keeps messages for less than 14 days", "MessageRetentionPeriod: 1209600")


# Rules and schedules


def rules_and_targets(stack, code):
    """bus -> rule -> queue, with an explicit retry policy and a dead-letter queue at the target."""
    for name, p in stack.of_type("AWS::Events::Rule"):
        if name_of(p.get("EventBusName")) != "Bus":
            yield Finding("rule-bus", name, "it does not listen to our bus", "EventBusName: !Ref Bus")
        pattern = p.get("EventPattern") or {}
        if pattern.get("source") != ["crossdock"]:
            yield Finding("rule-source", name, "it takes events of any source", "EventPattern.source: [crossdock]")
        branches = alternatives(pattern)
        kinds = {kind for branch in branches for kind in branch.get("detail-type", [])}
        own = [f"crossdock:step/{dashed(name.removesuffix('Rule'))}"]
        if "resources" in pattern and pattern["resources"] != own:
            yield Finding("rule-step", name, f"it takes the due work {pattern['resources']}", f"resources: {own}")
        if not all(branch.get("detail-type") for branch in branches) and "resources" not in pattern:
            yield Finding(
                "rule-event",
                name,
                "it takes events of any type",
                f"select its due work (EventPattern.resources: {own}), or name types in EventPattern.detail-type",
            )
        for kind in sorted(kinds - code.events) if code.events else []:
            yield Finding("rule-event", name, f"nothing emits {kind!r}", "use an event's name as shared/domain spells it")
        # A header names the main events and describes the others; events/catalog has the whole list.
        missed = code.listens.get(dashed(name.removesuffix("Rule")), set()) - kinds
        if missed:
            yield Finding(
                "rule-header",
                name,
                f"it does not take {', '.join(sorted(missed))}, which the function's header names",
                "add it to the rule, or correct the header (`- On:` in src/lib.rs)",
            )
        data = pattern.get("detail", {}).get("data", {})
        if "delivery.received" in kinds and not all(branch.get("role") for branch in alternatives(data)):
            yield Finding("rule-filter", name, "it takes every partner's deliveries", "filter by detail.data.role")
        targets = p.get("Targets", [])
        stem = name.removesuffix("Rule")
        if len(targets) != 1:
            yield Finding("rule-target", name, f"it has {len(targets)} targets", "one rule, one queue, one function")
        for target in targets:
            if name_of(target.get("Arn")) != f"{stem}Queue":
                yield Finding(
                    "rule-target",
                    name,
                    f"its target is {target.get('Arn')}",
                    f"always rule -> queue -> function: !GetAtt {stem}Queue.Arn",
                )
            yield from target_policies(stack, name, target, f"{stem}Dlq")


def alternatives(pattern):
    """A pattern without its own `$or`: one for each branch."""
    return [pattern | branch for branch in pattern.get("$or", [{}])]


def schedules(stack, _code):
    """A schedule's target has a dead-letter queue and a retry policy as well."""
    for name, p in stack.of_type("AWS::Scheduler::Schedule"):
        target = p.get("Target", {})
        yield from target_policies(stack, name, target, f"{name.removesuffix('Schedule')}Dlq")
        if stack.properties(name_of(target.get("Arn")), "AWS::Lambda::Function") is None:
            yield Finding("schedule-target", name, "its target is no function of ours", "the emulator fires only Lambda")


def target_policies(stack, name, target, own_dlq):
    dlq = name_of((target.get("DeadLetterConfig") or {}).get("Arn"))
    if stack.properties(dlq, "AWS::SQS::Queue") is None or dlq != own_dlq:
        yield Finding(
            "target-dlq",
            name,
            "what cannot be delivered to its target would be lost",
            f"DeadLetterConfig: {{Arn: !GetAtt {own_dlq}.Arn}}",
        )
    retry = target.get("RetryPolicy") or {}
    if not {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"} <= retry.keys():
        yield Finding(
            "target-retry",
            name,
            "its target's retry policy is not explicit",
            "RetryPolicy: {MaximumRetryAttempts: 185, MaximumEventAgeInSeconds: 86400}",
        )


# Event source mappings


def queue_sources(stack, _code):
    """Partial batch answers, batches of ten, and a ceiling on concurrency that Lambda accepts."""
    for name, p in stack.of_type("AWS::Lambda::EventSourceMapping"):
        if stack.properties(name_of(p.get("EventSourceArn")), "AWS::SQS::Queue") is None:
            continue
        yield from partial_batches(name, p)
        if name_of(p.get("EventSourceArn")) != f"{name_of(p.get('FunctionName'))}Queue":
            yield Finding("source-queue", name, "it reads another function's queue", "one queue, one function")
        # A message of a scheduled function to itself may be a run of its own.
        sizes = [10, 1] if fed_by(stack, name_of(p.get("FunctionName")))[0] == "schedule" else [10]
        if p.get("BatchSize") not in sizes:
            yield Finding("source-batch", name, f"BatchSize is {p.get('BatchSize')}", "BatchSize: 10")
        concurrency = number((p.get("ScalingConfig") or {}).get("MaximumConcurrency"))
        if concurrency is None or concurrency < 2:
            yield Finding(
                "source-concurrency",
                name,
                f"MaximumConcurrency is {concurrency}; Lambda wants 2 at least, and none lets one step take all",
                "ScalingConfig: {MaximumConcurrency: !FindInMap [StepConcurrency, !Ref StepConcurrency, Instances]}",
            )


def stream_sources(stack, _code):
    """A stream's retries are bounded by age alone, its batches bisected, and a record that is given up leaves a trace."""
    for name, p in stack.of_type("AWS::Lambda::EventSourceMapping"):
        table = name_of(p.get("EventSourceArn"))
        if stack.properties(table, "AWS::DynamoDB::Table") is None:
            if stack.properties(table, "AWS::SQS::Queue") is None:
                yield Finding("source-unknown", name, f"it reads {p.get('EventSourceArn')}", "a queue, or a table's stream")
            continue
        yield from partial_batches(name, p)
        function = name_of(p.get("FunctionName"))
        dlq = name_of(((p.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination"))
        if dlq != f"{function}Dlq" or stack.properties(dlq, "AWS::SQS::Queue") is None:
            yield Finding(
                "source-on-failure",
                name,
                "records that were given up leave no trace",
                f"DestinationConfig: {{OnFailure: {{Type: SQS, Destination: !GetAtt {function}Dlq.Arn}}}}",
            )
        age = number(p.get("MaximumRecordAgeInSeconds"))
        if age is None or not STREAM_LIVES_SECONDS - 7_200 <= age < STREAM_LIVES_SECONDS:
            yield Finding(
                "stream-age",
                name,
                f"records are given up after {age} s; the stream keeps them for {STREAM_LIVES_SECONDS}, and then forgets them without a trace",
                "MaximumRecordAgeInSeconds: 82800",
            )
        # A fast refusal spends thousands of attempts in minutes. The function itself parks what can never succeed.
        attempts = number(p.get("MaximumRetryAttempts"))
        if attempts != -1:
            yield Finding(
                "stream-attempts",
                name,
                f"an outage gives records up after {attempts} attempts, hours before the stream forgets them",
                "MaximumRetryAttempts: -1, bounded by MaximumRecordAgeInSeconds alone",
            )
        if p.get("BisectBatchOnFunctionError") is not True:
            yield Finding(
                "stream-bisect", name, "one crash would give up the whole batch", "BisectBatchOnFunctionError: true"
            )
        if not p.get("ParallelizationFactor"):
            yield Finding("stream-parallel", name, "its parallelism is not explicit", "ParallelizationFactor: 2")


def partial_batches(name, properties):
    if "ReportBatchItemFailures" not in properties.get("FunctionResponseTypes", []):
        yield Finding(
            "source-partial",
            name,
            "one bad record would fail its neighbors",
            "FunctionResponseTypes: [ReportBatchItemFailures]",
        )


# Tables


def tables(stack, _code):
    """On demand, encrypted, restorable, and never deleted with the stack."""
    for name, p in stack.of_type("AWS::DynamoDB::Table"):
        resource = stack.resources[name]
        checks = {
            "table-billing": (p.get("BillingMode") == "PAY_PER_REQUEST", "BillingMode: PAY_PER_REQUEST"),
            "table-encryption": (
                (p.get("SSESpecification") or {}).get("SSEEnabled") is True,
                "SSESpecification: {SSEEnabled: true}",
            ),
            "table-restore": (
                (p.get("PointInTimeRecoverySpecification") or {}).get("PointInTimeRecoveryEnabled") is True,
                "PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}",
            ),
            "table-retain": (
                str(resource.get("DeletionPolicy", "")).startswith("Retain")
                and resource.get("UpdateReplacePolicy") == "Retain",
                "DeletionPolicy: RetainExceptOnCreate, UpdateReplacePolicy: Retain",
            ),
            "table-name": ("TableName" not in p, "no TableName: a retained table would be in the next deployment's way"),
        }
        for check, (holds, remedy) in checks.items():
            if not holds:
                yield Finding(check, name, "not so", remedy)
    for name, p in stack.of_type("AWS::Lambda::EventSourceMapping"):
        table = name_of(p.get("EventSourceArn"))
        properties = stack.properties(table, "AWS::DynamoDB::Table")
        if properties is not None:
            view = (properties.get("StreamSpecification") or {}).get("StreamViewType")
            if view != "NEW_IMAGE":
                yield Finding("table-stream", table, f"its stream carries {view}", "StreamSpecification: NEW_IMAGE")
    deliveries = stack.properties("DeliveriesTable") or {}
    if (deliveries.get("TimeToLiveSpecification") or {}) != {"AttributeName": "expires", "Enabled": True}:
        yield Finding("table-expiry", "DeliveriesTable", "raw deliveries would never expire", "TTL on `expires`")


# API


SAID_BY_SENDERS = ("header", "body", "sourceIp", "path", "querystring", "userAgent")
# A quote or a line break in a message of these would break the line's JSON.
FREE_TEXTS = ("errorMessage", "error.message", "authorizer.error")


def api(stack, _code):
    """Every route reaches a function that permits it, needs a token or a signature, and logs no content."""
    for name, p in stack.of_type("AWS::ApiGatewayV2::Route"):
        key = str(p.get("RouteKey"))
        integration = name_of(str(p.get("Target", "")).removeprefix("integrations/"))
        properties = stack.properties(integration, "AWS::ApiGatewayV2::Integration") or {}
        function = name_of(properties.get("IntegrationUri"))
        if stack.properties(function, "AWS::Lambda::Function") is None:
            yield Finding("route-target", name, f"{key} reaches no function", "Target: integrations/<integration>")
            continue
        if properties.get("PayloadFormatVersion") != "2.0":
            yield Finding("route-payload", integration, "not payload format 2.0", 'PayloadFormatVersion: "2.0"')
        method, _, path = key.partition(" ")
        if not allows(stack, function, f"${{Api}}/*/{method}{path}"):
            yield Finding(
                "route-permission",
                name,
                f"the API may not invoke {function} for {key}: callers would get a 500",
                f"add a Permission with SourceArn …:${{Api}}/*/{method}{path}",
            )
        signed = key.startswith("POST /v1/webhooks/")
        # A person has to be sent to sign in, which an authorizer cannot do: the function checks its own cookie.
        signed = signed or path.startswith("/console") and function == "ConsoleServe"
        wanted = "NONE" if signed else "CUSTOM"
        if p.get("AuthorizationType") != wanted or (not signed and name_of(p.get("AuthorizerId")) != "ApiAuthorizer"):
            yield Finding(
                "route-authorizer",
                name,
                f"AuthorizationType is {p.get('AuthorizationType')}",
                "NONE: the signature is the authority" if signed else "CUSTOM with ApiAuthorizer",
            )
    for name, p in stack.of_type("AWS::ApiGatewayV2::Authorizer"):
        function = name_of(re.search(r"\$\{\w+\.Arn\}", str(p.get("AuthorizerUri", "${}")) or "")[0])
        if not allows(stack, function, f"${{Api}}/authorizers/${{{name}}}"):
            yield Finding(
                "route-permission", name, f"the API may not invoke {function}", "add a Permission for the authorizer"
            )
        sources = p.get("IdentitySource", [])
        if not {"$request.header.Authorization", "$context.routeKey"} <= set(sources):
            yield Finding(
                "authorizer-cache",
                name,
                f"answers are cached by {sources}: one route's answer would open another",
                "IdentitySource: [$request.header.Authorization, $context.routeKey]",
            )
    for name, p in stack.of_type("AWS::Lambda::Permission"):
        if not p.get("SourceArn"):
            yield Finding("permission-source", name, "anybody's API may invoke it", "set SourceArn")
    for name, p in stack.of_type("AWS::ApiGatewayV2::Stage"):
        settings, access = p.get("DefaultRouteSettings") or {}, p.get("AccessLogSettings") or {}
        if not settings.get("ThrottlingRateLimit") or not settings.get("ThrottlingBurstLimit"):
            yield Finding("api-throttle", name, "nothing limits it", "DefaultRouteSettings: ThrottlingRateLimit, …BurstLimit")
        log = str(access.get("Format", ""))
        if stack.properties(name_of(access.get("DestinationArn")), "AWS::Logs::LogGroup") is None:
            yield Finding("api-log", name, "requests leave no trace", "AccessLogSettings.DestinationArn")
        said = {word for word in SAID_BY_SENDERS if word.lower() in log.lower()}
        asked = {"sourceIp"} if stack.parameters.get("LogSourceAddresses") == "yes" else set()
        if said - asked:
            yield Finding("api-log", name, f"its access log would hold personal data ({', '.join(sorted(said - asked))})", "remove it")
        free = [word for word in FREE_TEXTS if word.lower() in log.lower()]
        if free:
            yield Finding("api-log", name, f"{', '.join(free)} can break a line", "log the status and $context.error.responseType")
        if asked - said:
            yield Finding("api-log", name, "LogSourceAddresses is yes, and it does not log them", "$context.identity.sourceIp")


def allows(stack, function, source):
    """Whether a permission lets API Gateway invoke `function` for `source`."""
    return any(
        name_of(p.get("FunctionName")) == function
        and p.get("Principal") == "apigateway.amazonaws.com"
        and str(p.get("SourceArn", "")).endswith(":" + source)
        for _, p in stack.of_type("AWS::Lambda::Permission")
    )
