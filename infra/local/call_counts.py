"""Counts the AWS calls that the deployed functions make, so that the demonstration can say what an order costs.

Loaded into the emulator by sitecustomize. It wraps each service behind the emulator's authorization, and adds one path:

    GET    /_crossdock/calls     the counts since the last reset, by function
    DELETE /_crossdock/calls     the same, and sets them to zero

It counts calls with the credentials of an execution role, so that those of deploying tools are left out. Write units are
the emulator's answer to ReturnConsumedCapacity (item size in steps of 1 KB, indexes included, twice in a transaction); a
write that its condition refused counts as one, because AWS charges for it, too. It does not count what no function calls
itself: reads of table streams, Lambda's polling of queues, the bus's deliveries.
"""

import json
import threading

WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
SERVICES = ("dynamodb", "sqs", "events", "secretsmanager")

lock = threading.Lock()
counts = {}


def install():
    """Wraps the emulator when it starts to serve: its modules are not loaded before."""
    import hypercorn.asyncio

    serve = hypercorn.asyncio.serve

    def counting(app, config, *others, **more):
        wrap_services()
        wrap_invocations()
        return serve(with_path(app), config, *others, **more)

    hypercorn.asyncio.serve = counting


def wrap_services():
    from ministack import app

    for service in SERVICES:
        app.SERVICE_HANDLERS[service] = counted(service, app.SERVICE_HANDLERS[service])


def wrap_invocations():
    from ministack.core.lambda_runtime import ProvidedWorker

    invoke = ProvidedWorker.invoke

    def counted_invoke(self, *given, **named):
        add(self.func_name, "invocations", 1)
        return invoke(self, *given, **named)

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
        if service != "dynamodb" or operation not in WRITES:
            return await handler(method, path, headers, body, query)
        body = json.dumps({"ReturnConsumedCapacity": "TOTAL", **asked}).encode()
        status, answered, answer = await handler(method, path, headers, body, query)
        for table, units in write_units(operation, asked, status, answer).items():
            add(function, "write_units", units, table)
        return status, answered, answer

    return handle


def write_units(operation, asked, status, answer):
    told = json.loads(answer or b"{}")
    if status == 200:
        consumed = told.get("ConsumedCapacity", [])
        consumed = consumed if isinstance(consumed, list) else [consumed]
        return {one["TableName"]: one["CapacityUnits"] for one in consumed}
    refused = told.get("__type", "").rpartition("#")[2]
    if refused == "ConditionalCheckFailedException":
        return {asked["TableName"]: 1}
    if refused == "TransactionCanceledException":
        units = {}
        for item in asked["TransactItems"]:
            table = next(iter(item.values()))["TableName"]
            units[table] = units.get(table, 0) + 2
        return units
    return {}


def function_of(headers):
    """The function whose role signed the request; None for other callers."""
    from ministack.services import sts

    key = headers.get("authorization", "").partition("Credential=")[2].partition("/")[0]
    session = sts._sessions.get(key)
    return session["Arn"].rpartition("/")[2] if session and key.startswith("ASIA") else None


def add(function, kind, amount, name=None):
    with lock:
        row = counts.setdefault(function, {"invocations": 0, "calls": {}, "entries": {}, "write_units": {}})
        if name is None:
            row[kind] += amount
        else:
            row[kind][name] = row[kind].get(name, 0) + amount


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
