"""A machine that cannot run a real node is told why, one line for each thing."""

import os
import sys

import pytest

from cutline_testbed import debian
from cutline_testbed.errors import TestbedError
from cutline_testbed.node import requirements
from cutline_testbed.report import Report


def test_without_root_nothing_else_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "platform", "linux")
    assert requirements.missing() == [
        "a real node needs root: it makes namespaces, control groups and network interfaces"
    ]
    with pytest.raises(TestbedError, match="needs root"):
        requirements.ensure_requirements(Report())


def test_another_system_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert requirements.missing() == ["a real node needs Linux; this is darwin"]


def test_what_the_kernel_lacks_is_said_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "_works", lambda *command: "veth" not in command and "nft" not in command)
    monkeypatch.setattr(requirements, "_offers_overlay", lambda: False)
    monkeypatch.setattr("cutline_testbed.node.cgroups.missing_controllers", lambda: ["pids"])
    said = requirements.missing_kernel_parts()
    assert [line.split(" (")[0] for line in said[:3]] == [
        "the kernel has no veth pairs",
        "the kernel has no nf_tables",
        "the kernel has no overlay file system",
    ]
    assert "control groups for pids" in said[3]


def test_packages_that_cannot_be_installed_are_named_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "missing_packages", lambda names: list(names))
    monkeypatch.setattr(debian, "can_install", lambda: False)
    with pytest.raises(TestbedError) as raised:
        debian.ensure_packages(("runc", "nftables"), Report())
    lines = str(raised.value).splitlines()
    assert [line.split()[2] for line in lines] == ["runc", "nftables"]
    assert all("apt-get install" in line for line in lines)
