"""The simulated nodes: Node objects that kwok keeps alive and whose pods it plays.

It refuses to touch nodes that exist already: tests cordon, taint and delete them, and a second
`up` must not undo what they did.
"""

from __future__ import annotations

from typing import Any

from cutline_testbed.kube_api import KubeApi

CAPACITY = {"cpu": "8", "memory": "32Gi", "pods": "110", "ephemeral-storage": "100Gi"}
ZONES = ("zone-a", "zone-b", "zone-c")
SIMULATED_TAINT = "kwok.x-k8s.io/node"
NOT_READY_TAINT = "node.kubernetes.io/not-ready"


def node_names(count: int) -> list[str]:
    return [f"node-{number}" for number in range(1, count + 1)]


def node_manifest(number: int, *, beside_real_ones: bool = False) -> dict[str, Any]:
    """Beside real nodes it takes only pods that tolerate it: a pod that runs nowhere must not look as if it did."""
    name = f"node-{number}"
    taint = {"key": SIMULATED_TAINT, "value": "fake", "effect": "NoSchedule"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/zone": ZONES[(number - 1) % len(ZONES)],
                "type": "kwok",
            },
        },
        "spec": {"taints": [taint]} if beside_real_ones else {},
        "status": {
            "allocatable": CAPACITY,
            "capacity": CAPACITY,
            "addresses": [
                {"type": "InternalIP", "address": f"10.1.{number // 250}.{number % 250 + 1}"},
                {"type": "Hostname", "address": name},
            ],
        },
    }


def create_missing_nodes(api: KubeApi, count: int, *, beside_real_ones: bool = False) -> None:
    existing = {node["metadata"]["name"] for node in _list_nodes(api)}
    for number, name in enumerate(node_names(count), start=1):
        if name not in existing:
            api.create("/api/v1/nodes", node_manifest(number, beside_real_ones=beside_real_ones))


def nodes_ready(api: KubeApi) -> bool:
    """Every simulated node is Ready, and the scheduler may use it."""
    return all(_is_ready(node) for node in _list_nodes(api) if _is_simulated(node))


def _list_nodes(api: KubeApi) -> list[dict[str, Any]]:
    listing = api.get("/api/v1/nodes")
    return list(listing["items"]) if listing else []


def _is_simulated(node: dict[str, Any]) -> bool:
    annotations = node["metadata"].get("annotations") or {}
    return annotations.get("kwok.x-k8s.io/node") == "fake" and "deletionTimestamp" not in node["metadata"]


def _is_ready(node: dict[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions") or []
    ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)
    taints = node.get("spec", {}).get("taints") or []
    return ready and all(taint["key"] != NOT_READY_TAINT for taint in taints)
