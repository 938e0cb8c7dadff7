"""Run a long program and stay talkative: every line it prints is handed on, every pause is a heartbeat.

It refuses to leave the program behind: whatever ends the wait (an error, Ctrl-C) ends the
program and all its children too.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cutline_testbed.errors import TestbedError
from cutline_testbed.report import Report, elapsed_text

TICK_S = 0.5
TAIL_LINES = 25


def run_watched(
    argv: Sequence[str],
    purpose: str,
    report: Report,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], object] = lambda line: None,
    describe: Callable[[], tuple[str, float | None]] | None = None,
) -> list[str]:
    """Run to the end; return its last lines of output. Raise with those lines if it fails.

    `describe` says where the work stands (text and fraction) whenever it is asked.
    """
    started = time.monotonic()
    tail: deque[str] = deque(maxlen=TAIL_LINES)

    def tick() -> None:
        text, fraction = describe() if describe is not None else (purpose, None)
        report.progress(f"{text} ({elapsed_text(time.monotonic() - started)})", fraction)

    def take(line: str) -> None:
        tail.append(line)
        on_line(line)

    with subprocess.Popen(
        argv,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            _follow(process, take, tick)
        except BaseException:
            _end_group(process)
            raise
    if process.returncode != 0:
        raise TestbedError(f"{purpose} failed (exit code {process.returncode}):\n" + "\n".join(tail))
    return list(tail)


def _follow(process: subprocess.Popen[str], take: Callable[[str], None], tick: Callable[[], None]) -> None:
    """Lines come from a thread, so that waiting for one can time out into a heartbeat."""
    lines: queue.Queue[str | None] = queue.Queue()
    reader = threading.Thread(target=_pump, args=(process, lines), daemon=True)
    reader.start()
    while True:
        try:
            line = lines.get(timeout=TICK_S)
        except queue.Empty:
            tick()
            continue
        if line is None:
            break
        take(line)
        tick()
    process.wait()


def _pump(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    if process.stdout is not None:
        for line in process.stdout:
            lines.put(line.rstrip("\n"))
    lines.put(None)


def _end_group(process: subprocess.Popen[str]) -> None:
    """Go starts compilers of its own; the session made for it takes them all along."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
