"""The programs in Go: built from `gowebhook/`, started, and ended with the block that started them."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import machine
from bench.cluster import Serving
from bench.errors import BenchError
from bench.sizes import CONNECTIONS
from cutline_testbed.go_sdk import find_go, go_environment, require_go
from cutline_testbed.interrupts import undisturbed
from cutline_testbed.ports import HOST, choose_ports
from cutline_testbed.report import Report
from cutline_testbed.watched import run_watched

_SOURCE = Path(__file__).parent / "gowebhook"
_STARTS_WITHIN_SECONDS = 10.0
_ENDS_WITHIN_SECONDS = 5.0
# As Go would choose by itself in a container with one processor; there the peers run.
_ONE_PROCESSOR = {"GOMAXPROCS": "1"}


@dataclass(frozen=True, slots=True)
class Tools:
    """The two programs, and a folder for the files that they read."""

    webhook: Path
    load: Path
    folder: Path
    go_version: str

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        return path


@contextmanager
def built_tools(report: Report) -> Iterator[Tools]:
    """Build with the Go that also builds the testbed; nothing but the standard library is needed."""
    sdk = find_go()
    go = require_go(sdk, report)
    with TemporaryDirectory(prefix="cutline-bench-") as name:
        folder = Path(name)
        report.say("building the webhook in Go and the load generator")
        run_watched(
            [str(go), "build", "-trimpath", "-o", str(folder), "./..."],
            "building in Go",
            report,
            cwd=_SOURCE,
            env=go_environment(),
        )
        yield Tools(folder / "gowebhook", folder / "load", folder, sdk.version)


@dataclass(frozen=True, slots=True)
class Server:
    """A webhook that is under measurement."""

    name: str
    pid: int
    address: str
    path: str


@contextmanager
def go_webhook(tools: Tools, serving: Serving) -> Iterator[Server]:
    """The minimal webhook, with the very certificate that ours serves with: equal handshakes."""
    port = choose_ports(["go-webhook"], {}, ())["go-webhook"]
    certificate = tools.file("serving.crt", serving.certificate)
    key = tools.file("serving.key", serving.key)
    argv = [
        str(tools.webhook),
        *("-listen", f"{HOST}:{port}", "-certificate", str(certificate), "-key", str(key)),
    ]
    with (tools.folder / "gowebhook.log").open("wb") as log:
        process = subprocess.Popen(
            argv,
            env={**os.environ, **_ONE_PROCESSOR},
            stdin=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
    try:
        _await_listening(process, port)
        yield Server("go", process.pid, f"{HOST}:{port}", "/gate")
    finally:
        with undisturbed():
            process.terminate()
            try:
                process.wait(_ENDS_WITHIN_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1.0).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise BenchError("the webhook in Go does not listen")


@dataclass(frozen=True, slots=True)
class LoadRun:
    """What one run of the load generator measured."""

    sent: int
    """Warm-up included."""
    per_second: float
    latencies_us: Sequence[float]
    processor_us: float | None
    """Processor time of the server per request."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent, and what must be in every answer."""

    body: Path
    expect: str
    authority: Path
    seconds: float
    warm_up_seconds: float
    rate: float = 0.0
    """Requests per second; 0 sends the next as soon as the answer is there."""


def run_load(tools: Tools, server: Server, load: Load) -> LoadRun:
    """One run; raises `BenchError` if any answer is not what it must be."""
    options = {
        "address": server.address,
        "path": server.path,
        "authority": str(load.authority),
        "body": str(load.body),
        "expect": load.expect,
        "connections": str(CONNECTIONS),
        "seconds": str(load.seconds),
        "warm-up": str(load.warm_up_seconds),
        "rate": str(load.rate),
    }
    argv = [str(tools.load), *(part for key, value in options.items() for part in (f"-{key}", value))]
    before = machine.processor_microseconds(server.pid)
    output = _run_pinned(argv, server.name)
    after = machine.processor_microseconds(server.pid)
    measured = json.loads(output)
    if not measured["answers"]:
        raise BenchError(f"no answer from the {server.name} webhook within {load.seconds} s")
    return LoadRun(
        sent=measured["sent"],
        per_second=measured["answers"] / measured["seconds"],
        latencies_us=measured["latenciesUs"],
        processor_us=None if before is None or after is None else (after - before) / measured["sent"],
    )


def _run_pinned(argv: Sequence[str], server_name: str) -> str:
    with subprocess.Popen(
        argv,
        env={**os.environ, **_ONE_PROCESSOR},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            if machine.can_pin():
                machine.pin(process.pid, machine.processors()[0])
            output, complaint = process.communicate()
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise BenchError(f"load on the {server_name} webhook: {complaint.strip()}")
    return output
