"""Makes the emulator keep MaximumBatchingWindowInSeconds, which it stores and ignores.

Loaded by sitecustomize. A mapping with a window is polled once its batch is full or its first record has waited for the window, as
AWS does. Mappings without one are polled as before.
"""

import time

# By mapping: when the first of the records that wait was seen.
waiting = {}


def install():
    from ministack.services import lambda_svc

    every = lambda_svc._iter_all_esms

    def due():
        for account, region, mapping in every():
            if is_due(account, region, mapping):
                yield account, region, mapping

    lambda_svc._iter_all_esms = due


def is_due(account, region, mapping):
    window = int(mapping.get("MaximumBatchingWindowInSeconds") or 0)
    if not window:
        return True
    uuid, size = mapping["UUID"], int(mapping.get("BatchSize") or 10)
    count = waiting_records(account, region, mapping, size)
    if not count:
        waiting.pop(uuid, None)
        return False
    now = time.monotonic()
    if count < size and now < waiting.setdefault(uuid, now) + window:
        return False
    waiting.pop(uuid, None)
    return True


def waiting_records(account, region, mapping, size):
    from ministack.services import dynamodb, lambda_svc, sqs

    tokens = lambda_svc._request_account_id.set(account), lambda_svc._request_region.set(region)
    try:
        service, resource = mapping["EventSourceArn"].split(":", 5)[2::3]
        if service == "sqs":
            queue = sqs._queues.get(sqs._queue_url(resource))
            now = time.time()
            return sum(message.get("visible_at", 0) <= now for message in queue["messages"]) if queue else 0
        if service == "dynamodb":
            table = resource.split("/")[1]
            start = dynamodb.stream_start_position(table)
            position = lambda_svc._dynamodb_stream_positions.get(mapping["UUID"])
            if position is None:
                # Its first poll sets where it begins.
                return size
            return len(dynamodb.stream_records_since(table, max(position, start), size))
        return size
    finally:
        lambda_svc._request_account_id.reset(tokens[0])
        lambda_svc._request_region.reset(tokens[1])
