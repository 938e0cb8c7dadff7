"""What this machine must offer for a real node, and what of it is missing: one line each.

Each part of the kernel is tried in namespaces that end with the trial. It refuses to change the
machine; installing packages is debian.py's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from cutline_testbed.debian import ensure_packages, missing_packages
from cutline_testbed.errors import TestbedError
from cutline_testbed.node import cgroups
from cutline_testbed.node.commands import succeeds
from cutline_testbed.node.configs import CNI_PLUGINS
from cutline_testbed.privileges import missing_privileges
from cutline_testbed.report import Report

# Program -> the Debian package it is in.
PROGRAMS = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
    "hostname": "hostname",
    "ip": "iproute2",
    "nft": "nftables",
    "runc": "runc",
}
CNI_PACKAGE = "containernetworking-plugins"
# What is tried in throw-away namespaces, and what to say if it fails.
_TRIALS = (
    (("true",), "namespaces (mount, net, pid, ipc, uts) cannot be made here"),
    (("ip", "link", "add", "name", "trial0", "type", "bridge"), "the kernel has no bridges (module bridge)"),
    (
        ("ip", "link", "add", "name", "trial0", "type", "veth", "peer", "name", "trial1"),
        "the kernel has no veth pairs (module veth)",
    ),
    (("nft", "add", "table", "ip", "trial"), "the kernel has no nf_tables (module nf_tables)"),
)
_OVERLAY = "the kernel has no overlay file system (module overlay)"


def ensure_requirements(report: Report) -> None:
    """Return if a real node can run here, after installing packages that are missing."""
    reason = _missing_privileges()
    if reason:
        raise TestbedError(_said([reason]))
    packages = needed_packages()
    if packages:
        ensure_packages(packages, report)
    kernel = missing_kernel_parts()
    if kernel:
        raise TestbedError(_said(kernel))


def missing() -> list[str]:
    """All that stands against a real node here and that we could not install ourselves."""
    reason = _missing_privileges()
    if reason:
        return [reason]
    packages = missing_packages(needed_packages())
    if packages:
        # Without them the kernel cannot be tried; they can be installed only where there is apt-get.
        return [] if shutil.which("apt-get") else [f"the package {name} is not installed" for name in packages]
    return missing_kernel_parts()


def _missing_privileges() -> str | None:
    return missing_privileges("a real node", "makes namespaces, control groups and network interfaces")


def needed_packages() -> list[str]:
    """Debian packages of the programs that are not here."""
    wanted = {package for program, package in PROGRAMS.items() if _which(program) is None}
    if not (Path(CNI_PLUGINS) / "ptp").is_file():
        wanted.add(CNI_PACKAGE)
    return sorted(wanted)


def missing_kernel_parts() -> list[str]:
    found = [message for command, message in _TRIALS if not _works(*command)]
    if not _offers_overlay():
        found.append(_OVERLAY)
    controllers = cgroups.missing_controllers()
    if controllers:
        found.append(f"the kernel offers no control groups for {', '.join(controllers)} in {cgroups.ROOT}")
    return found


def runc() -> Path:
    found = _which("runc")
    if found is None:
        raise TestbedError("runc is missing: install it (Debian: apt-get install runc)")
    return Path(found)


def _works(*command: str) -> bool:
    return succeeds("unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--mount-proc", *command)


def _offers_overlay() -> bool:
    def listed() -> bool:
        return any(line.split()[-1] == "overlay" for line in Path("/proc/filesystems").read_text().splitlines())

    if not listed() and shutil.which("modprobe"):
        subprocess.run(["modprobe", "overlay"], capture_output=True, check=False)
    return listed()


def _which(program: str) -> str | None:
    """Root's programs count too, whoever's PATH we were given."""
    return shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]))


def _said(lines: list[str]) -> str:
    return "a real node cannot run here:\n" + "\n".join(f"  {line}" for line in lines)
