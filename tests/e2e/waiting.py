"""Waiting for what must come, as long as that may take on a busy machine."""

import time
from collections.abc import Callable

SECONDS = 60.0  # how long anything that must come may take on a busy machine


def await_true(condition: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    """Wait for what must come; the deadline is an error and not a result."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f}s in vain until {what}"
        time.sleep(0.05)
