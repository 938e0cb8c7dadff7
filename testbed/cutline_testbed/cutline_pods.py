"""Cutline in the cluster it guards: pods of the chart on real nodes, as its users run it.

It refuses to help itself past the chart: what stands is what `helm install` made with these values.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cutline_testbed import components
from cutline_testbed.gate import NAMESPACE, STANDS, STANDS_WITHIN_S, gate_stands
from cutline_testbed.testbed import Testbed
from cutline_testbed.waiting import wait_until

READY_WITHIN_S = 120.0
DEPLOYMENTS = {
    name: f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}"
    for name in (components.WEBHOOK, components.OPERATOR)
}


@dataclass(frozen=True, slots=True)
class CutlinePods:
    """Await them and read what they logged; nodes and kubectl do the rest."""

    testbed: Testbed

    def running(self) -> bool:
        """Every replica is ready and the gate stands."""
        return all(self.rolled_out(name) for name in DEPLOYMENTS) and gate_stands(self.testbed.api())

    def rolled_out(self, name: str) -> bool:
        """The Deployment has all its replicas, all current, all available."""
        found = self.testbed.api().get(DEPLOYMENTS[name])
        return found is not None and is_rolled_out(found)

    def await_ready(self) -> None:
        for name in DEPLOYMENTS:
            wait_until(partial(self.rolled_out, name), f"{name} was available", READY_WITHIN_S, poll_s=0.2)
        wait_until(lambda: gate_stands(self.testbed.api()), STANDS, STANDS_WITHIN_S, poll_s=0.2)

    def logs(self, component: str) -> str:
        """What every pod of a component has logged, restarts before the last left out."""
        selector = f"app.kubernetes.io/component={component.removeprefix('cutline-')}"
        done = self.testbed.run_kubectl("admin", "logs", "-n", NAMESPACE, "-l", selector, "--tail=-1")
        return done.stdout


def is_rolled_out(deployment: dict[str, Any]) -> bool:
    status, wanted = deployment.get("status", {}), deployment["spec"]["replicas"]
    current = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    counts = (status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas"))
    return current and all(count == wanted for count in counts)


def image_annotations(archives: dict[str, Path]) -> dict[str, Any]:
    """Values that make a Deployment roll when its image was built anew under the same tag."""
    return {name: {"podAnnotations": {"cutline.dev/image": path.parent.name}} for name, path in archives.items()}
