"""Looks at the API server from a node's network, by the address that pods use.

Pods reach it through the Service `kubernetes`, so through their node's proxy, which after a restart of
the API server learns of it later than this machine does.
"""

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cutline_testbed import Testbed
from cutline_testbed.node.real_node import RealNode
from tests.node.callers import Caller
from tests.node.lifelines import PROBE_S

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET


class Vantage:
    """One node's network, entered by a thread that does nothing else."""

    def __init__(self, node: RealNode, kubeconfig: Path) -> None:
        self._node = node
        self._caller = Caller(kubeconfig, PROBE_S, f"{node.addresses.first_service}:443")
        self._thread = ThreadPoolExecutor(1, f"in-{node.name}")
        self._entered: int | None = None

    def reaches_api(self) -> bool:
        """True for a node that is not running: nothing there waits for an answer."""
        return self._thread.submit(self._look).result()

    def close(self) -> None:
        self._thread.submit(self._caller.close).result()
        self._thread.shutdown()

    def _look(self) -> bool:
        box = self._node.box.pid()
        if box is None:
            return True
        if box != self._entered:
            self._caller.close()
            _enter(box)
            self._entered = box
        # One that ended meanwhile says nothing about the API server.
        return self._caller.reaches() or self._node.box.pid() != box


def vantages(testbed: Testbed, kubeconfig: Path) -> list[Vantage]:
    nodes = testbed.real_nodes
    assert nodes is not None
    return [Vantage(node, kubeconfig) for node in nodes.nodes]


def _enter(pid: int) -> None:
    """Move the calling thread alone; Python has a function for it from 3.12 on."""
    handle = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(handle, _NEW_NETWORK) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), f"/proc/{pid}/ns/net")
    finally:
        os.close(handle)
