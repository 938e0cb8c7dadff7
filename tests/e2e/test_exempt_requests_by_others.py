"""Every row of the exempt identities opens no more than itself.

For each row the very same request under its user name, but without the controller's own credential,
is refused: without the row the controller's act would be, too.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from cutline.domain.exempt import BUILT_IN, ExemptIdentity
from cutline.domain.request import Operation
from tests.e2e.cluster import Cluster
from tests.e2e.exempt_acts import id_of
from tests.e2e.login import MERGE, Answer
from tests.e2e.waiting import await_true
from tests.e2e.workloads import await_workload, is_running, pod, standing_namespace, workload

pytestmark = [pytest.mark.e2e, pytest.mark.processes]

# The same requests, by somebody who only has the name.


@pytest.fixture(scope="module")
def stage(standing_cluster: Cluster) -> Iterator[str]:
    """A gated namespace with one of everything that the rows are about."""
    standing_cluster.processes.start_webhook()
    namespace = standing_namespace(standing_cluster)
    for kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        standing_cluster.apply("admin", workload(kind, namespace, name=kind.lower(), replicas=2)).must_pass()
    standing_cluster.apply("admin", workload("DaemonSet", namespace, name="daemonset")).must_pass()
    standing_cluster.apply("admin", pod("alone", namespace)).must_pass()
    await_true(lambda: is_running(standing_cluster, "alone", namespace), "the pod ran")
    for kind in ("Deployment", "StatefulSet", "ReplicaSet", "DaemonSet"):
        await_workload(standing_cluster, namespace, kind, kind.lower())
    yield namespace
    standing_cluster.kubectl("admin", "delete", "namespace", namespace, "--wait=false")


_NOBODY = {"apiVersion": "v1", "kind": "ConfigMap", "name": "nobody", "uid": "0b4a1a52-0000-4000-8000-000000000000"}
_GIVEN_AWAY = {"metadata": {"ownerReferences": [_NOBODY | {"controller": True}]}}


def _lost(namespace: str, resource: str) -> tuple[str, dict[str, Any]]:
    """What a status says of a pod or a node that is lost."""
    if resource == "pods":
        return f"/api/v1/namespaces/{namespace}/pods/alone/status", {"status": {"phase": "Failed"}}
    unknown = {"type": "Ready", "status": "Unknown"}
    return "/api/v1/nodes/node-1/status", {"status": {"conditions": [unknown]}}


def _same_request(cluster: Cluster, namespace: str, row: ExemptIdentity) -> Answer:
    """What the row allows, sent under its user name by somebody who may impersonate."""
    headers = {"Impersonate-User": row.username}
    admin = cluster.login("admin")
    pod = f"/api/v1/namespaces/{namespace}/pods/alone"
    if row.operation is Operation.DELETE:
        return admin.send("DELETE", pod, more_headers=headers)
    if row.subresource == "status":
        return admin.send("PATCH", *_lost(namespace, row.resource), MERGE, headers)
    if row.resource == "pods":
        return admin.send("PATCH", pod, _GIVEN_AWAY, MERGE, headers)
    if row.resource == "nodes":
        taint = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}
        return admin.send("PATCH", "/api/v1/nodes/node-1", {"spec": {"taints": [taint]}}, MERGE, headers)
    path = f"/apis/apps/v1/namespaces/{namespace}/{row.resource}/{row.resource.removesuffix('s')}"
    path += f"/{row.subresource}" if row.subresource else ""
    if row.username.endswith(":generic-garbage-collector"):
        return admin.send("PATCH", path, _GIVEN_AWAY, MERGE, headers)
    stored = cluster.send("admin", "GET", path).must_pass()
    stored["spec"]["replicas"] = 1
    # Whatever version there is by then: a conflict would come before the gate.
    del stored["metadata"]["resourceVersion"]
    return admin.send("PUT", path, stored, more_headers=headers)


@pytest.mark.parametrize("row", BUILT_IN, ids=id_of)
def test_the_same_request_without_the_credential_is_refused(cluster: Cluster, stage: str, row: ExemptIdentity) -> None:
    answer = _same_request(cluster, stage, row)
    answer.must_be_refused("gate.cutline.dev", "production/seed-line: 1 approval from sre")
    assert answer.status == 403


def test_a_real_controllers_credential_opens_its_own_rows_and_no_other(cluster: Cluster, stage: str) -> None:
    """The garbage collector may patch anything as far as RBAC goes; unsigned it lets go of objects and deletes pods."""
    cluster.testbed.token_kubeconfig(
        cluster.testbed.layout.kubeconfig("collector"), "kube-system", "generic-garbage-collector"
    )
    collector = cluster.login("collector")
    path = f"/apis/apps/v1/namespaces/{stage}/deployments/deployment"
    collector.send("PATCH", f"{path}/scale", {"spec": {"replicas": 1}}, MERGE).must_be_refused(
        "needs a signed proposal"
    )
    collector.send("PATCH", "/api/v1/nodes/node-1", {"spec": {"unschedulable": True}}, MERGE).must_be_refused("Drain")
    # A token for its account is all it takes to be it: who may create one is for `doctor` to report.
    collector.send("DELETE", f"/api/v1/namespaces/{stage}/pods/alone?dryRun=All").must_pass()
    collector.send("PATCH", f"{path}?dryRun=All", _GIVEN_AWAY, MERGE).must_pass()


def test_a_kubelet_removes_pods_of_its_own_node_and_of_no_other(cluster: Cluster, stage: str) -> None:
    node = cluster.get("pod", "alone", stage)["spec"]["nodeName"]
    other = next(item["metadata"]["name"] for item in cluster.items("nodes") if item["metadata"]["name"] != node)
    path = f"/api/v1/namespaces/{stage}/pods/alone?dryRun=All"
    for name in (node, other):
        cluster.testbed.issue_kubeconfig(f"kubelet-{name}", f"system:node:{name}", ("system:nodes",))
    assert cluster.login(f"kubelet-{node}").send("DELETE", path).passed
    assert not cluster.login(f"kubelet-{other}").send("DELETE", path).passed
    # The name alone, without the group that comes with a kubelet's certificate, is nobody's.
    named = {"Impersonate-User": f"system:node:{node}", "Impersonate-Group": "system:masters"}
    cluster.login("admin").send("DELETE", path, more_headers=named).must_be_refused("pods.gate.cutline.dev")


# What a person must not make a controller do.


@pytest.mark.parametrize("owners", [_GIVEN_AWAY, {"metadata": {"ownerReferences": None}}], ids=["another", "none"])
def test_nobody_gives_away_what_a_controller_holds(cluster: Cluster, owners: dict[str, Any]) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1)
    pod = cluster.items("pods", "-n", ns)[0]["metadata"]["name"]
    held = cluster.items("replicasets", "-n", ns)[0]["metadata"]["name"]
    cluster.send("agent", "PATCH", f"/api/v1/namespaces/{ns}/pods/{pod}", owners, MERGE).must_be_refused("PodRemoval")
    path = f"/apis/apps/v1/namespaces/{ns}/replicasets/{held}"
    cluster.send("agent", "PATCH", path, owners, MERGE).must_be_refused("ScaleDown")
