"""The programs of a real node, each set built when it is first needed.

It refuses to include what Debian provides (runc, the network plugins); see requirements.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from cutline_testbed import programs
from cutline_testbed.report import Report
from cutline_testbed.toolchain import Toolchain, ensure_programs


@dataclass(frozen=True, slots=True)
class NodeTools:
    kubernetes: Toolchain
    containerd: Toolchain
    coredns: Toolchain


def ensure_tools(report: Report) -> NodeTools:
    return NodeTools(
        kubernetes=ensure_programs(programs.NODE, report),
        containerd=ensure_programs(programs.CONTAINERD, report),
        coredns=ensure_programs(programs.COREDNS, report),
    )
