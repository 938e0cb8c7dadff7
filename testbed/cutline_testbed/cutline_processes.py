"""Cutline's webhook and operator as processes of this machine, outside the cluster they guard.

It refuses to import them: they are started the way anybody would, with `python -m`, as their own
service accounts.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from cutline_testbed import components
from cutline_testbed.gate import STANDS, STANDS_WITHIN_S, gate_stands
from cutline_testbed.layout import Layout
from cutline_testbed.ports import HOST
from cutline_testbed.probes import http_ok
from cutline_testbed.processes import ManagedProcess
from cutline_testbed.testbed import Testbed
from cutline_testbed.waiting import wait_until

READY_WITHIN_S = 60.0


def config_file(layout: Layout) -> Path:
    return layout.cutline / "config.yaml"


def account_kubeconfig(layout: Layout, component: str) -> Path:
    """Named like the service account, which is named like the component."""
    return layout.cutline / f"{component}.kubeconfig"


@dataclass(frozen=True, slots=True)
class CutlineProcesses:
    """Start, stop and restart either of the two; tests kill them too."""

    testbed: Testbed

    @property
    def webhook(self) -> ManagedProcess:
        return self.testbed.layout.process(components.WEBHOOK)

    @property
    def operator(self) -> ManagedProcess:
        return self.testbed.layout.process(components.OPERATOR)

    def start_webhook(self) -> None:
        """Await that it is ready to decide."""
        ports = self.testbed.state.ports
        arguments = ["--listen", f"{HOST}:{ports['webhook']}", "--metrics-listen", f"{HOST}:{ports['webhook-metrics']}"]
        self._start(self.webhook, "cutline_webhook", arguments)
        # It serves with a certificate that the operator issues, so the reason may be over there.
        involved = [self.webhook, *([self.operator] if self.operator.pid() is not None else [])]
        wait_until(self.webhook_ready, "the webhook was ready", READY_WITHIN_S, *involved)

    def start_operator(self) -> None:
        arguments = ["--metrics-listen", f"{HOST}:{self.testbed.state.ports['operator-metrics']}"]
        self._start(self.operator, "cutline_operator", arguments)

    def stop_webhook(self) -> None:
        self.webhook.stop()

    def stop_operator(self) -> None:
        self.operator.stop()

    def restart_webhook(self) -> None:
        self.stop_webhook()
        self.start_webhook()

    def restart_operator(self) -> None:
        self.stop_operator()
        self.start_operator()

    def webhook_ready(self) -> bool:
        return http_ok(self.testbed.state.ports["webhook-metrics"], "/readyz")

    def await_gate(self) -> None:
        """Await that the API server has been told to ask the webhook, and the starter policy."""
        involved = (self.webhook, self.operator)
        wait_until(lambda: gate_stands(self.testbed.api()), STANDS, STANDS_WITHIN_S, *involved, poll_s=0.2)

    def running(self) -> bool:
        """Both live, the webhook is ready and the gate stands."""
        alive = self.webhook.pid() is not None and self.operator.pid() is not None
        return alive and self.webhook_ready() and gate_stands(self.testbed.api())

    def _start(self, process: ManagedProcess, module: str, arguments: list[str]) -> None:
        if process.pid() is not None:
            return
        layout = self.testbed.layout
        environment = {**os.environ, "KUBECONFIG": str(account_kubeconfig(layout, process.name))}
        argv = [sys.executable, "-m", module, "--config", str(config_file(layout)), *arguments]
        process.start(argv, environment)
