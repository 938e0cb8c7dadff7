"""Ports: kept while they are free, never shared."""

import socket

import pytest

from cutline_testbed.errors import TestbedError
from cutline_testbed.ports import HIGHEST, HOST, LOWEST, choose_ports, is_free


def test_previous_ports_are_kept_while_free() -> None:
    assert choose_ports(["a", "b"], {"a": 20001, "b": 20002}, set(), lambda port: True) == {"a": 20001, "b": 20002}


def test_a_port_that_is_in_use_is_replaced() -> None:
    chosen = choose_ports(["a"], {"a": 20001}, set(), lambda port: port != 20001)
    assert chosen["a"] != 20001
    assert LOWEST <= chosen["a"] <= HIGHEST


def test_ports_of_other_testbeds_are_left_to_them() -> None:
    assert choose_ports(["a"], {"a": 20001}, {20001}, lambda port: True)["a"] != 20001


def test_no_two_names_share_a_port() -> None:
    names = [f"port-{number}" for number in range(50)]
    chosen = choose_ports(names, dict.fromkeys(names, 20001), set(), lambda port: True)
    assert len(set(chosen.values())) == len(names)


def test_says_so_when_there_is_none() -> None:
    with pytest.raises(TestbedError, match="no free TCP port"):
        choose_ports(["a"], {}, set(), lambda port: False)


def test_a_listening_port_is_not_free() -> None:
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.listen()
        port = server.getsockname()[1]
        assert not is_free(port)
