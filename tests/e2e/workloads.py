"""Pods and workloads of one container that end at once, and a namespace for what outlives a single test."""

from typing import Any

from tests.e2e.cluster import Cluster
from tests.e2e.waiting import await_true


def pod(name: str, namespace: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": pod_spec(**spec),
    }


def pod_spec(**spec: Any) -> dict[str, Any]:
    return {"containers": [{"name": "shop", "image": "shop:v1"}], "terminationGracePeriodSeconds": 1, **spec}


def workload(kind: str, namespace: str, *, name: str = "checkout", **spec: Any) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod_spec()}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }


def await_workload(cluster: Cluster, namespace: str, kind: str, name: str) -> None:
    """Wait until it is as it was asked for; its controller then has no status left to write."""
    if kind != "ReplicaSet":
        cluster.rolled_out(namespace, f"{kind.lower()}/{name}")
        return

    def is_ready() -> bool:
        stored = cluster.get(kind, name, namespace)
        return bool(stored["status"].get("readyReplicas", 0) == stored["spec"]["replicas"])

    await_true(is_ready, f"the pods of {kind} {name} were ready")


def is_running(cluster: Cluster, name: str, namespace: str) -> bool:
    return bool(cluster.get("pod", name, namespace).get("status", {}).get("phase") == "Running")


def standing_namespace(cluster: Cluster) -> str:
    """A gated namespace that outlives a single test."""
    name = cluster.namespace()
    cluster.namespaces.remove(name)
    return name
