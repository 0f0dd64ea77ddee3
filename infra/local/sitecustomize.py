"""Loaded by the emulator's Python at its start.

Its Lambda Runtime API is a socketserver that leaves Nagle's algorithm on; together with delayed acknowledgements that
costs about 45 ms on every invocation. Turning it off is all this file is for.
"""

import socketserver

socketserver.StreamRequestHandler.disable_nagle_algorithm = True
