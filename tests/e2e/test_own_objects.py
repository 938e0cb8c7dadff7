"""Cutline's own Deployment, accounts and Service: only those may rewrite them who could end the gate anyway."""

from typing import Any

import pytest

from tests.e2e.cluster import SYSTEM, Cluster
from tests.e2e.login import MERGE

pytestmark = pytest.mark.e2e

REASON = "part of Cutline's own installation"
CORE, APPS = f"/api/v1/namespaces/{SYSTEM}", f"/apis/apps/v1/namespaces/{SYSTEM}"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
TRAFFIC = f"/apis/networking.k8s.io/v1/namespaces/{SYSTEM}/networkpolicies"
CONTAINER = {"name": "webhook", "image": "evil:v1"}
TEMPLATE = {
    "metadata": {"labels": {"a": "b"}},
    "spec": {"serviceAccountName": "cutline-operator", "containers": [CONTAINER]},
}
WORKLOAD = {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}
NETWORK_POLICY = ("NetworkPolicy", "networking.k8s.io/v1")
CLOSED = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
EVERYTHING = ["get", "list", "create", "update", "patch", "delete", "deletecollection"]


@pytest.fixture
def insider(cluster: Cluster) -> str:
    """Somebody who may do anything inside Cutline's namespace, and nothing to webhook configurations."""
    name = cluster.newcomer("insider")
    groups = ["", "apps", "batch", "policy", "discovery.k8s.io", "networking.k8s.io", "rbac.authorization.k8s.io"]
    cluster.allow(name, SYSTEM, {"apiGroups": groups, "resources": ["*"], "verbs": [*EVERYTHING, "bind", "escalate"]})
    return name


def _object(kind: str, api: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "evil", "namespace": SYSTEM}, **more}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", f"{APPS}/deployments/cutline-operator", {"spec": {"template": {"metadata": {"labels": {"x": "y"}}}}}),
        ("PATCH", f"{APPS}/deployments/cutline-operator/scale", {"spec": {"replicas": 0}}),
        ("DELETE", f"{APPS}/deployments/cutline-operator", None),
        ("POST", f"{APPS}/deployments", _object("Deployment", "apps/v1", spec=WORKLOAD)),
        ("POST", f"{APPS}/statefulsets", _object("StatefulSet", "apps/v1", spec=WORKLOAD)),
        ("POST", f"{CORE}/pods", _object("Pod", "v1", spec=TEMPLATE["spec"])),
        ("PATCH", f"{CORE}/configmaps/cutline-config", {"data": {"config.yaml": "exempt: everybody"}}),
        ("DELETE", f"{CORE}/configmaps/cutline-config", None),
        ("PATCH", f"{CORE}/serviceaccounts/cutline-operator", {"secrets": [{"name": "evil"}]}),
        (
            "POST",
            f"{CORE}/serviceaccounts/cutline-operator/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
        ),
        (
            "POST",
            f"{RBAC}/namespaces/{SYSTEM}/rolebindings",
            _object(
                "RoleBinding",
                "rbac.authorization.k8s.io/v1",
                roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
            ),
        ),
        (
            "POST",
            f"/apis/discovery.k8s.io/v1/namespaces/{SYSTEM}/endpointslices",
            _object("EndpointSlice", "discovery.k8s.io/v1", addressType="IPv4", endpoints=[]),
        ),
        ("POST", TRAFFIC, _object(*NETWORK_POLICY, spec=CLOSED)),
        ("PATCH", f"{TRAFFIC}/cutline-operator", {"spec": {"egress": None, "ingress": None}}),
        ("DELETE", f"{TRAFFIC}/cutline-operator", None),
        ("DELETE", TRAFFIC, None),
    ],
    ids=lambda value: value.rsplit("/", 3)[-1] if isinstance(value, str) else "",
)
def test_whoever_could_not_end_the_gate_may_not_rewrite_it(
    cluster: Cluster, insider: str, method: str, path: str, body: object
) -> None:
    content = "application/json" if method == "POST" else MERGE
    cluster.send(insider, method, f"{path}?dryRun=All", body, content).must_be_refused(REASON)


def test_the_agent_with_its_broad_rights_is_refused_too(cluster: Cluster) -> None:
    body = {"spec": {"template": {"spec": {"containers": [CONTAINER]}}}}
    path = f"{APPS}/deployments/cutline-operator"
    cluster.send("agent", "PATCH", path, body, "application/strategic-merge-patch+json").must_be_refused(REASON)


def test_the_agent_does_not_cut_the_gate_off_from_the_network(cluster: Cluster) -> None:
    body = _object(*NETWORK_POLICY, spec=CLOSED)
    cluster.send("agent", "POST", TRAFFIC, body).must_be_refused(REASON)
    cluster.send("agent", "DELETE", f"{TRAFFIC}/cutline-operator").must_be_refused(REASON)
    elsewhere = f"/apis/networking.k8s.io/v1/namespaces/{cluster.namespace()}/networkpolicies"
    body["metadata"] = {"name": "evil"}
    cluster.send("agent", "POST", elsewhere, body).must_pass()


def test_whoever_may_end_the_gate_is_not_even_asked_about(cluster: Cluster) -> None:
    path = f"{APPS}/deployments/cutline-operator?dryRun=All"
    cluster.send("admin", "PATCH", path, {"metadata": {"annotations": {"seen": "yes"}}}, MERGE).must_pass()
    cluster.send("mallory", "PATCH", path, {"metadata": {"annotations": {"seen": "yes"}}}, MERGE).must_pass()
    # As helm does it, at an installation, an upgrade and an uninstall.
    cluster.send("admin", "POST", f"{TRAFFIC}?dryRun=All", _object(*NETWORK_POLICY, spec=CLOSED)).must_pass()
    cluster.send("admin", "PATCH", f"{TRAFFIC}/cutline-operator?dryRun=All", {"spec": CLOSED}, MERGE).must_pass()
    cluster.send("admin", "DELETE", f"{TRAFFIC}/cutline-operator?dryRun=All").must_pass()


def test_other_namespaces_and_other_names_are_nobodys_business(cluster: Cluster) -> None:
    ns = cluster.namespace(line=None)
    cluster.kubectl("agent", "create", "configmap", "cutline-config", "-n", ns).must_pass()
    cluster.kubectl("agent", "delete", "configmap", "cutline-config", "-n", ns).must_pass()
    cluster.kubectl("admin", "create", "clusterrole", f"e2e-{ns}", "--verb=get", "--resource=pods").must_pass()
    cluster.kubectl("admin", "delete", "clusterrole", f"e2e-{ns}").must_pass()
