"""One at a time, across processes: an advisory lock on a file.

It refuses to wait in silence: whoever waits says for what.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cutline_testbed.report import Report

POLL_S = 0.2


@contextmanager
def exclusive(path: Path, purpose: str, report: Report) -> Iterator[None]:
    """Hold the lock for the block. The kernel drops it with us, so a crash leaves none behind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        announced = False
        while not _try_lock(handle.fileno()):
            if not announced:
                report.say(f"waiting for another process that is busy with {purpose} ({path})")
                announced = True
            report.progress(f"still waiting for {purpose}")
            time.sleep(POLL_S)
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
