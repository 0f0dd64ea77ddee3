"""What rings: every queue, stream, schedule, function and table has its alarms. The rules are as in rules.py."""

from rules import Finding, fed_by, is_dlq, name_of, number


def all_rules():
    """Every rule, as (stack, code) -> findings."""
    return [alarms]


def alarms(stack, _code):
    """Every queue, dead-letter queue and stream has an alarm."""
    found = {}
    for name, p in stack.of_type("AWS::CloudWatch::Alarm"):
        for dimension in p.get("Dimensions", []):
            found[(p.get("MetricName"), name_of(dimension.get("Value")))] = (name, p)
        if "TreatMissingData" not in p:
            yield Finding("alarm-missing", name, "missing data leaves it undecided", "TreatMissingData: notBreaching")

    def wanted(metric, resource, most, statistic, why):
        name, p = found.get((metric, resource), (None, {}))
        if name is None:
            yield Finding("alarm-missing", resource, f"no alarm reports {why}", f"add an alarm on {metric}")
            return
        threshold = number(p.get("Threshold"))
        if threshold is None or (most is not None and threshold > most) or p.get("Statistic") != statistic:
            yield Finding(
                "alarm-threshold",
                name,
                f"{p.get('Statistic')} from {threshold}",
                f"{statistic} from {most}" if most is not None else f"{statistic} from a threshold",
            )
        if p.get("ComparisonOperator") != "GreaterThanOrEqualToThreshold" or p.get("TreatMissingData") != "notBreaching":
            yield Finding(
                "alarm-threshold",
                name,
                "it rings when nothing is there, or not when something is",
                "GreaterThanOrEqualToThreshold, TreatMissingData: notBreaching",
            )

    for name, _ in stack.of_type("AWS::SQS::Queue"):
        if is_dlq(name):
            yield from wanted("ApproximateNumberOfMessagesVisible", name, 1, "Maximum", "what is parked")
        elif fed_by(stack, name.removesuffix("Queue"))[0] == "queue":
            # The ticks of a scheduled function expire; another alarm rings when it does not run.
            yield from wanted("ApproximateAgeOfOldestMessage", name, None, "Maximum", "that work is late")
    for name, p in stack.of_type("AWS::Lambda::EventSourceMapping"):
        if stack.properties(name_of(p.get("EventSourceArn")), "AWS::DynamoDB::Table") is not None:
            function = name_of(p.get("FunctionName"))
            yield from wanted("IteratorAge", function, 600_000, "Maximum", "that the stream runs ahead")


