"""Starts, watches and stops the processes of the local stack: the AWS emulator and the partner simulators.

    stack.py up                          the emulator, unless it runs already
    stack.py partners --binary …         the simulators; started anew when their binary changed
    stack.py status                      what runs, as JSON; exit code 3 when nothing does
    stack.py down                        everything, in reverse order

Each process has a session of its own, a log and a record under .local/stack. A record holds the process's start time
besides its id, so that a recycled id is never signaled. Nothing survives `down`: what a stack held is gone with it,
which makes every `up` a clean start.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from common import LOCAL, REGION, STATE, Problem, digest_of, endpoint, read_json, run, say, write_json

HERE = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start the AWS emulator on loopback")
    up.add_argument("--port", type=int, default=4566)
    partners = commands.add_parser("partners", help="start the partner simulators")
    partners.add_argument("--binary", type=Path, required=True)
    partners.add_argument("--port", type=int, default=4580)
    commands.add_parser("status", help="what runs, as JSON")
    commands.add_parser("down", help="stop everything")
    asked = parser.parse_args()
    match asked.command:
        case "up":
            print(json.dumps(start_emulator(asked.port)))
        case "partners":
            print(json.dumps(start_partners(asked)))
        case "status":
            running = status()
            print(json.dumps(running))
            raise SystemExit(0 if running else 3)
        case "down":
            for name in ("partners", "emulator"):
                stop(name)


def start_emulator(port):
    record = alive("emulator")
    if record and record["port"] == port:
        wait_until_healthy("emulator", f"{endpoint(port)}/_ministack/health", 20)
        return {"endpoint": endpoint(port), "started": False}
    if record:
        stop("emulator")
    if answers(endpoint(port)):
        raise Problem(
            f"port {port} is taken by another program",
            f"stop it, or choose another port: CROSSDOCK_PORT={port + 10} cargo xtask up",
        )
    scratch = STATE / "emulator"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    command = [sys.executable, "-m", "ministack"]
    # Without the caller's environment: the emulator gives its own to every function that it runs.
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint(port),
        # Identity policies are enforced: a function may do only what its role allows.
        "AUTH": "true",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # Lambdas run as processes, also on a machine with a Docker daemon.
        "DOCKER_HOST": f"unix://{scratch}/no-docker",
        "LAMBDA_EXECUTOR": "local",
        "LOG_LEVEL": os.environ.get("CROSSDOCK_EMULATOR_LOG", "INFO"),
    }
    start("emulator", command, environment, {"port": port})
    wait_until_healthy("emulator", f"{endpoint(port)}/_ministack/health", 30)
    return {"endpoint": endpoint(port), "started": True}


def start_partners(asked):
    if not asked.binary.exists():
        raise Problem(f"no simulators at {asked.binary}", "cargo build --package simulators")
    wanted = {"port": asked.port, "digest": digest_of(asked.binary)}
    url = f"http://127.0.0.1:{asked.port}"
    record = alive("partners")
    if record and all(record.get(key) == value for key, value in wanted.items()):
        wait_until_healthy("partners", f"{url}/control", 10)
        return {"url": url, "started": False}
    stop("partners")
    if answers(url):
        raise Problem(
            f"port {asked.port} is taken by another program",
            f"stop it, or choose another port: CROSSDOCK_PARTNERS_PORT={asked.port + 10} cargo xtask up",
        )
    # The simulators hold webhooks back until deploy.py gives them the address of the API.
    command = [str(asked.binary), "--port", str(asked.port)]
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "RUST_LOG": os.environ.get("RUST_LOG", "info")}
    start("partners", command, environment, wanted)
    wait_until_healthy("partners", f"{url}/control", 15)
    return {"url": url, "started": True}


def start(name, command, environment, facts):
    STATE.mkdir(parents=True, exist_ok=True)
    with open(log_of(name), "wb") as log:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=LOCAL,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A session of its own: Ctrl-C at the terminal reaches the tool, which then stops the stack in order.
            start_new_session=True,
        )
    write_json(record_of(name), {"pid": process.pid, "born": born(process.pid), **facts})


def stop(name):
    """Ends the process with SIGTERM, waits, then ends what is left of its group."""
    record = alive(name)
    if record:
        pid = record["pid"]
        say(f"stopping the {name} ({pid})")
        signal_group(pid, signal.SIGTERM, leader_only=True)
        deadline = time.monotonic() + 10
        while alive(name) and time.monotonic() < deadline:
            reap(pid)
            time.sleep(0.05)
        # The functions that the process started are in its group.
        signal_group(pid, signal.SIGKILL)
    record_of(name).unlink(missing_ok=True)


def signal_group(pid, which, leader_only=False):
    try:
        os.kill(pid, which) if leader_only else os.killpg(pid, which)
    except ProcessLookupError:
        return


def reap(pid):
    # Only a process that this program started is its child; init reaps any other.
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def status():
    running = {}
    for name in ("emulator", "partners"):
        record = alive(name)
        if record:
            running[name] = {key: record[key] for key in ("pid", "port")} | {"log": str(log_of(name))}
    return running


def alive(name):
    """The process's record if that process still runs, else None."""
    record = read_json(record_of(name))
    if record and record["born"] and born(record["pid"]) == record["born"]:
        return record
    return None


def born(pid):
    """The start time of a process, in the system's own form; None if there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return None
    # No procfs: macOS and the BSDs.
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=5)
    return answer.stdout.strip() or None


def wait_until_healthy(name, url, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answers(url, healthy=True):
            return
        if not alive(name):
            break
        time.sleep(0.05)
    how = "did not answer" if alive(name) else "ended"
    tail = "\n".join(log_of(name).read_text(errors="replace").splitlines()[-15:])
    stop(name)
    raise Problem(f"the {name} {how} within {seconds} s; the end of its log:\n{tail}", f"look at {log_of(name)}")


def answers(url, healthy=False):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200 or not healthy
    except urllib.error.HTTPError:
        return not healthy
    except (OSError, ValueError):
        return False


def record_of(name):
    return STATE / f"{name}.process.json"


def log_of(name):
    return STATE / f"{name}.log"


if __name__ == "__main__":
    run(main)
