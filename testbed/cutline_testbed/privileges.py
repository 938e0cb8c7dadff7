"""Whether this is root on Linux, which nothing that makes namespaces and control groups can do without."""

from __future__ import annotations

import os
import sys


def missing_privileges(what: str, why: str) -> str | None:
    """None if `what` can be had by this user on this system, else one line; `why` says what root is for."""
    if sys.platform != "linux":
        return f"{what} needs Linux; this is {sys.platform}"
    if os.geteuid() != 0:
        return f"{what} needs root: it {why}"
    return None
