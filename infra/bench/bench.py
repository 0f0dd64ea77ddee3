#!/usr/bin/env python3
"""Measures a Lambda's bootstrap: start to first answer, CPU and time per invocation, memory, calls, write units.

    bench.py --binary target/release/order-route [--batch 10] [--delay-us 4000]

It plays both neighbors of a function: the Lambda Runtime API, and an AWS endpoint (TLS, HTTP/1.1) that answers what cases.py
says and counts. The function runs alone on one core, its neighbors on another; its CPU time is the kernel's count
for the process, so that a slow neighbor costs it nothing. Medians over several starts; compare rows of one run with each
other, for absolute times drift by a quarter from run to run. One JSON object on stdout.
"""

import argparse
import datetime
import http.server
import ipaddress
import json
import math
import multiprocessing
import os
import re
import selectors
import signal
import socket
import socketserver
import ssl
import statistics
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

from cases import CASES

TIMEOUT_SECONDS = 30


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--case", choices=sorted(CASES), help="what it is given; by its name where left out")
    parser.add_argument("--batch", type=int, default=1, help="SQS records per invocation")
    parser.add_argument("--delay-us", type=int, default=0, help="the endpoint answers after this long, as a network would")
    parser.add_argument("--starts", type=int, default=9)
    parser.add_argument("--warm", type=int, default=600, help="measured invocations of a warm start, after a third as many")
    parser.add_argument("--plain", action="store_true", help="no TLS to the endpoint")
    parser.add_argument("--show", action="store_true", help="print the first answer and the function's log to stderr")
    asked = parser.parse_args()
    case = CASES[asked.case or asked.binary.name]()
    try:
        # Before others on a busy machine, where we may.
        os.nice(-15)
    except PermissionError:
        print("not measured before others: that takes root", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        endpoint = Endpoint(case, asked, folder)
        try:
            # Three starts go on into the warm phase; the others end after their first answer.
            runs = [run_once(asked, case, endpoint, folder, warm=number < 3) for number in range(asked.starts)]
        finally:
            endpoint.stop()
        row = {"name": asked.binary.name, "batch": asked.batch, "delay_us": asked.delay_us, "tls": not asked.plain}
        for key in ("cold_ms", "cold_cpu_ms", "init_cpu_ms", "warm_us", "cpu_us", "rss_mb"):
            row[key] = round(statistics.median(run[key] for run in runs if key in run), 3)
        row["calls"] = runs[0]["calls"]
        row["write_units"] = runs[0]["write_units"]
        row["zip_kb"] = round(zipped(asked.binary, folder) / 1024)
    print(json.dumps(row))


def run_once(asked, case, endpoint, folder, warm):
    """One start of the function: to its first answer and, where asked, through the warm phase."""
    api = RuntimeApi()
    # What Lambda gives a function, what the case adds, and nothing of ours.
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "_HANDLER": "bootstrap",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.port}",
        "AWS_LAMBDA_FUNCTION_NAME": asked.binary.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "bench",
        "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "bench-bench-bench-bench-bench-bench-benc",
        "AWS_SESSION_TOKEN": "bench" * 80,
        "AWS_ENDPOINT_URL": endpoint.url,
        "SSL_CERT_FILE": str(endpoint.bundle),
        **case["environment"],
    }
    with open(folder / "log", "wb") as log:
        began = time.perf_counter_ns()
        pid = on_core(
            0,
            lambda: os.posix_spawn(
                asked.binary,
                [str(asked.binary)],
                environment,
                file_actions=[(os.POSIX_SPAWN_DUP2, log.fileno(), 1), (os.POSIX_SPAWN_DUP2, log.fileno(), 2)],
            ),
        )
    run = {}
    try:
        events = [event_of(case, asked.batch, number) for number in range(32)]
        asker = api.next(pid)
        run["init_cpu_ms"] = cpu_ns(pid) / 1e6
        _, answer = api.invoke(asker, events[0], pid)
        run["cold_ms"] = (time.perf_counter_ns() - began) / 1e6
        asker = api.next(pid)
        run["cold_cpu_ms"] = cpu_ns(pid) / 1e6
        refuse_failures(answer, folder)
        if asked.show:
            print(answer.decode(), (folder / "log").read_text(), sep="\n", file=sys.stderr)
        endpoint.counts(reset=True)
        if warm:
            times = []
            for number in range(asked.warm + asked.warm // 3):
                if number == asked.warm // 3:
                    times, before = [], cpu_ns(pid)
                    endpoint.counts(reset=True)
                taken, answer = api.invoke(asker, events[number % len(events)], pid)
                times.append(taken)
                asker = api.next(pid)
            run["cpu_us"] = (cpu_ns(pid) - before) / 1e3 / asked.warm / asked.batch
            run["warm_us"] = statistics.median(times) / 1e3
            refuse_failures(answer, folder)
            counted = endpoint.counts()
            messages = asked.warm * asked.batch
            run["calls"] = {name: round(count / messages, 3) for name, count in counted["calls"].items()}
            run["write_units"] = round(counted["write_units"] / messages, 3)
        run["rss_mb"] = int(re.search(r"VmHWM:\s*(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024
        return run
    except (TimeoutError, ChildProcessError) as error:
        raise SystemExit(f"error: {asked.binary.name} {error or 'did not answer'}; its log:\n{(folder / 'log').read_text()}") from None
    finally:
        api.close()
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def refuse_failures(answer, folder):
    """A figure for work that was not done would be a lie."""
    parsed = json.loads(answer or b"null")
    failed = isinstance(parsed, dict) and (parsed.get("batchItemFailures") or parsed.get("statusCode", 200) >= 400)
    if failed:
        raise SystemExit(f"error: the function did not do its work: {answer.decode()}\nits log:\n{(folder / 'log').read_text()}")


def event_of(case, batch, number):
    if "record" not in case:
        return json.dumps(case["event"](number)).encode()
    records = [case["record"](number * batch + place) for place in range(batch)]
    return json.dumps({"Records": records}).encode()


def on_core(core, act):
    """Calls `act` on one core, which a process that it starts inherits; afterwards we go back to the other."""
    cores = sorted(os.sched_getaffinity(0)) if not hasattr(on_core, "cores") else on_core.cores
    on_core.cores = cores
    os.sched_setaffinity(0, {cores[core % len(cores)]})
    try:
        return act()
    finally:
        os.sched_setaffinity(0, {cores[-1]})


def cpu_ns(pid):
    # The kernel's clock id of another process's CPU time: all its threads, in nanoseconds.
    return time.clock_gettime_ns((~pid << 3) | 2)


def zipped(binary, folder):
    path = folder / "package.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.write(binary, "bootstrap")
    return path.stat().st_size


class RuntimeApi:
    """The Lambda Runtime API for one function, on one thread."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.buffers = {}
        self.count = 0

    def next(self, pid):
        """Waits until the function asks for work; the connection that it asked on."""
        connection, path, body = self.receive(pid)
        if not path.endswith("/invocation/next"):
            raise SystemExit(f"error: the function failed: {path} {body.decode(errors='replace')}")
        return connection

    def invoke(self, connection, event, pid):
        """Hands an event over; the nanoseconds until its answer was here, and the answer."""
        self.count += 1
        head = (
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
            f"lambda-runtime-aws-request-id: 00000000-0000-0000-0000-{self.count:012d}\r\n"
            f"lambda-runtime-deadline-ms: {int(time.time() * 1000) + 30_000}\r\n"
            "lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:123456789012:function:bench\r\n"
            "lambda-runtime-trace-id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0\r\n"
            f"content-length: {len(event)}\r\n\r\n"
        )
        began = time.perf_counter_ns()
        connection.sendall(head.encode() + event)
        answering, path, body = self.receive(pid)
        taken = time.perf_counter_ns() - began
        if not path.endswith("/response"):
            raise SystemExit(f"error: the function failed: {path} {body.decode(errors='replace')}")
        answering.sendall(b'HTTP/1.1 202 Accepted\r\ncontent-length: 15\r\n\r\n{"status":"OK"}')
        return taken, body

    def receive(self, pid):
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            for connection, buffer in self.buffers.items():
                if request := whole_request(buffer):
                    return connection, *request
            for key, _ in self.selector.select(0.5):
                self.read(key.fileobj)
            if os.waitpid(pid, os.WNOHANG)[0]:
                raise ChildProcessError("ended")
        raise TimeoutError

    def read(self, ready):
        if ready is self.listener:
            connection, _ = ready.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.buffers[connection] = bytearray()
            self.selector.register(connection, selectors.EVENT_READ)
            return
        try:
            received = ready.recv(1 << 18)
        except ConnectionError:
            received = b""
        if received:
            self.buffers[ready] += received
        else:
            self.selector.unregister(ready)
            del self.buffers[ready]
            ready.close()

    def close(self):
        for connection in self.buffers:
            connection.close()
        self.selector.close()
        self.listener.close()


def whole_request(buffer):
    """Takes one complete request off the buffer: its path and body; None while it is not complete."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(buffer[:end]).decode("latin1")
    start = end + 4
    if length := re.search(r"\r\ncontent-length:\s*(\d+)", head, re.I):
        stop = start + int(length[1])
        if len(buffer) < stop:
            return None
        body = bytes(buffer[start:stop])
    elif re.search(r"\r\ntransfer-encoding:\s*chunked", head, re.I):
        chunks, stop = [], start
        while True:
            line = buffer.find(b"\r\n", stop)
            if line < 0:
                return None
            size = int(bytes(buffer[stop:line]), 16)
            if len(buffer) < line + 4 + size:
                return None
            chunks.append(bytes(buffer[line + 2 : line + 2 + size]))
            stop = line + 4 + size
            if size == 0:
                break
        body = b"".join(chunks)
    else:
        body, stop = b"", start
    del buffer[:stop]
    return head.split(" ", 2)[1], body


class Endpoint:
    """The canned AWS endpoint, in a process of its own."""

    def __init__(self, case, asked, folder):
        self.bundle, key = certificates(folder)
        ours, theirs = multiprocessing.Pipe()
        self.pipe = ours
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=serve, args=(case, asked, self.bundle, key, theirs), daemon=True)
        self.process.start()
        port = ours.recv()
        self.url = f"{'http' if asked.plain else 'https'}://localhost:{port}"

    def counts(self, reset=False):
        self.pipe.send("reset" if reset else "tell")
        return self.pipe.recv()

    def stop(self):
        self.process.terminate()
        self.process.join(5)


def serve(case, asked, certificate, key, pipe):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    counted = {"calls": {}, "write_units": 0}
    lock = threading.Lock()
    number = re.compile(case.get("number", r"(?!)"))

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def log_message(self, *_):
            """Says nothing."""

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            target = self.headers.get("x-amz-target") or f"POST {self.path}"
            self.answer(target, body)

        def do_GET(self):
            self.answer(f"GET {self.path}", b"")

        def answer(self, target, body):
            with lock:
                counted["calls"][target] = counted["calls"].get(target, 0) + 1
                counted["write_units"] += write_units(target, body)
            if asked.delay_us:
                time.sleep(asked.delay_us / 1e6)
            text = body.decode(errors="replace")
            found = next((answer for name, part, answer in case["answers"] if name in target and part in text), {})
            named = number.search(text)
            reply = json.dumps(found).replace("@N@", named[1] if named else "0000").encode()
            self.send_response_only(200)
            self.send_header("content-type", "application/x-amz-json-1.0")
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)
            self.wfile.flush()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request, client_address):
            """A function that is killed between two measurements is not an error."""

        def finish_request(self, request, client_address):
            # The handshake belongs to the connection's thread: a connection that is opened early must not wait for one.
            super().finish_request(request if asked.plain else tls.wrap_socket(request, server_side=True), client_address)

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    tls.set_alpn_protocols(["http/1.1"])
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pipe.send(server.server_address[1])
    while True:
        request = pipe.recv()
        with lock:
            pipe.send(json.loads(json.dumps(counted)))
            if request == "reset":
                counted.update(calls={}, write_units=0)


def write_units(target, body):
    """What DynamoDB would bill: each started kilobyte of an item, twice in a transaction."""
    if target.endswith(".PutItem"):
        return math.ceil(item_size(json.loads(body)["Item"]) / 1024)
    if target.endswith(".TransactWriteItems"):
        puts = [part["Put"]["Item"] for part in json.loads(body)["TransactItems"] if "Put" in part]
        others = len(json.loads(body)["TransactItems"]) - len(puts)
        return 2 * (sum(math.ceil(item_size(item) / 1024) for item in puts) + others)
    if target.endswith(".UpdateItem") or target.endswith(".DeleteItem"):
        return 1
    return 0


def item_size(item):
    return sum(len(name.encode()) + value_size(value) for name, value in item.items())


def value_size(typed):
    ((kind, value),) = typed.items()
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            return len(value) // 2 + 2
        case "B":
            return len(value) * 3 // 4
        case "M":
            return 3 + item_size(value)
        case "L":
            return 3 + sum(value_size(part) + 1 for part in value)
        case "SS":
            return sum(len(part.encode()) for part in value)
    return 1


def certificates(folder):
    """A throw-away root with a certificate for localhost: the bundle that the function trusts, and the key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = datetime.datetime.now(datetime.timezone.utc)

    def certificate(name, issuer, key, signer, extensions):
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=2))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def self_signed(name, key=None):
        key = key or ec.generate_private_key(ec.SECP256R1())
        return certificate(name, name, key, key, [(x509.BasicConstraints(True, None), True)])

    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = self_signed("bench root", root_key)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = certificate("localhost", "bench root", key, root_key, [(x509.SubjectAlternativeName(names), False)])
    # Five roots, as many as a function in AWS reads: Amazon's.
    others = b"".join(self_signed(f"another root {number}") for number in range(4))
    bundle, key_file = folder / "bundle.pem", folder / "server.key"
    bundle.write_bytes(leaf + root + others)
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return bundle, key_file


if __name__ == "__main__":
    if sys.platform != "linux":
        raise SystemExit("error: CPU time of another process is read the Linux way; run the bench on Linux")
    main()
