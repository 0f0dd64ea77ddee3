"""What rings: every queue, stream, schedule, rule, function and table has its alarms. The rules are as in rules.py.

An alarm of several metrics is an expression over them. The local emulator has none, so that those are checked on AWS only.
"""

from policies import statements_of
from rules import Finding, fed_by, is_dlq, name_of, number

# Silence has to ring within ten minutes.
SOON_SECONDS = 600
WRITES = {"dynamodb:PutItem": "PutItem", "dynamodb:UpdateItem": "UpdateItem", "dynamodb:BatchWriteItem": "BatchWriteItem"}
# A message that is parked for longer is about to outlive its queue.
EXPIRING_SECONDS = 864_000
# Our metrics that ring, and from which value at the latest. docs/metrics.md says what they are.
BUSINESS_TIMES = {"release-time": 900, "warehouse-acknowledgement": 1_800, "shipment-to-erp": 14_400, "crm-staleness": 600}
# What the dashboard shows beside them.
SHOWN = ["partner-latency", "partner-limited", "partner-closed", "IteratorAge", "ApproximateAgeOfOldestMessage"]
# What was written in the period before this one, and no invocation since that one began: a record that was written a moment before a
# period ended may be read in the next.
SILENT = "IF(written - DIFF(written) > 0 AND invoked == 0 AND invoked - DIFF(invoked) == 0, 1, 0)"


def all_rules():
    """Every rule, as (stack, code) -> findings."""
    return [alarms, silent_streams, silent_schedules, lost_events, throttles, api_errors, business_times]


def alarms(stack, _code):
    """Every queue, dead-letter queue and stream has an alarm; an alarm notifies the topic, if there is one."""
    topic = stack.parameters.get("AlarmTopicArn")
    for name, p in stack.of_type("AWS::CloudWatch::Alarm"):
        if "TreatMissingData" not in p:
            yield Finding("alarm-missing", name, "missing data leaves it undecided", "TreatMissingData: notBreaching")
        if p.get("AlarmActions", []) != ([topic] if topic else []):
            problem = f"AlarmActions is {p.get('AlarmActions')}"
            yield Finding("alarm-topic", name, problem, "!If [HasAlarmTopic, [!Ref AlarmTopicArn], !Ref AWS::NoValue]")
    for name, _ in stack.of_type("AWS::SQS::Queue"):
        if is_dlq(name):
            yield from wanted(stack, "ApproximateNumberOfMessagesVisible", name, 1, "Maximum", "what is parked")
            yield from wanted(stack, "ApproximateAgeOfOldestMessage", name, EXPIRING_SECONDS, "Maximum", "what is about to be lost")
        elif fed_by(stack, name.removesuffix("Queue"))[0] == "queue":
            # The ticks of a scheduled function expire; another alarm rings when it does not run.
            yield from wanted(stack, "ApproximateAgeOfOldestMessage", name, None, "Maximum", "that work is late")
    for _, function in stream_functions(stack):
        yield from wanted(stack, "IteratorAge", function, 600_000, "Maximum", "that the stream runs ahead")


def silent_streams(stack, _code):
    """A stream's function that is not invoked although its table is written rings within ten minutes."""
    if stack.parameters.get("Platform") != "aws":
        return
    for table, function in stream_functions(stack):
        # A write that a condition refused consumes capacity and makes no record, so successful calls are counted. IAM authorizes a
        # transaction as the puts in it.
        allowed = {action for role, _ in stack.of_type("AWS::IAM::Role") for action in actions_on(stack, role, table)}
        writes = {WRITES[action] for action in allowed & WRITES.keys()}
        writes |= {"TransactWriteItems"} if "PutItem" in writes else set()
        name, p = next(
            (
                (name, p)
                for name, p in stack.of_type("AWS::CloudWatch::Alarm")
                if ("Invocations", function) in {(metric, of) for metric, of, _ in metrics_of(p)}
                and any(of == table for _, of, _ in metrics_of(p))
            ),
            (None, {}),
        )
        if name is None:
            remedy = f"add {function}SilentAlarm, as beside journal-relay"
            yield Finding("silence", function, f"nothing rings if {table} is written and it is not invoked", remedy)
            continue
        counted = {operation for metric, of, operation in metrics_of(p) if of == table and metric == "SuccessfulRequestLatency"}
        for operation in sorted(writes - counted):
            yield Finding("silence", name, f"it does not count {operation} of {table}, which a role allows", "add its metric")
        expressions = {m.get("Id"): m.get("Expression") for m in p["Metrics"] if "Expression" in m}
        watched = [m.get("Id") for m in p["Metrics"] if m.get("ReturnData", True)]
        if len(watched) != 1 or expressions.get(watched[0]) != SILENT:
            yield Finding("silence", name, f"it watches {[expressions.get(id) for id in watched]}", SILENT)
        # A source that is disabled early in a period shows in the two after it.
        periods = [number(m["MetricStat"].get("Period")) or SOON_SECONDS for m in p["Metrics"] if "MetricStat" in m]
        if len(set(periods)) != 1 or 3 * periods[0] * (number(p.get("EvaluationPeriods")) or 2) >= SOON_SECONDS:
            yield Finding("silence", name, f"its periods are {periods} s: it rings too late", "Period: 180, EvaluationPeriods: 1")
        yield from rings(name, p, 1, "notBreaching")


def silent_schedules(stack, _code):
    """A schedule that no longer fires rings: the group's most frequent within ten minutes, each by its function, too."""
    groups = {}
    for name, p in stack.of_type("AWS::Scheduler::Schedule"):
        groups.setdefault(name_of(p.get("GroupName")), []).append(p.get("ScheduleExpression"))
        function = name_of(p.get("Target", {}).get("Arn"))
        yield from ceases(stack, "Invocations", function, every(p.get("ScheduleExpression")), f"{name} no longer fires")
    if stack.parameters.get("Platform") != "aws":
        return
    for group, expressions in groups.items():
        if stack.properties(group, "AWS::Scheduler::ScheduleGroup") is None:
            yield Finding("silence", str(group), "a schedule is in the account's group: its metrics are everybody's", "GroupName")
            continue
        # A function may run without its schedule: each tick of due-fire sends the next.
        yield from ceases(stack, "InvocationAttemptCount", group, min(map(every, expressions)), "the scheduler no longer fires")
        metric = "InvocationsFailedToBeSentToDeadLetterCount"
        yield from wanted(stack, metric, group, 1, "Sum", "an invocation that was lost without a trace")


def lost_events(stack, _code):
    """An event that neither a target nor its dead-letter queue took rings, for every rule of the bus."""
    if stack.parameters.get("Platform") != "aws":
        return
    for bus, _ in stack.of_type("AWS::Events::EventBus"):
        # A query, so that it covers rules that are added later.
        query = (
            'SELECT SUM(InvocationsFailedToBeSentToDlq) FROM SCHEMA("AWS/Events", EventBusName, RuleName) '
            f"WHERE EventBusName = '${{{bus}}}'"
        )
        found = [
            (name, p)
            for name, p in stack.of_type("AWS::CloudWatch::Alarm")
            if [m.get("Expression") for m in p.get("Metrics", [])] == [query]
        ]
        if not found:
            yield Finding("alarm-missing", bus, "no alarm reports an event that even its DLQ did not take", f"add one on: {query}")
        for name, p in found:
            yield from rings(name, p, 1, "notBreaching")


def throttles(stack, _code):
    """Throttling of every function, every table and every index rings."""
    for name, _ in stack.of_type("AWS::Lambda::Function"):
        yield from wanted(stack, "Throttles", name, 1, "Sum", "that it is throttled")
    if stack.parameters.get("Platform") != "aws":
        return
    for table, p in stack.of_type("AWS::DynamoDB::Table"):
        indexes = [index["IndexName"] for index in p.get("GlobalSecondaryIndexes", [])]
        places = {(metric, index) for metric in ("ReadThrottleEvents", "WriteThrottleEvents") for index in [None, *indexes]}
        for name, alarm in stack.of_type("AWS::CloudWatch::Alarm"):
            covered = {(metric, index) for metric, of, index in metrics_of(alarm) if of == table} & places
            if covered:
                yield from rings(name, alarm, 1, "notBreaching")
                places -= covered
        for metric, index in sorted(places, key=str):
            what = f"{metric} of its index {index}" if index else metric
            yield Finding("alarm-missing", table, f"no alarm reports {what}", f"add {table}ThrottleAlarm, as for the other tables")


def api_errors(stack, _code):
    """Server errors of every API ring."""
    for name, _ in stack.of_type("AWS::ApiGatewayV2::Api"):
        yield from wanted(stack, "5xx", name, 1, "Sum", "that it answers with server errors")


def business_times(stack, _code):
    """Each business time rings with a link to its runbook, makes orders be at risk, and is on the dashboard."""
    named = {}
    for metric, most in BUSINESS_TIMES.items():
        name, p = next(
            ((n, p) for n, p in stack.of_type("AWS::CloudWatch::Alarm") if p.get("MetricName") == metric), (None, {})
        )
        if name is None:
            yield Finding("business-time", metric, "no alarm reports it", "add one, as for the other business times")
            continue
        named[metric] = name
        yield from rings(name, p, most, "notBreaching")
        if p.get("ExtendedStatistic") != "p90" or p.get("Namespace") != "${NamePrefix}":
            yield Finding("business-time", name, "it reads another statistic or namespace", "p90 of NamePrefix")
        if "docs/runbooks/" not in p.get("AlarmDescription", ""):
            yield Finding("business-time", name, "it does not say where help is", "name the runbook in AlarmDescription")
    if stack.parameters.get("Platform") != "aws":
        return
    composites = list(stack.of_type("AWS::CloudWatch::CompositeAlarm"))
    topic = stack.parameters.get("AlarmTopicArn")
    for name, p in composites:
        if p.get("AlarmActions", []) != ([topic] if topic else []):
            yield Finding("alarm-topic", name, f"AlarmActions is {p.get('AlarmActions')}", "as for the other alarms")
    rules = " ".join(str(p.get("AlarmRule")) for _, p in composites)
    boards = " ".join(str(p.get("DashboardBody")) for _, p in stack.of_type("AWS::CloudWatch::Dashboard"))
    for metric, name in named.items():
        if f'ALARM("${{{name}}}")' not in rules:
            yield Finding("business-time", name, "it does not make orders be at risk", "add it to OrdersAtRiskAlarm")
    for metric in [*BUSINESS_TIMES, *SHOWN]:
        if metric not in boards:
            yield Finding("business-time", metric, "the dashboard does not show it", "add it to Dashboard")


def stream_functions(stack):
    """Every function that reads a table's stream, as (table, function)."""
    for _, p in stack.of_type("AWS::Lambda::EventSourceMapping"):
        table = name_of(p.get("EventSourceArn"))
        if stack.properties(table, "AWS::DynamoDB::Table") is not None:
            yield table, name_of(p.get("FunctionName"))


def actions_on(stack, role, table):
    """What a role may do on a table itself."""
    for statement in statements_of(stack, role):
        if f"${{{table}.Arn}}" in statement["Resource"] and statement.get("Effect") == "Allow":
            yield from statement["Action"]


def metrics_of(alarm):
    """What an alarm reads, as (metric, resource of its first dimension, second dimension's value or None)."""
    metrics = [alarm, *(m["MetricStat"]["Metric"] for m in alarm.get("Metrics", []) if "MetricStat" in m)]
    for metric in metrics:
        values = [dimension.get("Value") for dimension in metric.get("Dimensions", [])]
        if values:
            yield metric.get("MetricName"), name_of(values[0]), values[1] if len(values) > 1 else None


def alarm_on(stack, metric, resource):
    """The alarm that reads this metric of a resource, alone."""
    for name, p in stack.of_type("AWS::CloudWatch::Alarm"):
        if p.get("MetricName") == metric and (metric, resource, None) in metrics_of(p):
            return name, p
    return None, {}


def wanted(stack, metric, resource, most, statistic, why):
    """An alarm rings from `most` on (from any threshold, if that is None), and not when there is no data."""
    name, p = alarm_on(stack, metric, resource)
    if name is None:
        yield Finding("alarm-missing", resource, f"no alarm reports {why}", f"add an alarm on {metric}")
        return
    if p.get("Statistic") != statistic:
        yield Finding("alarm-threshold", name, f"its statistic is {p.get('Statistic')}", f"Statistic: {statistic}")
    yield from rings(name, p, most, "notBreaching")


def rings(name, p, most, missing, operator="GreaterThanOrEqualToThreshold"):
    """The alarm's threshold, its comparison, what it makes of missing data, and that it decides soon."""
    threshold = number(p.get("Threshold"))
    if threshold is None or (most is not None and threshold > most):
        yield Finding("alarm-threshold", name, f"it rings from {threshold}", f"Threshold: {most}" if most is not None else "a number")
    if p.get("ComparisonOperator") != operator or p.get("TreatMissingData") != missing:
        problem = "it rings when nothing is there, or not when something is"
        yield Finding("alarm-threshold", name, problem, f"{operator}, TreatMissingData: {missing}")


def ceases(stack, metric, resource, seconds, why):
    """An alarm rings when a count that comes every `seconds` does not come: within ten minutes, or two of its times."""
    name, p = alarm_on(stack, metric, resource)
    if name is None:
        yield Finding("silence", str(resource), f"nothing rings if {why}", f"add an alarm on {metric} below 1, missing: breaching")
        return
    waits = (number(p.get("Period")) or 0) * (number(p.get("EvaluationPeriods")) or 0)
    if not seconds < waits <= max(SOON_SECONDS, 2 * seconds):
        problem = f"it waits for {waits} s, and the schedule's time is {seconds} s"
        yield Finding("silence", name, problem, f"Period times EvaluationPeriods between {seconds} and {max(SOON_SECONDS, 2 * seconds)}")
    yield from rings(name, p, 1, "breaching", "LessThanThreshold")


def every(expression):
    """How many seconds lie between two times of a schedule `rate(…)`."""
    count, _, unit = str(expression).removeprefix("rate(").removesuffix(")").partition(" ")
    units = {"minute": 60, "hour": 3_600, "day": 86_400}
    return (number(count) or 0) * units.get(unit.removesuffix("s"), 0)
