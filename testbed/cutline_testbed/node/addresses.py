"""Which addresses and names a testbed with real nodes uses. Pure.

Everything follows from one number, the slot, so that several such testbeds stand side by side on
one machine without meeting. It refuses to look whether an address is free; see host_network.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from cutline_testbed.errors import TestbedError

SLOTS = range(1, 100)
MOST_NODES = 2


@dataclass(frozen=True, slots=True)
class Addresses:
    """10.99.SLOT.0/24 joins the machine and its nodes, 10.97.SLOT.0/24 is for Services."""

    slot: int

    def __post_init__(self) -> None:
        if self.slot not in SLOTS:
            raise TestbedError(f"network slot {self.slot} is none of {SLOTS.start} to {SLOTS.stop - 1}")

    @property
    def bridge(self) -> str:
        """The machine's end of the wire to its nodes; interface names have 15 characters at most."""
        return f"cutline{self.slot}"

    @property
    def host(self) -> str:
        """Where the API server listens, so that pods reach it too."""
        return f"10.99.{self.slot}.254"

    @property
    def services(self) -> str:
        return f"10.97.{self.slot}.0/24"

    @property
    def first_service(self) -> str:
        """The `kubernetes` Service: the API server takes the first address of its range."""
        return f"10.97.{self.slot}.1"

    @property
    def pods(self) -> str:
        """All nodes' pods."""
        return f"10.98.{2 * self.slot}.0/23"

    def node(self, number: int) -> str:
        return f"10.99.{self.slot}.{number}"

    def pods_of(self, number: int) -> str:
        return f"10.98.{2 * self.slot + number - 1}.0/24"

    def wire(self, number: int) -> str:
        """The machine's end of one node's cable."""
        return f"cutline{self.slot}n{number}"

    def cgroup(self, number: int) -> str:
        """The top-level control group that holds all of one node's pods."""
        return f"cutline-{self.slot}-{number}"


def node_name(number: int) -> str:
    return f"real-{number}"


def node_numbers(count: int) -> range:
    return range(1, count + 1)
