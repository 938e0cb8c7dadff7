"""The control groups under which a real node's pods run, in either version of the kernel's interface.

It refuses to touch any group but the node's own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from cutline_testbed.errors import TestbedError

ROOT = Path("/sys/fs/cgroup")
# What the kubelet wants to set for pods.
CONTROLLERS = ("cpu", "cpuset", "memory", "pids")
# In a v1 machine's tree this one mount is v2, without controllers. Runtimes make their groups there all the same.
UNIFIED = "unified"
REMOVED_WITHIN_S = 15.0
POLL_S = 0.1


def is_v2(root: Path = ROOT) -> bool:
    return (root / "cgroup.controllers").is_file()


def missing_controllers(root: Path = ROOT) -> list[str]:
    """Controllers that the kubelet needs and this machine does not offer."""
    if is_v2(root):
        offered = (root / "cgroup.controllers").read_text().split()
    else:
        offered = [path.name for path in root.iterdir()] if root.is_dir() else []
    return [name for name in CONTROLLERS if name not in offered]


def create(name: str, root: Path = ROOT) -> None:
    """Make the group, in every hierarchy."""
    if is_v2(root):
        (root / "cgroup.subtree_control").write_text(" ".join(f"+{controller}" for controller in CONTROLLERS))
        (root / name).mkdir(exist_ok=True)
        return
    for hierarchy in _hierarchies(root):
        if hierarchy.name != UNIFIED:
            (hierarchy / name).mkdir(exist_ok=True)
    # A new group of this hierarchy has no processors and no memory, and takes no process until it has.
    for file in ("cpuset.cpus", "cpuset.mems"):
        (root / "cpuset" / name / file).write_text((root / "cpuset" / file).read_text())


def remove(name: str, root: Path = ROOT) -> None:
    """Remove it with all below it; its processes have ended, but the kernel takes a moment to say so."""
    deadline = time.monotonic() + REMOVED_WITHIN_S
    while left := [path for path in _groups(name, root) if not _removed(path)]:
        if time.monotonic() > deadline:
            raise TestbedError(f"the control group {left[-1]} cannot be removed: processes run in it still")
        time.sleep(POLL_S)


def _hierarchies(root: Path) -> Iterator[Path]:
    for path in sorted(root.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield path


def _groups(name: str, root: Path) -> list[Path]:
    """Deepest first, as they have to go."""
    tops = [root / name] if is_v2(root) else [hierarchy / name for hierarchy in _hierarchies(root)]
    found = [path for top in tops if top.is_dir() for path in (top, *top.rglob("*/")) if path.is_dir()]
    return sorted(found, key=lambda path: len(path.parts), reverse=True)


def _removed(path: Path) -> bool:
    try:
        path.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
