"""What the tools of the local stack have in common: paths, errors, and the emulator's address."""

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"
STATE = LOCAL / "stack"
REGION = "us-east-1"
STACK = "crossdock-local"


class Problem(Exception):
    """An error for the user: what happened, and what to do. Shown without a traceback."""

    def __init__(self, what, way_out=None):
        super().__init__(what)
        self.what = what
        self.way_out = way_out


def run(main):
    """Calls a tool's main function; a Problem becomes two lines on stderr and exit code 1."""
    try:
        main()
    except Problem as problem:
        print(f"error: {problem.what}", file=sys.stderr)
        if problem.way_out:
            print(f"  try: {problem.way_out}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def say(text):
    """Prints progress on stderr; stdout is for the tool's answer."""
    print(text, file=sys.stderr, flush=True)


def endpoint(port):
    """The emulator's address on this machine."""
    return f"http://127.0.0.1:{port}"


def read_json(path, default=None):
    """The JSON in a file, or the default where there is no such file."""
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        return default


def write_json(path, value, private=False):
    """Writes JSON in one step, so that a reader never sees half of it; `private` keeps it from other users."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w") as file:
        json.dump(value, file, indent=2, sort_keys=True)
        file.write("\n")
    os.chmod(name, 0o600 if private else 0o644)
    os.replace(name, path)


def digest_of(path):
    """SHA-256 of a file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _digest(file)


def _digest(file):
    # Python 3.10 has no file_digest.
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()
