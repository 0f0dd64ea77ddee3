"""Loaded by the emulator's Python at its start: corrections of its differences from AWS, and counters.

- Its Lambda Runtime API leaves Nagle's algorithm on, which costs about 45 ms an invocation, together with delayed
  acknowledgments.
- It authorizes each batch operation of SQS as an action of its own. IAM has no such actions: AWS authorizes
  SendMessageBatch as SendMessage, and so on.
- It speaks HTTP on loopback, and our queues refuse plain HTTP. To policies, each of its requests came by HTTPS.
- It ignores batching windows (batching_windows.py).
- The calls of functions are counted (call_counts.py).
"""

import socketserver

import batching_windows
import call_counts
from ministack.core import iam_actions, iam_evaluator

socketserver.StreamRequestHandler.disable_nagle_algorithm = True

extract_iam_action = iam_actions.extract_iam_action


def single_action(*request):
    action = extract_iam_action(*request)
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


iam_actions.extract_iam_action = single_action
iam_evaluator.EvalContext.secure_transport = property(lambda _context: True, lambda _context, _value: None)
call_counts.install(batching_windows.install)
