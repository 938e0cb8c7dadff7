"""A node's control groups are made where the machine's version wants them, and all of them go."""

from pathlib import Path

import pytest

from cutline_testbed.errors import TestbedError
from cutline_testbed.node import cgroups


def _v1(root: Path) -> None:
    for name in ("cpu", "cpuset", "memory", "pids", "systemd", "unified"):
        (root / name).mkdir()
    (root / "cpuset" / "cpuset.cpus").write_text("0-1\n")
    (root / "cpuset" / "cpuset.mems").write_text("0\n")


def _v2(root: Path, offered: str = "cpuset cpu io memory pids") -> None:
    (root / "cgroup.controllers").write_text(f"{offered}\n")
    (root / "cgroup.subtree_control").write_text("")


def test_in_the_older_version_every_hierarchy_gets_the_group(tmp_path: Path) -> None:
    _v1(tmp_path)
    cgroups.create("node", tmp_path)
    made = {path.parent.name for path in tmp_path.glob("*/node")}
    assert made == {"cpu", "cpuset", "memory", "pids", "systemd"}
    assert (tmp_path / "cpuset" / "node" / "cpuset.cpus").read_text() == "0-1\n"


def test_in_the_newer_version_there_is_one_group_and_its_controllers_are_on(tmp_path: Path) -> None:
    _v2(tmp_path)
    cgroups.create("node", tmp_path)
    assert (tmp_path / "node").is_dir()
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +cpuset +memory +pids"


@pytest.mark.parametrize("version", [_v1, _v2])
def test_removing_takes_what_runtimes_made_below_too_and_nothing_else(
    tmp_path: Path, version: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(version)
    version(tmp_path)
    tops = [tmp_path] if cgroups.is_v2(tmp_path) else [path for path in tmp_path.iterdir() if path.is_dir()]
    for top in tops:
        (top / "node" / "kubepods" / "pod1").mkdir(parents=True)
        (top / "neighbour").mkdir()
    cgroups.remove("node", tmp_path)
    assert not list(tmp_path.rglob("node"))
    assert len(list(tmp_path.rglob("neighbour"))) == len(tops)


def test_a_group_that_is_busy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "REMOVED_WITHIN_S", 0.0)
    _v2(tmp_path)
    (tmp_path / "node" / "pod").mkdir(parents=True)
    # A file keeps a folder from going, as a process keeps a group.
    (tmp_path / "node" / "pod" / "process").touch()
    with pytest.raises(TestbedError, match="node"):
        cgroups.remove("node", tmp_path)


def test_a_controller_that_the_machine_does_not_offer_is_named(tmp_path: Path) -> None:
    _v2(tmp_path, "cpu memory")
    assert cgroups.missing_controllers(tmp_path) == ["cpuset", "pids"]
