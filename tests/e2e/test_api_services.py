"""APIServices: who serves Cutline's kinds, and those of Kubernetes itself, nobody but the API server says.

The server that an APIService names answers every request of its group: it could hold sign-offs that nobody gave.
"""

from typing import Any

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.etcd import Etcd
from tests.e2e.login import MERGE
from tests.e2e.waiting import await_true

pytestmark = pytest.mark.e2e

SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
OURS = "v1alpha1.cutline.dev"
REASON = "written by the API server alone"
AUTOMANAGED = "kube-aggregator.kubernetes.io/automanaged"
ELSEWHERE = {"service": {"namespace": "mine", "name": "fake"}, "insecureSkipTLSVerify": True}


@pytest.fixture
def registrar(cluster: Cluster) -> str:
    """Somebody who may write APIServices, and nothing else."""
    name = cluster.newcomer("registrar")
    verbs = ["get", "list", "create", "update", "patch", "delete", "deletecollection"]
    resources = ["apiservices", "apiservices/status"]
    rule = {"apiGroups": ["apiregistration.k8s.io"], "resources": resources, "verbs": verbs}
    group = "rbac.authorization.k8s.io"
    metadata = {"name": "e2e-registrar"}
    cluster.apply(
        "admin",
        {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": [rule]},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": metadata["name"]},
            "subjects": [{"apiGroup": group, "kind": "User", "name": name}],
        },
    ).must_pass()
    return name


def _api_service(group: str, version: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{version}.{group}"},
        "spec": {"group": group, "version": version, "groupPriorityMinimum": 100, "versionPriority": 100, **spec},
    }


def _available(cluster: Cluster) -> dict[str, bool]:
    """Which APIServices the API server says it can be asked about."""
    items = cluster.send("admin", "GET", SERVICES).must_pass()["items"]
    return {
        item["metadata"]["name"]: ("Available", "True")
        in [(one["type"], one["status"]) for one in item.get("status", {}).get("conditions", [])]
        for item in items
    }


@pytest.mark.parametrize("who", ["registrar", "mallory", "admin"])
def test_nobody_leads_cutlines_own_api_elsewhere(cluster: Cluster, registrar: str, who: str) -> None:
    persona = registrar if who == "registrar" else who
    away = {"metadata": {"labels": {AUTOMANAGED: None}}, "spec": ELSEWHERE}
    cluster.send(persona, "PATCH", f"{SERVICES}/{OURS}?dryRun=All", away, MERGE).must_be_refused(REASON)
    gone = {"status": {"conditions": [{"type": "Available", "status": "False"}]}}
    cluster.send(persona, "PATCH", f"{SERVICES}/{OURS}/status?dryRun=All", gone, MERGE).must_be_refused(REASON)
    cluster.send(persona, "DELETE", f"{SERVICES}/{OURS}?dryRun=All").must_be_refused(REASON)
    # A version of his own, which clients might come to prefer.
    newer = _api_service("cutline.dev", "v1", **ELSEWHERE)
    cluster.send(persona, "POST", f"{SERVICES}?dryRun=All", newer).must_be_refused(REASON)
    cluster.send(persona, "DELETE", f"{SERVICES}?dryRun=All").must_be_refused(REASON)


def test_nobody_leads_elsewhere_what_kubernetes_serves_itself(cluster: Cluster, registrar: str) -> None:
    """A new group of Kubernetes that no rule knows of fails here."""
    built_in = [name for name in _available(cluster) if name != OURS]
    assert {"v1.", "v1.apps", "v1.authorization.k8s.io", "v1.rbac.authorization.k8s.io"} <= {*built_in}
    for name in built_in:
        path = f"{SERVICES}/{name}?dryRun=All"
        cluster.send(registrar, "PATCH", path, {"spec": ELSEWHERE}, MERGE).must_be_refused(REASON)
    newer = f"{SERVICES}?dryRun=All"
    cluster.send(registrar, "POST", newer, _api_service("apps", "v9", **ELSEWHERE)).must_be_refused(REASON)
    # What leads nowhere else is nobody's business.
    note = {"metadata": {"annotations": {"note": "seen"}}}
    cluster.send(registrar, "PATCH", f"{SERVICES}/v1.apps?dryRun=All", note, MERGE).must_pass()


def test_the_servers_of_others_are_their_own_business(cluster: Cluster, registrar: str) -> None:
    metrics = _api_service("metrics.k8s.io", "v1beta1", **ELSEWHERE)
    path = f"{SERVICES}/{metrics['metadata']['name']}"
    cluster.send(registrar, "POST", SERVICES, metrics).must_pass()
    cluster.send(registrar, "PATCH", path, {"spec": {"versionPriority": 50}}, MERGE).must_pass()
    cluster.send(registrar, "PATCH", f"{path}/status", {"status": {"conditions": []}}, MERGE).must_pass()
    cluster.send(registrar, "DELETE", path).must_pass()


@pytest.mark.processes
def test_an_api_server_starts_without_the_webhook(cluster: Cluster) -> None:
    """It writes its own APIServices when it starts: here two that are missing, ours among them."""
    before = _available(cluster)
    cluster.processes.webhook.kill()
    cluster.send("admin", "DELETE", f"{SERVICES}/{OURS}").must_be_refused("failed calling webhook")
    cluster.testbed.stop_component("kube-apiserver")
    for name in (OURS, "v1.apps"):
        Etcd(cluster.testbed).delete(f"/registry/apiregistration.k8s.io/apiservices/{name}")
    cluster.testbed.start_component("kube-apiserver")
    await_true(lambda: _available(cluster) == before, "everything is served again", seconds=60)
    assert all(before.values())
    proposals = "/apis/cutline.dev/v1alpha1/remediationproposals"
    await_true(lambda: cluster.send("admin", "GET", proposals).passed, "proposals are read again")
