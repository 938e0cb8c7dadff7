"""The machine's side of the nodes' network: one bridge with an address, and routes to what lies behind it.

It refuses to touch an interface that another testbed made: the bridge bears the testbed's folder as its alias.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from cutline_testbed.errors import TestbedError
from cutline_testbed.node.addresses import SLOTS, Addresses, node_numbers
from cutline_testbed.node.commands import attempt, run


def choose_slot(previous: int | None, taken: Collection[int], folder: Path) -> int:
    """The slot of before while nobody else has it, else the first free one."""
    candidates: list[int] = [*([previous] if previous else []), *SLOTS]
    for slot in candidates:
        owner = _owner(Addresses(slot).bridge)
        if slot not in taken and owner in (None, str(folder)):
            return slot
    raise TestbedError(f"all {len(SLOTS)} networks for real nodes are in use; `clean` a testbed that has some")


@dataclass(frozen=True, slots=True)
class HostNetwork:
    """It lives as long as the testbed is up; nodes come and go on it."""

    addresses: Addresses
    nodes: int
    folder: Path

    def up(self) -> None:
        bridge = self.addresses.bridge
        self.down()
        run("ip", "link", "add", "name", bridge, "type", "bridge")
        run("ip", "link", "set", "dev", bridge, "alias", str(self.folder))
        run("ip", "address", "add", f"{self.addresses.host}/24", "dev", bridge)
        run("ip", "link", "set", "dev", bridge, "up")
        # Services by way of the first node, pods by way of their own.
        self._route(self.addresses.services, 1)
        for number in node_numbers(self.nodes):
            self._route(self.addresses.pods_of(number), number)

    def down(self) -> None:
        """Fine if nothing is there. Addresses and routes go with the bridge."""
        bridge = self.addresses.bridge
        if _owner(bridge) == str(self.folder):
            run("ip", "link", "delete", "dev", bridge)

    def plug(self, number: int, pid: int) -> None:
        """A cable from the bridge into the network namespace of a process; there it is called node0."""
        wire = self.addresses.wire(number)
        # A node that was just killed gives its end up a moment later than its processes.
        attempt(("ip", "link", "delete", "dev", wire))
        peer = ("peer", "name", "node0", "netns", str(pid))
        run("ip", "link", "add", "name", wire, "type", "veth", *peer)
        run("ip", "link", "set", "dev", wire, "master", self.addresses.bridge, "up")

    def unplug(self, number: int) -> None:
        attempt(("ip", "link", "delete", "dev", self.addresses.wire(number)))

    def _route(self, to: str, number: int) -> None:
        run("ip", "route", "add", to, "via", self.addresses.node(number), "dev", self.addresses.bridge)


def _owner(bridge: str) -> str | None:
    """Which testbed's folder made it; None if there is no such interface, "" if somebody else's."""
    found = attempt(("ip", "-json", "link", "show", "dev", bridge))
    if found.returncode != 0:
        return None
    links = json.loads(found.stdout or "[]")
    return str(links[0].get("ifalias", "")) if links else None
