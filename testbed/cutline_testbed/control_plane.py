"""Starts, probes and stops the control plane's programs in the right order.

It refuses to know about identities and objects inside the cluster; see testbed.py for those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cutline_testbed import components
from cutline_testbed.components import CommandLines
from cutline_testbed.kube_api import KubeApi
from cutline_testbed.layout import Layout
from cutline_testbed.probes import http_ok, https_ok
from cutline_testbed.processes import ManagedProcess
from cutline_testbed.state import State
from cutline_testbed.toolchain import Toolchain
from cutline_testbed.waiting import wait_until

READY_WITHIN_S = 90.0


@dataclass(frozen=True, slots=True)
class ControlPlane:
    layout: Layout
    state: State
    # A function: looking at a testbed must not make the programs be built.
    toolchain: Callable[[], Toolchain]
    # The admin's client to one API server, by that server's name.
    connect: Callable[[str], KubeApi]

    def process(self, component: str) -> ManagedProcess:
        return self.layout.process(component)

    def launch(self, component: str) -> None:
        """Start a program without awaiting it, unless it is running already."""
        process = self.process(component)
        if process.pid() is None:
            lines = CommandLines(
                self.layout, self.toolchain(), self.state.options, self.state.ports, self.state.addresses
            )
            process.start(lines.of(component), lines.environment(component))

    def await_ready(self, component: str) -> None:
        process = self.process(component)
        wait_until(lambda: self.is_ready(component), f"{component} was ready", READY_WITHIN_S, process)

    def start(self, component: str) -> None:
        self.launch(component)
        self.await_ready(component)

    def stop(self, component: str) -> None:
        self.process(component).stop()

    def relaunch_crashed(self) -> None:
        """Start again what ended unasked: a controller manager gives up without an API server.

        What was stopped on purpose has no pid file any more and stays stopped.
        """
        for component in components.start_order(self.state.options):
            process = self.process(component)
            if process.pid_file.exists() and process.pid() is None:
                self.start(component)

    def is_ready(self, component: str) -> bool:
        if self.process(component).pid() is None:
            return False
        if component in components.api_servers(self.state.options):
            return self.connect(component).ready()
        port = self.state.ports[component]
        if component == components.ETCD:
            return http_ok(port, "/readyz")
        if component == components.KWOK:
            return http_ok(port, "/healthz")
        return https_ok(port, "/healthz")

    def all_ready(self) -> bool:
        return all(self.is_ready(name) for name in components.start_order(self.state.options))
