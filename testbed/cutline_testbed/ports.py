"""Chooses TCP ports of the loopback address that nobody uses.

It refuses to promise: between choosing and binding somebody may be faster. Whoever binds reports
that, and the next start chooses again.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Collection, Iterable, Mapping

from cutline_testbed.errors import TestbedError

HOST = "127.0.0.1"
# Below the range from which kernels take the local ports of outgoing connections.
LOWEST, HIGHEST = 20000, 31999
ATTEMPTS = 500


def is_free(port: int) -> bool:
    """True if we could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections are only fading out counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def choose_ports(
    names: Iterable[str],
    previous: Mapping[str, int],
    taken: Collection[int],
    free: Callable[[int], bool] = is_free,
) -> dict[str, int]:
    """A port per name: the previous one while it is free, else another. Never one of `taken`."""
    chosen: dict[str, int] = {}
    used = set(taken)
    for name in names:
        before = previous.get(name)
        keeps = before is not None and before not in used and free(before)
        port = before if before is not None and keeps else _another(used, free)
        chosen[name] = port
        used.add(port)
    return chosen


def _another(used: Collection[int], free: Callable[[int], bool]) -> int:
    for _ in range(ATTEMPTS):
        port = random.randint(LOWEST, HIGHEST)  # noqa: S311 - no secret, only spread
        if port not in used and free(port):
            return port
    raise TestbedError(f"found no free TCP port on {HOST} between {LOWEST} and {HIGHEST}")
