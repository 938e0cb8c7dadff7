"""Process 1 of a real node: furnishes the node's namespaces, then reaps orphans until it is told to end.

When it ends the kernel ends everything else in the node. It is run by `unshare` with the namespaces
already new and refuses to do anything outside them. Standard library only.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

CABLE_WITHIN_S = 20.0
POLL_S = 0.02
# The kubelet sets these for the whole machine. Here it finds files that already say so.
MACHINE_WIDE = {"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1"}


def main(document: str) -> None:
    plan = json.loads(document)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    _mounts(Path(plan["folder"]))
    _run("hostname", plan["name"])
    _network(plan)
    # Only now: until here our own commands are waited for where they are run.
    signal.signal(signal.SIGCHLD, _reap_orphans)
    Path(plan["ready"]).write_text("ready\n")
    while True:
        signal.pause()


def _mounts(folder: Path) -> None:
    """Writable copies of what the node's programs write to; everything else stays the machine's."""
    # What a container mounts for its pod has to be seen by the kubelet, and the other way round.
    _run("mount", "--make-rshared", "/")
    for name in ("var", "var.work", "containerd", "kubelet"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    # Opened before /var is covered: the checkout may lie below it.
    containerd, kubelet = (os.open(folder / name, os.O_PATH | os.O_DIRECTORY) for name in ("containerd", "kubelet"))
    layers = f"lowerdir=/var,upperdir={folder / 'var'},workdir={folder / 'var.work'}"
    _run("mount", "-t", "overlay", "-o", layers, "overlay", "/var")
    # containerd's own overlays cannot lie on an overlay.
    for name, descriptor in (("containerd", containerd), ("kubelet", kubelet)):
        Path(f"/var/lib/{name}").mkdir(parents=True, exist_ok=True)
        _run("mount", "--bind", f"/proc/{os.getpid()}/fd/{descriptor}", f"/var/lib/{name}")
        os.close(descriptor)
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for name, value in MACHINE_WIDE.items():
        fake = Path("/run") / f"sysctl-{name.replace('/', '-')}"
        fake.write_text(f"{value}\n")
        _run("mount", "--bind", str(fake), f"/proc/sys/{name}")
    resolver = Path("/run/resolv.conf")
    resolver.write_text("nameserver 127.0.0.1\n")


def _network(plan: dict[str, Any]) -> None:
    _run("ip", "link", "set", "dev", "lo", "up")
    deadline = time.monotonic() + CABLE_WITHIN_S
    while not _has_cable():
        if time.monotonic() > deadline:
            raise SystemExit("no cable was plugged in")
        time.sleep(POLL_S)
    _run("ip", "address", "add", f"{plan['address']}/24", "dev", "node0")
    _run("ip", "link", "set", "dev", "node0", "up")
    _run("ip", "route", "add", "default", "via", plan["gateway"])
    for to, via in plan["routes"]:
        _run("ip", "route", "add", to, "via", via)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _has_cable() -> bool:
    # Not by /sys: it still shows the machine's interfaces.
    return subprocess.run(["ip", "link", "show", "dev", "node0"], capture_output=True, check=False).returncode == 0


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"`{' '.join(argv)}` failed: {done.stderr.strip()}")


def _reap_orphans(signum: int, frame: FrameType | None) -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        return


def _end(signum: int, frame: FrameType | None) -> None:
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
