"""Loaded by the emulator's Python at its start.

Its Lambda Runtime API is a socketserver that leaves Nagle's algorithm on; together with delayed acknowledgements that
costs about 45 ms on every invocation: it is turned off here. And the calls of functions are counted (call_counts.py).
"""

import socketserver

import call_counts

socketserver.StreamRequestHandler.disable_nagle_algorithm = True
call_counts.install()
