"""Addresses and names of testbeds with real nodes: none meets another's."""

import ipaddress
import itertools

import pytest

from cutline_testbed.errors import TestbedError
from cutline_testbed.node.addresses import MOST_NODES, SLOTS, Addresses, node_numbers

# The longest name that the kernel gives an interface.
LONGEST_INTERFACE = 15


def _networks(slot: int) -> list[ipaddress.IPv4Network]:
    addresses = Addresses(slot)
    wire = ipaddress.IPv4Network(f"{addresses.host}/24", strict=False)
    return [wire, ipaddress.IPv4Network(addresses.services), ipaddress.IPv4Network(addresses.pods)]


def test_no_two_networks_of_any_two_testbeds_overlap() -> None:
    everything = [network for slot in SLOTS for network in _networks(slot)]
    assert not [pair for pair in itertools.pairwise(sorted(everything)) if pair[0].overlaps(pair[1])]


@pytest.mark.parametrize("slot", [SLOTS.start, SLOTS.stop - 1])
def test_each_node_has_an_address_on_the_wire_and_pods_of_its_own(slot: int) -> None:
    addresses = Addresses(slot)
    wire, services, pods = _networks(slot)
    assert ipaddress.IPv4Address(addresses.first_service) == services.network_address + 1
    parts = [ipaddress.IPv4Network(addresses.pods_of(number)) for number in node_numbers(MOST_NODES)]
    assert list(ipaddress.collapse_addresses(parts)) == [pods]
    hosts = [addresses.host, *(addresses.node(number) for number in node_numbers(MOST_NODES))]
    assert len(set(hosts)) == len(hosts)
    assert all(ipaddress.IPv4Address(host) in wire for host in hosts)


def test_interface_names_are_as_short_as_the_kernel_wants_them() -> None:
    addresses = Addresses(SLOTS.stop - 1)
    names = [addresses.bridge, *(addresses.wire(number) for number in node_numbers(MOST_NODES))]
    assert max(map(len, names)) <= LONGEST_INTERFACE


@pytest.mark.parametrize("slot", [0, 100, 300])
def test_a_slot_outside_the_range_is_refused(slot: int) -> None:
    with pytest.raises(TestbedError, match="none of 1 to 99"):
        Addresses(slot)
