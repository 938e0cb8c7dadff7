"""What signals do to a command of ours: they end it in order, once.

It refuses to act outside the main thread, where Python delivers no signals, and on signals that whoever
started us wants ignored (`nohup`, a shell's background job).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_on_signals() -> None:
    """Make a polite request to end (also a closed terminal) look like a Ctrl-C to our code."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for signum in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(signum) is not signal.SIG_IGN:
            signal.signal(signum, interrupt)


@contextmanager
def deferred() -> Iterator[None]:
    """Hold interrupts back for a moment that must not be cut in two, then let them act."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pending: list[int] = []
    heeded = [signum for signum in ENDING if signal.getsignal(signum) is not signal.SIG_IGN]
    before = {signum: signal.signal(signum, lambda number, frame: pending.append(number)) for signum in heeded}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
    if pending:
        raise KeyboardInterrupt


@contextmanager
def undisturbed() -> Iterator[None]:
    """Cleaning up must not be cut short by an impatient second Ctrl-C; it has deadlines of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signum: signal.signal(signum, signal.SIG_IGN) for signum in ENDING}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
