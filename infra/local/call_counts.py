"""Counts what AWS would bill for the deployed functions, so that the demonstration can say what an order costs.

Loaded into the emulator by sitecustomize. It wraps each service behind the emulator's authorization, and adds one path:

    GET    /_crossdock/calls     the counts since the last reset, by function
    DELETE /_crossdock/calls     the same, and sets them to zero

It counts calls with the credentials of an execution role, so that those of deploying tools are left out. For each function:

- invocations; of a queue: batches, messages, and those of them that found nothing to do (by their log line);
- calls by operation, and the entries of calls that have several;
- write units: the emulator's answer to ReturnConsumedCapacity (item size in steps of 1 KB, indexes included, twice in a
  transaction). A refused conditional write is billed by the larger of the item that is stored and the item that is not;
- read units by size: 4 KB a unit, all items of a page together, half of it where an old answer will do. The emulator itself
  says one or a half whatever the size;
- bytes of log lines.

It does not count what no function calls itself: reads of table streams, Lambda's polling of queues, the bus's deliveries.
"""

import json
import threading

WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
READS = {"GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems"}

# Log lines of messages that changed nothing.
NOTHING_TO_DO = ('"outcome":"ignored"', '"outcome":"already_done"')
SERVICES = ("dynamodb", "sqs", "events", "secretsmanager")

lock = threading.Lock()
counts = {}


def install(*others):
    """Wraps the emulator when it starts to serve: its modules are not loaded before. Then installs the others."""
    import hypercorn.asyncio

    serve = hypercorn.asyncio.serve

    def counting(app, config, *rest, **more):
        wrap_services()
        wrap_invocations()
        for install_other in others:
            install_other()
        return serve(with_path(app), config, *rest, **more)

    hypercorn.asyncio.serve = counting


def wrap_services():
    from ministack import app

    for service in SERVICES:
        app.SERVICE_HANDLERS[service] = counted(service, app.SERVICE_HANDLERS[service])


def wrap_invocations():
    from ministack.core.lambda_runtime import ProvidedWorker

    invoke = ProvidedWorker.invoke

    def counted_invoke(self, event, *given, **named):
        add(self.func_name, "invocations", 1)
        records = event.get("Records", []) if isinstance(event, dict) else []
        messages = sum(record.get("eventSource") == "aws:sqs" for record in records)
        if messages:
            add(self.func_name, "batches", 1)
            add(self.func_name, "messages", messages)
        answer = invoke(self, event, *given, **named)
        lines = answer.get("log") or ""
        add(self.func_name, "log_bytes", len(lines.encode()))
        add(self.func_name, "nothing_to_do", sum(lines.count(mark) for mark in NOTHING_TO_DO))
        return answer

    ProvidedWorker.invoke = counted_invoke


def counted(service, handler):
    async def handle(method, path, headers, body, query):
        function = function_of(headers)
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if not function or not operation:
            return await handler(method, path, headers, body, query)
        add(function, "calls", 1, f"{service}.{operation}")
        asked = json.loads(body or b"{}")
        if "Entries" in asked:
            add(function, "entries", len(asked["Entries"]), f"{service}.{operation}")
        if service != "dynamodb" or operation not in WRITES | READS:
            return await handler(method, path, headers, body, query)
        if operation in WRITES:
            body = json.dumps({"ReturnConsumedCapacity": "TOTAL", **asked}).encode()
        status, answered, answer = await handler(method, path, headers, body, query)
        if operation in WRITES:
            for table, units in write_units(asked, status, answer).items():
                add(function, "write_units", units, table)
        elif status == 200:
            whole = answer
            if "ProjectionExpression" in asked or "FilterExpression" in asked:
                # Whole items are billed, also where the answer has a part of them.
                _, _, whole = await handler(method, path, headers, json.dumps(unprojected(asked)).encode(), query)
            for table, units in read_units(asked, json.loads(whole or b"{}")).items():
                add(function, "read_units", units, table)
        return status, answered, answer

    return handle


def write_units(asked, status, answer):
    told = json.loads(answer or b"{}")
    if status == 200:
        consumed = told.get("ConsumedCapacity", [])
        consumed = consumed if isinstance(consumed, list) else [consumed]
        return {one["TableName"]: one["CapacityUnits"] for one in consumed}
    refused = told.get("__type", "").rpartition("#")[2]
    if refused == "ConditionalCheckFailedException":
        return {asked["TableName"]: refused_units(asked)}
    if refused == "TransactionCanceledException":
        units = {}
        for item in asked["TransactItems"]:
            write = next(iter(item.values()))
            units[write["TableName"]] = units.get(write["TableName"], 0) + 2 * refused_units(write)
        return units
    return {}


def refused_units(write):
    """Of a write whose condition failed."""
    from ministack.services import dynamodb

    table = dynamodb._tables.get(write["TableName"])
    if not table:
        return 1
    key = write.get("Key") or {name: write["Item"][name] for name in (table["pk_name"], table["sk_name"]) if name}
    stored = dynamodb._get_item_by_key(table, key) or {}
    size = max(dynamodb._item_size_bytes(stored), dynamodb._item_size_bytes(write.get("Item") or {}))
    return dynamodb._capacity_kb(size)


def read_units(asked, told):
    from ministack.services import dynamodb

    def units(items, consistent):
        size = sum(dynamodb._item_size_bytes(item) for item in items)
        return max(1, -(-size // 4096)) * (1 if consistent else 0.5)

    if "RequestItems" in asked:
        return {
            table: sum(units([item], asked["RequestItems"][table].get("ConsistentRead")) for item in items)
            for table, items in told.get("Responses", {}).items()
        }
    if "TransactItems" in asked:
        read = {}
        for get, got in zip(asked["TransactItems"], told.get("Responses", [])):
            table = get["Get"]["TableName"]
            read[table] = read.get(table, 0) + 2 * units([got.get("Item") or {}], True)
        return read
    items = told["Items"] if "Items" in told else [told.get("Item") or {}]
    return {asked["TableName"]: units(items, asked.get("ConsistentRead"))}


def unprojected(asked):
    """The same read without its projection and filter, and without the names and values that only they use."""
    rest = {k: v for k, v in asked.items() if k not in ("ProjectionExpression", "FilterExpression")}
    used = rest.get("KeyConditionExpression", "")
    for placeholders in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        kept = {name: value for name, value in rest.pop(placeholders, {}).items() if name in used}
        if kept:
            rest[placeholders] = kept
    return rest


def function_of(headers):
    """The function whose role signed the request; None for other callers."""
    from ministack.services import sts

    key = headers.get("authorization", "").partition("Credential=")[2].partition("/")[0]
    session = sts._sessions.get(key)
    return session["Arn"].rpartition("/")[2] if session and key.startswith("ASIA") else None


def add(function, kind, amount, name=None):
    with lock:
        row = counts.setdefault(function, {})
        if name is None:
            row[kind] = row.get(kind, 0) + amount
        else:
            named = row.setdefault(kind, {})
            named[name] = named.get(name, 0) + amount


def with_path(app):
    async def serve(scope, receive, send):
        if scope["type"] != "http" or scope["path"] != "/_crossdock/calls":
            return await app(scope, receive, send)
        with lock:
            answer = json.dumps({"functions": counts}).encode()
            if scope["method"] == "DELETE":
                counts.clear()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": answer})

    return serve
