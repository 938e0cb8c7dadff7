"""The first process of a container: `python3 -m cutline_start MODULE ARGUMENTS`.

The kernel ignores a signal to process 1 that it has no handler for, so a container that is told
to stop while Python still loads would live on until it is killed. And whatever loses its parent
becomes a child of process 1, which has to collect it. It refuses to come between the process and
its own children, and leaves the scene as soon as the module has handlers of its own.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import signal
import sys
import threading
import time
from types import FrameType

# Whoever waits for a child of his own does so at once: who lies here this long has nobody.
_ORPHAN_SECONDS = 5.0
_USAGE = 64


def _end(number: int, frame: FrameType | None) -> None:
    """Nothing has begun, so there is nothing to put in order."""
    os._exit(128 + number)


def _ended_children() -> set[int]:
    """Children that have ended and that nobody has collected yet."""
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", encoding="utf-8") as file:
                # The name before the last parenthesis may hold anything; then come state and parent.
                state, parent = file.read().rpartition(")")[2].split()[:2]
                if state == "Z" and int(parent) == os.getpid():
                    found.add(int(entry))
    return found


def _collect_orphans() -> None:
    before: set[int] = set()
    while True:
        time.sleep(_ORPHAN_SECONDS)
        now = _ended_children()
        for pid in now & before:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        before = now


def main() -> None:
    """Become the module."""
    if len(sys.argv) < 2:
        print("usage: python3 -m cutline_start MODULE [ARGUMENT...]", file=sys.stderr)
        raise SystemExit(_USAGE)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    if os.getpid() == 1:
        threading.Thread(target=_collect_orphans, name="orphans", daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
