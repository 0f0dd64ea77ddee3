"""Loaded by the emulator's Python at its start: what it needs to be true to AWS, and to be watched.

- Its Lambda Runtime API is a socketserver that leaves Nagle's algorithm on; together with delayed acknowledgements that
  costs about 45 ms on every invocation.
- It asks for an action of its own for each of SQS's batch operations. IAM has none: AWS authorises SendMessageBatch as
  SendMessage, and so with the others.
- The calls of functions are counted (call_counts.py).
"""

import socketserver

import call_counts
from ministack.core import iam_actions

socketserver.StreamRequestHandler.disable_nagle_algorithm = True

extract_iam_action = iam_actions.extract_iam_action


def single_action(*request):
    action = extract_iam_action(*request)
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


iam_actions.extract_iam_action = single_action
call_counts.install()
