"""Awaiting a condition, with a deadline and an honest error when it does not come.

It refuses to sleep for its own sake: every pause is followed by a look.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from cutline_testbed.errors import TestbedError
from cutline_testbed.processes import ManagedProcess

POLL_S = 0.05


def wait_until(
    condition: Callable[[], bool],
    what: str,
    timeout_s: float,
    *processes: ManagedProcess,
    poll_s: float = POLL_S,
) -> None:
    """Return as soon as the condition holds.

    `processes` are the programs it depends on: when one is dead there is nothing to wait for, and
    the ends of their logs say more than a timeout would.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        for process in processes:
            if process.pid() is None:
                raise TestbedError(f"{process.name} ended before {what}.{_quoted(process)}")
        if time.monotonic() > deadline:
            quotes = "".join(_quoted(process) for process in processes)
            raise TestbedError(f"{what}: not within {timeout_s:.0f} s.{quotes}")
        time.sleep(poll_s)


def _quoted(process: ManagedProcess) -> str:
    return f"\nThe end of {process.log}:\n{process.log_tail()}"
