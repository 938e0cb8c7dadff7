"""Cutline's replicas as pods of real nodes: measured through their own probes, struck through their processes.

It refuses to ask Kubernetes whether a replica is alive. What Kubernetes believes is read only to know where
there should be one, and where the Service leads.
"""

import os
import signal
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.cluster import SYSTEM, Cluster
from tests.node.callers import Caller, Request
from tests.node.lifelines import PROBE_S, Sight, health
from tests.node.tally import Kind
from tests.node.vantage import vantages

METRICS_PORT = 9090
_PODS = f"/api/v1/namespaces/{SYSTEM}/pods?labelSelector=app.kubernetes.io%2Fcomponent%3Dwebhook"
_SLICES = (
    f"/apis/discovery.k8s.io/v1/namespaces/{SYSTEM}/endpointslices"
    "?labelSelector=kubernetes.io%2Fservice-name%3Dcutline-webhook"
)


class PodReplicas:
    """Looks at the webhook's pods; while the API server is away, at those of before."""

    def __init__(self, cluster: Cluster) -> None:
        kubeconfig = cluster.testbed.kubeconfig("admin")
        self._reader = Caller(kubeconfig, timeout=PROBE_S)
        self._vantages = vantages(cluster.testbed, kubeconfig)
        self._probes = ThreadPoolExecutor(8, "probe")
        self._hosts: set[str] = set()
        self._led_to: set[str] = set()
        self._sight = Sight()

    def look(self) -> tuple[int, int]:
        """How many replicas answer that they are ready, and how many others requests may still be led to."""
        pods, slices = self._list(_PODS), self._list(_SLICES)
        if pods is not None and slices is not None:
            self._hosts = {pod["status"]["podIP"] for pod in pods if pod.get("status", {}).get("podIP")}
            self._led_to = {address for entry in slices for address in _addresses(entry)}
        known = sorted(self._hosts | self._led_to)
        found = dict(zip(known, self._probes.map(lambda host: health(host, METRICS_PORT), known), strict=True))
        return self._sight.look(found, self._led_to)

    def reach_api(self) -> bool:
        """From every node that is running: a proxy may know of the API server later than we do."""
        return self._reader.reaches_all() and all(vantage.reaches_api() for vantage in self._vantages)

    def close(self) -> None:
        self._reader.close()
        for vantage in self._vantages:
            vantage.close()
        self._probes.shutdown()

    def _list(self, path: str) -> list[dict[str, Any]] | None:
        answer = self._reader.read(Request(Kind.FREE, "GET", path))
        return answer.body["items"] if answer is not None and answer.passed else None


def _addresses(entry: dict[str, Any]) -> Iterable[str]:
    for endpoint in entry.get("endpoints") or []:
        if endpoint["conditions"].get("ready"):
            yield from endpoint["addresses"]


@dataclass(frozen=True, slots=True)
class Containers:
    """The processes of Cutline's containers, as this machine sees them."""

    cluster: Cluster

    def running(self, component: str) -> dict[str, int]:
        """By pod: the pid of the component's process 1, as long as it lives."""
        return {pod["metadata"]["name"]: pid for pod, pid in self._found(component)}

    def nodes(self, component: str) -> list[str]:
        """The nodes that these pods run on, one entry for each pod."""
        return sorted(str(pod["spec"]["nodeName"]) for pod, _ in self._found(component))

    def strike(self, component: str, number: signal.Signals, count: int = 99) -> list[str]:
        """Signal the processes of so many pods; answers which."""
        struck = list(self.running(component).items())[:count]
        for _, pid in struck:
            os.kill(pid, number)
        return [name for name, _ in struck]

    def _found(self, component: str) -> list[tuple[dict[str, Any], int]]:
        """Each pod whose process lives, with its pid.

        Those on their way out do not count: a rollout is over before they are gone.
        """
        pods = self.cluster.items("pods", "-n", SYSTEM, "-l", f"app.kubernetes.io/component={component}")
        staying = {pod["metadata"]["uid"]: pod for pod in pods if "deletionTimestamp" not in pod["metadata"]}
        found = {}
        for pid in _pids_of(f"cutline_{component}"):
            uid = next((uid for uid in staying if uid in _cgroup(pid)), None)
            if uid is not None:
                found[uid] = pid
        return [(staying[uid], pid) for uid, pid in found.items()]


def _pids_of(module: str) -> list[int]:
    """Processes that run a Python module of this name as their program."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in pids if module in _words(pid)]


def _words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _cgroup(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return ""
