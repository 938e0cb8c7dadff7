"""A real node is a guest on this machine: whatever ends it, nothing of it stays."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cutline_testbed import Options, Testbed
from cutline_testbed.node.addresses import Addresses, node_numbers
from tests.testbed.commands import started

pytestmark = pytest.mark.node

NODES = 2
SECONDS = 120.0
NAMESPACES = ("mnt", "net", "pid", "ipc", "uts")


@pytest.fixture
def testbed() -> Iterator[Testbed]:
    found = Testbed("guest")
    found.clean()
    yield found
    found.clean()


def _namespaces(testbed: Testbed) -> set[str]:
    """Of the nodes that run now."""
    nodes = testbed.real_nodes
    assert nodes is not None
    pids = [node.box.pid() for node in nodes.nodes]
    return {os.readlink(f"/proc/{pid}/ns/{kind}") for pid in pids if pid for kind in NAMESPACES}


def _nodes(testbed: Testbed) -> dict[str, list[str]]:
    """All nodes, with the keys of their taints: what runs nowhere must not look as if it did."""
    listed = testbed.api().get("/api/v1/nodes") or {"items": []}
    return {n["metadata"]["name"]: [t["key"] for t in n["spec"].get("taints") or ()] for n in listed["items"]}


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True).stdout


def _left(testbed: Testbed, addresses: Addresses, rules: str, namespaces: set[str]) -> list[str]:
    """Everything in this machine that can only be the nodes'."""
    found = [f"link {line}" for line in _ip("-brief", "link").splitlines() if line.startswith(addresses.bridge)]
    parts = [addresses.services, addresses.host, *(addresses.pods_of(n) for n in node_numbers(NODES))]
    found += [f"route {line}" for line in _ip("route").splitlines() if any(part in line for part in parts)]
    found += [f"address {line}" for line in _ip("-brief", "address").splitlines() if addresses.host in line]
    groups = [addresses.cgroup(number) for number in node_numbers(NODES)]
    found += [f"control group {path}" for name in groups for path in Path("/sys/fs/cgroup").rglob(name)]
    folder = str(testbed.layout.folder)
    found += [f"mount {line}" for line in Path("/proc/mounts").read_text().splitlines() if folder in line]
    if _rules() != rules:
        found.append("packet filter rules")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            inside = {os.readlink(process / "ns" / kind) for kind in NAMESPACES} & namespaces
        except OSError:
            continue
        if inside or f"{folder}/" in command:
            found.append(f"process {process.name} {command}")
    return found


def _rules() -> str:
    return subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout


def _await(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


def test_down_leaves_nothing_and_up_finds_its_data_again(testbed: Testbed) -> None:
    rules = _rules()
    testbed.start(Options(nodes=1, real_nodes=NODES))
    assert _nodes(testbed) == {"node-1": ["kwok.x-k8s.io/node"], "real-1": [], "real-2": []}
    addresses, namespaces = testbed.state.addresses, _namespaces(testbed)
    assert addresses is not None
    assert len(namespaces) == NODES * len(NAMESPACES)
    # The look itself works: while the nodes run, each kind of trace is there.
    kinds = {line.split()[0] for line in _left(testbed, addresses, rules, namespaces)}
    assert kinds == {"link", "route", "address", "control", "process"}
    testbed.run_kubectl("admin", "create", "namespace", "kept")
    testbed.stop()
    assert _left(testbed, addresses, rules, namespaces) == []

    testbed.start()
    assert testbed.run_kubectl("admin", "get", "namespace", "kept").returncode == 0
    namespaces = _namespaces(testbed)
    testbed.clean()
    assert _left(testbed, addresses, rules, namespaces) == []
    assert not testbed.layout.folder.exists()


@pytest.mark.parametrize("moment", ["real-2", "containerd-real-1", "kubelet-real-1"])
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_a_start_that_is_cut_short_leaves_nothing(testbed: Testbed, moment: str, ending: signal.Signals) -> None:
    """Ctrl-C cleans up at once; after a crash, `down` does."""
    rules = _rules()
    up = started(testbed.name, "up", "--bare", "--real-nodes", str(NODES), "--nodes", "0")
    try:
        process = testbed.layout.process(moment)
        _await(process.pid_file.exists, f"{moment} was started")
        addresses, namespaces = testbed.state.addresses, _namespaces(testbed)
    finally:
        up.send_signal(ending)
        output = up.communicate(timeout=SECONDS)[0]
    assert addresses is not None
    if ending is signal.SIGKILL:
        assert _left(testbed, addresses, rules, namespaces), "nothing was running yet: the test proves nothing"
        down = started(testbed.name, "down")
        output = down.communicate(timeout=SECONDS)[0]
        assert down.returncode == 0, output
    assert _left(testbed, addresses, rules, namespaces) == [], output
