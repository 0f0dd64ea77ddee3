"""What the measured functions are given: events and stores made of the repository's own samples and partner documents.

A case is a dict: "environment" of the function; "event" or "record" as a function of a number that differs from message to
message; "answers" of the canned endpoint, the first that fits: (part of the operation's name, part of the request, answer);
"number", a pattern that finds the message's number in a request, for answers that hold `@N@`.
"""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path

try:
    import tomllib
except ImportError:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "events" / "samples"
SIGNING_KEY = b"a key of the bench, thirty-two b"
# An order's id without its last four characters, which are the message's number.
ORDER = "ord_6ce86670g2ykygj63p6wp7"


def webhook_receive():
    """A signed webhook of the CRM: verify, keep, answer."""
    body = json.dumps(json.loads((SAMPLES / "acme-crm" / "order.created.single.json").read_text()))

    def event(number):
        identity, seconds = f"msg_{number:04d}", str(int(time.time()))
        signed = hmac.new(SIGNING_KEY, f"{identity}.{seconds}.{body}".encode(), hashlib.sha256)
        return {
            "version": "2.0",
            "routeKey": "POST /v1/webhooks/{partner}",
            "rawPath": "/v1/webhooks/acme-crm",
            "rawQueryString": "",
            "headers": {
                "accept": "*/*",
                "content-type": "application/json",
                "host": "abcdefghij.execute-api.us-east-1.amazonaws.com",
                "user-agent": "Partner/1.0",
                "webhook-id": identity,
                "webhook-timestamp": seconds,
                "webhook-signature": "v1," + base64.b64encode(signed.digest()).decode(),
                "x-forwarded-for": "192.0.2.17",
                "x-forwarded-port": "443",
                "x-forwarded-proto": "https",
            },
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "abcdefghij",
                "domainName": "abcdefghij.execute-api.us-east-1.amazonaws.com",
                "domainPrefix": "abcdefghij",
                "http": {
                    "method": "POST",
                    "path": "/v1/webhooks/acme-crm",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.17",
                    "userAgent": "Partner/1.0",
                },
                "requestId": f"bench-{number}",
                "routeKey": "POST /v1/webhooks/{partner}",
                "stage": "$default",
                "time": "23/Nov/2026:09:00:00 +0000",
                "timeEpoch": 1795424400000,
            },
            "pathParameters": {"partner": "acme-crm"},
            "body": body,
            "isBase64Encoded": False,
        }

    secret = {"signing": ["whsec_" + base64.b64encode(SIGNING_KEY).decode()]}
    return {
        "environment": settings() | {"DELIVERIES_TABLE": "deliveries", "REGISTRY_TABLE": "registry"},
        "event": event,
        "answers": [registry(), ("GetSecretValue", "", {"SecretString": json.dumps(secret), "Name": "bench"})],
    }


def append():
    """A message that becomes one conditional put, and nothing else: what a step costs before its own work."""
    return {
        "environment": settings() | queue("append") | {"JOURNAL_TABLE": "journal"},
        "record": lambda number: record(sample("order.released"), number),
        "answers": [],
    }


def order_route():
    """An order that was released: read its commits and the sites, decide, commit."""
    happened = ["order.submitted", "order.priced", "order.credit_approved", "order.allocated", "order.released"]
    commits = [commit(version, sample(name)) for version, name in enumerate(happened, 1)]
    return {
        "environment": settings() | queue("order-route") | {"JOURNAL_TABLE": "journal", "REGISTRY_TABLE": "registry"},
        "record": lambda number: record(sample("order.released"), number),
        "number": ORDER + r"(\d{4})",
        "answers": [
            ("Query", ORDER, {"Items": commits, "Count": len(commits), "ScannedCount": len(commits)}),
            registry(),
        ],
    }


def settings():
    return {
        "ENVIRONMENT": "bench",
        "JOURNAL_EPOCH": "1",
        "FUNCTION_TIMEOUT_SECONDS": "10",
        "SECRETS_PREFIX": "bench",
        "RUST_LOG": "info",
    }


def queue(function):
    url = f"https://sqs.us-east-1.amazonaws.com/123456789012/bench-{function}"
    return {"QUEUE_URL": url, "DLQ_URL": f"{url}-dlq", "DUE_TABLE": "due"}


def registry():
    """Every partner document of infra/partners, as the registry's table holds them."""
    documents = [tomllib.loads(path.read_text()) for path in sorted((ROOT / "infra" / "partners").glob("*.toml"))]
    items = [
        {
            "kind": {"S": "partner"},
            "id": {"S": document["id"]},
            "document": {"S": json.dumps(document)},
            "version": {"N": "1"},
            "digest": {"S": "0" * 64},
        }
        for document in documents
    ]
    return ("Query", "registry", {"Items": items, "Count": len(items), "ScannedCount": len(items)})


def sample(name):
    event = json.loads((SAMPLES / "bus" / f"{name}.json").read_text())
    number = event["subject"].removeprefix("order/")[len(ORDER) :]
    assert event["subject"].startswith(f"order/{ORDER}") and len(number) == 4, "the samples' order has another id now"
    return json.loads(json.dumps(event).replace(ORDER + number, f"{ORDER}@N@"))


def commit(version, event):
    attributes = {
        "stream": event["subject"],
        "cause": f"bench/{version}",
        "correlation_id": event["correlationid"],
        "actor": "bench",
        "at": event["time"],
        "traceparent": event["traceparent"],
        "epoch": "1",
        "write_id": "1",
        "events": json.dumps([event["data"]]),
    }
    return {"version": {"N": str(version)}} | {name: {"S": value} for name, value in attributes.items()}


def record(event, number):
    """The event as EventBridge puts it into a queue, and as SQS hands it to a function."""
    envelope = {
        "version": "0",
        "id": f"00000000-0000-0000-0000-{number:012d}",
        "detail-type": event["type"],
        "source": "crossdock",
        "account": "123456789012",
        "time": event["time"],
        "region": "us-east-1",
        "resources": [],
        "detail": event,
    }
    return {
        "messageId": f"059f36b4-87a3-44ab-83d2-{number:012d}",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a" * 5,
        "body": json.dumps(envelope).replace("@N@", f"{number:04d}"),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1795424400000",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1795424400001",
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:bench-order-route",
        "awsRegion": "us-east-1",
    }


CASES = {"webhook-receive": webhook_receive, "append": append, "order-route": order_route}
