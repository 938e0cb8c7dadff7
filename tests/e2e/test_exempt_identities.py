"""Every row of the exempt identities is needed, and opens no more than itself.

Each row has a witness below: a test in which the real controller does the act in a gated
namespace, found in the API server's audit log under the row's own user name. And for each row the
very same request under that name, but without the controller's own credential, is refused:
without the row the act would be, too.

What is gated is prepared with signatures, or through writes that are not gated, or before the
namespace was labelled. There is no row that could not be provoked.
"""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from cutline.domain.exempt import BUILT_IN, ExemptIdentity
from cutline.domain.request import Operation
from tests.e2e.cluster import SYSTEM, Cluster
from tests.e2e.login import MERGE, Answer
from tests.e2e.manifests import CHECKOUT, scale_down
from tests.e2e.waiting import await_true

pytestmark = [pytest.mark.e2e, pytest.mark.processes]

_CONTROLLER = "system:serviceaccount:kube-system:"
_VERBS = {Operation.UPDATE: {"update", "patch"}, Operation.DELETE: {"delete", "deletecollection"}}

# Which test shows that the row is needed, by (last part of the user name, operation, resource).
WITNESSES = {
    ("deployment-controller", "UPDATE", "replicasets"): "test_a_deployment_rolls",
    ("horizontal-pod-autoscaler", "UPDATE", "deployments/scale"): "test_an_autoscaler_lowers_what_is_above_its_maximum",
    (
        "horizontal-pod-autoscaler",
        "UPDATE",
        "statefulsets/scale",
    ): "test_an_autoscaler_lowers_what_is_above_its_maximum",
    ("horizontal-pod-autoscaler", "UPDATE", "replicasets/scale"): "test_an_autoscaler_lowers_what_is_above_its_maximum",
    ("replicaset-controller", "DELETE", "pods"): "test_a_deployment_rolls",
    ("replication-controller", "DELETE", "pods"): "test_a_replication_controller_shrinks",
    ("statefulset-controller", "DELETE", "pods"): "test_a_stateful_set_rolls_and_shrinks",
    ("daemon-set-controller", "DELETE", "pods"): "test_a_daemon_set_rolls",
    ("job-controller", "DELETE", "pods"): "test_a_suspended_job_gives_up_its_pods",
    ("node-controller", "UPDATE", "nodes"): "test_a_lost_node_is_tainted_and_its_pods_leave",
    ("node-controller", "UPDATE", "nodes/status"): "test_a_node_that_never_spoke_is_reported_as_unknown",
    ("node-controller", "DELETE", "pods"): "test_a_lost_node_is_tainted_and_its_pods_leave",
    ("pod-garbage-collector", "DELETE", "pods"): "test_the_pods_of_a_vanished_node_are_cleared_away",
    ("pod-garbage-collector", "UPDATE", "pods/status"): "test_the_pods_of_a_vanished_node_are_cleared_away",
    ("generic-garbage-collector", "DELETE", "pods"): "test_pods_go_with_their_owner",
    ("namespace-controller", "DELETE", "pods"): "test_a_namespace_finishes_terminating",
    ("replicaset-controller", "UPDATE", "pods"): "test_what_an_orphaning_delete_leaves_is_adopted_by_the_next",
    ("replication-controller", "UPDATE", "pods"): "test_what_an_orphaning_delete_leaves_is_adopted_by_the_next",
    ("statefulset-controller", "UPDATE", "pods"): "test_what_an_orphaning_delete_leaves_is_adopted_by_the_next",
    ("daemon-set-controller", "UPDATE", "pods"): "test_what_an_orphaning_delete_leaves_is_adopted_by_the_next",
    ("job-controller", "UPDATE", "pods"): "test_what_an_orphaning_delete_leaves_is_adopted_by_the_next",
    ("generic-garbage-collector", "UPDATE", "pods"): "test_what_an_orphaning_delete_leaves_is_adopted_by_the_next",
    ("generic-garbage-collector", "UPDATE", "replicasets"): "test_workloads_outlive_an_owner_that_says_so",
    ("generic-garbage-collector", "UPDATE", "deployments"): "test_workloads_outlive_an_owner_that_says_so",
    ("generic-garbage-collector", "UPDATE", "statefulsets"): "test_workloads_outlive_an_owner_that_says_so",
    ("generic-garbage-collector", "UPDATE", "daemonsets"): "test_workloads_outlive_an_owner_that_says_so",
    ("system:kube-scheduler", "DELETE", "pods"): "test_a_more_important_pod_preempts_another",
}


def _name_of(row: ExemptIdentity) -> tuple[str, str, str]:
    resource = f"{row.resource}/{row.subresource}" if row.subresource else row.resource
    return row.username.removeprefix(_CONTROLLER), row.operation.value, resource


def _id_of(row: ExemptIdentity) -> str:
    return " ".join(_name_of(row))


def _await_act(cluster: Cluster, namespace: str, controller: str, operation: str, resource: str) -> None:
    """The controller itself did it: its user name stands in the audit log, with success."""
    username = controller if controller.startswith("system:") else _CONTROLLER + controller
    resource, _, subresource = resource.partition("/")

    def is_logged() -> bool:
        return any(
            event["user"]["username"] == username
            and event["verb"] in _VERBS[Operation(operation)]
            and event["objectRef"]["resource"] == resource
            and subresource in ("", event["objectRef"].get("subresource"))
            and event["responseStatus"]["code"] < 300
            for event in cluster.audit(namespace)
            if event.get("objectRef") and event.get("responseStatus")
        )

    await_true(is_logged, f"{controller} did {operation} {resource} in {namespace}")


def test_every_row_has_a_witness() -> None:
    assert {_name_of(row) for row in BUILT_IN} == WITNESSES.keys()
    assert set(WITNESSES.values()) <= globals().keys()


# The acts of the controllers.


@dataclass(frozen=True, slots=True)
class _Slow:
    """What controllers take their time for, begun before the first test and looked at after the last."""

    orphaned: str  # the namespace of a pod on a node that is not there: 40 seconds
    ending: str  # a namespace that is being deleted with a pod in it
    silent: str  # a node of which no kubelet ever speaks: 60 seconds


@pytest.fixture(scope="module")
def slow(standing_cluster: Cluster) -> Iterator[_Slow]:
    standing_cluster.processes.start_webhook()
    silent = f"silent-{secrets.token_hex(3)}"
    begun = _Slow(_standing_namespace(standing_cluster), _standing_namespace(standing_cluster), silent)
    keep_out = {"key": "tests-only", "value": silent, "effect": "NoSchedule"}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": silent}, "spec": {"taints": [keep_out]}}
    standing_cluster.send("admin", "POST", "/api/v1/nodes", node).must_pass()
    standing_cluster.apply("admin", _pod("orphan", begun.orphaned, nodeName="vanished")).must_pass()
    standing_cluster.apply("admin", _pod("alone", begun.ending)).must_pass()
    await_true(lambda: _is_running(standing_cluster, "alone", begun.ending), "the pod ran")
    standing_cluster.kubectl("admin", "delete", "namespace", begun.ending, "--wait=false").must_pass()
    yield begun
    standing_cluster.kubectl("admin", "delete", "namespace", begun.orphaned, "--wait=false")
    _remove_node(standing_cluster, silent)


@pytest.fixture(autouse=True)
def _as_early_as_possible(slow: _Slow) -> None:
    """The waiting is done while the other tests run."""


def _standing_namespace(cluster: Cluster) -> str:
    """A gated namespace that outlives a single test."""
    name = cluster.namespace()
    cluster.namespaces.remove(name)
    return name


def _pod(name: str, namespace: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": _pod_spec(**spec),
    }


def _pod_spec(**spec: Any) -> dict[str, Any]:
    return {"containers": [{"name": "shop", "image": "shop:v1"}], "terminationGracePeriodSeconds": 1, **spec}


def _workload(kind: str, namespace: str, *, name: str = "checkout", **spec: Any) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": _pod_spec()}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }


def _ready(cluster: Cluster, namespace: str, kind: str, count: int, name: str = "checkout") -> None:
    await_true(
        lambda: cluster.get(kind, name, namespace).get("status", {}).get("readyReplicas") == count,
        f"{kind} {name} had {count} ready pods",
    )


def _new_image(cluster: Cluster, namespace: str, workload: str) -> None:
    cluster.kubectl("agent", "set", "image", workload, "shop=shop:v2", "-n", namespace).must_pass()
    cluster.rolled_out(namespace, workload)


def test_a_deployment_rolls(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    _new_image(cluster, ns, "deployment/checkout")
    _await_act(cluster, ns, "deployment-controller", "UPDATE", "replicasets")
    _await_act(cluster, ns, "replicaset-controller", "DELETE", "pods")


def test_a_signed_scale_down_is_carried_out(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(1))
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=1").must_pass()
    await_true(lambda: len(cluster.items("pods", "-n", ns)) == 1, "three pods had left")
    _await_act(cluster, ns, "replicaset-controller", "DELETE", "pods")


def test_an_autoscaler_lowers_what_is_above_its_maximum(cluster: Cluster) -> None:
    ns = cluster.namespace()
    kinds = ("Deployment", "StatefulSet", "ReplicaSet")
    for kind in kinds:
        name = kind.lower()
        cluster.apply("admin", _workload(kind, ns, name=name, replicas=3)).must_pass()
        reference = {"apiVersion": "apps/v1", "kind": kind, "name": name}
        cluster.apply(
            "admin",
            {
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "metadata": {"name": name, "namespace": ns},
                "spec": {"scaleTargetRef": reference, "minReplicas": 1, "maxReplicas": 2},
            },
        ).must_pass()
    for kind in kinds:
        await_true(partial(_has_replicas, cluster, ns, kind, 2), f"{kind} was scaled down")
        _await_act(cluster, ns, "horizontal-pod-autoscaler", "UPDATE", f"{kind.lower()}s")


def _has_replicas(cluster: Cluster, namespace: str, kind: str, count: int) -> bool:
    return bool(cluster.get(kind, kind.lower(), namespace)["spec"]["replicas"] == count)


def test_a_replication_controller_shrinks(cluster: Cluster) -> None:
    ns = cluster.namespace()
    controller = _workload("ReplicationController", ns, replicas=2) | {"apiVersion": "v1"}
    controller["spec"]["selector"] = {"app": "checkout"}
    cluster.apply("admin", controller).must_pass()
    _ready(cluster, ns, "replicationcontroller", 2)
    cluster.kubectl("admin", "scale", "rc/checkout", "-n", ns, "--replicas=1").must_pass()
    await_true(lambda: len(cluster.items("pods", "-n", ns)) == 1, "one pod had left")
    _await_act(cluster, ns, "replication-controller", "DELETE", "pods")


def test_a_stateful_set_rolls_and_shrinks(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.apply("admin", _workload("StatefulSet", ns, replicas=2)).must_pass()
    _ready(cluster, ns, "statefulset", 2)
    _new_image(cluster, ns, "statefulset/checkout")
    _await_act(cluster, ns, "statefulset-controller", "DELETE", "pods")
    cluster.signed("agent", ns, "ScaleDown", CHECKOUT | {"kind": "StatefulSet"}, **scale_down(1))
    cluster.kubectl("agent", "scale", "statefulset/checkout", "-n", ns, "--replicas=1").must_pass()
    await_true(lambda: len(cluster.items("pods", "-n", ns)) == 1, "one pod had left")


def test_a_daemon_set_rolls(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.apply("admin", _workload("DaemonSet", ns)).must_pass()
    cluster.rolled_out(ns, "daemonset/checkout")
    _new_image(cluster, ns, "daemonset/checkout")
    _await_act(cluster, ns, "daemon-set-controller", "DELETE", "pods")


def test_pods_go_with_their_owner(cluster: Cluster) -> None:
    ns = cluster.namespace()
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner", "namespace": ns}}
    cluster.apply("admin", owner).must_pass()
    uid = cluster.get("configmap", "owner", ns)["metadata"]["uid"]
    dependent = _pod("dependent", ns)
    dependent["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}]
    cluster.apply("admin", dependent).must_pass()
    await_true(lambda: _is_running(cluster, "dependent", ns), "the pod ran")
    cluster.kubectl("admin", "delete", "configmap", "owner", "-n", ns).must_pass()
    await_true(lambda: not cluster.get("pod", "dependent", ns), "the pod had followed its owner")
    _await_act(cluster, ns, "generic-garbage-collector", "DELETE", "pods")


def _is_running(cluster: Cluster, name: str, namespace: str) -> bool:
    return bool(cluster.get("pod", name, namespace).get("status", {}).get("phase") == "Running")


# Owners that change: an object is let go, and another controller takes it.

_ADOPTERS = {
    "Deployment": "deployment-controller",
    "ReplicaSet": "replicaset-controller",
    "ReplicationController": "replication-controller",
    "StatefulSet": "statefulset-controller",
    "DaemonSet": "daemon-set-controller",
    "Job": "job-controller",
}


def _adopting(kind: str, namespace: str, node: str) -> dict[str, Any]:
    """A workload that selects by a label of its own, and so takes what another of its name left."""
    tree = _workload(kind, namespace, name=kind.lower())
    if kind == "ReplicationController":
        tree["apiVersion"] = "v1"
        tree["spec"]["selector"] = tree["spec"]["selector"]["matchLabels"]
    if kind == "Job":
        tree["apiVersion"] = "batch/v1"
        tree["spec"]["manualSelector"] = True
        # No kubelet plays this node: the run does not end.
        tree["spec"]["template"]["spec"] |= {"nodeName": node, "restartPolicy": "Never"}
    return tree


def _held(cluster: Cluster, namespace: str, kind: str) -> dict[str, str]:
    """What a workload of this kind holds or would hold, by name, with the uid of its owner."""
    listed = cluster.items(
        "replicasets" if kind == "Deployment" else "pods", "-n", namespace, "-l", f"app={kind.lower()}"
    )
    is_there = kind == "Deployment" or all(item["spec"].get("nodeName") for item in listed)
    return {item["metadata"]["name"]: _owner_of(item) for item in listed} if is_there else {}


def _owner_of(tree: dict[str, Any]) -> str:
    return str(next((owner["uid"] for owner in tree["metadata"].get("ownerReferences", [])), ""))


def test_what_an_orphaning_delete_leaves_is_adopted_by_the_next(cluster: Cluster, bare_node: str) -> None:
    ns = cluster.namespace()
    trees = {kind: _adopting(kind, ns, bare_node) for kind in _ADOPTERS}
    cluster.apply("admin", *trees.values()).must_pass()
    for kind in _ADOPTERS:
        await_true(partial(_is_held, cluster, ns, kind), f"the {kind} held what it made")
    left = {kind: _held(cluster, ns, kind).keys() for kind in _ADOPTERS}
    names = [f"{kind}/{kind.lower()}" for kind in _ADOPTERS]
    cluster.kubectl("admin", "delete", *names, "-n", ns, "--cascade=orphan").must_pass()
    for kind in _ADOPTERS:
        assert _held(cluster, ns, kind) == dict.fromkeys(left[kind], "")
    for resource in ("pods", "replicasets"):
        _await_act(cluster, ns, "generic-garbage-collector", "UPDATE", resource)
    cluster.apply("admin", *trees.values()).must_pass()
    for kind, controller in _ADOPTERS.items():
        await_true(partial(_is_held, cluster, ns, kind), f"the next {kind} had adopted what was left")
        assert _held(cluster, ns, kind).keys() == left[kind], "adopted, not made anew"
        _await_act(cluster, ns, controller, "UPDATE", "replicasets" if kind == "Deployment" else "pods")


def _is_held(cluster: Cluster, namespace: str, kind: str) -> bool:
    uid = cluster.get(kind, kind.lower(), namespace)["metadata"]["uid"]
    held = _held(cluster, namespace, kind)
    return bool(held) and set(held.values()) == {uid}


def test_workloads_outlive_an_owner_that_says_so(cluster: Cluster) -> None:
    ns = cluster.namespace()
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner", "namespace": ns}}
    cluster.apply("admin", owner).must_pass()
    uid = cluster.get("configmap", "owner", ns)["metadata"]["uid"]
    kinds = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")
    for kind in kinds:
        tree = _workload(kind, ns, name=kind.lower())
        tree["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}]
        cluster.apply("admin", tree).must_pass()
    cluster.kubectl("admin", "delete", "configmap", "owner", "-n", ns, "--cascade=orphan").must_pass()
    for kind in kinds:
        assert _owner_of(cluster.get(kind, kind.lower(), ns)) == ""
        _await_act(cluster, ns, "generic-garbage-collector", "UPDATE", f"{kind.lower()}s")


def test_a_more_important_pod_preempts_another(cluster: Cluster) -> None:
    ns = cluster.namespace()
    slot, important = "cutline.dev/slot", f"important-{ns}"
    grown = {"status": {"capacity": {slot: "1"}, "allocatable": {slot: "1"}}}
    cluster.send("admin", "PATCH", "/api/v1/nodes/node-1/status", grown, MERGE).must_pass()
    priority = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": important},
        "value": 1000,
    }
    cluster.apply("admin", priority).must_pass()
    container = {"name": "shop", "image": "shop:v1", "resources": {"limits": {slot: "1"}}}
    try:
        cluster.apply("admin", _pod("victim", ns, containers=[container])).must_pass()
        await_true(lambda: _is_running(cluster, "victim", ns), "the first pod ran")
        preemptor = _pod("preemptor", ns, containers=[container], priorityClassName=important)
        cluster.apply("admin", preemptor).must_pass()
        await_true(lambda: _is_running(cluster, "preemptor", ns), "the second pod ran in its place")
        _await_act(cluster, ns, "system:kube-scheduler", "DELETE", "pods")
    finally:
        cluster.kubectl("admin", "delete", "priorityclass", important)
        shrunk = {"status": {"capacity": {slot: None}, "allocatable": {slot: None}}}
        cluster.send("admin", "PATCH", "/api/v1/nodes/node-1/status", shrunk, MERGE).must_pass()


# A node that no kubelet plays: its pods stay as they are, and so does its status.


@pytest.fixture
def bare_node(cluster: Cluster) -> Iterator[str]:
    name = f"bare-{secrets.token_hex(3)}"
    metadata = {"name": name, "labels": {"topology.kubernetes.io/zone": "zone-a"}}
    keep_out = {"key": "tests-only", "value": name, "effect": "NoSchedule"}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {"taints": [keep_out]}}
    cluster.send("admin", "POST", "/api/v1/nodes", node).must_pass()
    _report_ready(cluster, name, "True")
    yield name
    _remove_node(cluster, name)


def _report_ready(cluster: Cluster, node: str, status: str) -> None:
    """As its kubelet, whom everybody believes."""
    kubelet = cluster.newcomer(f"kubelet-{node}", "system:nodes", user=f"system:node:{node}")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    condition = {
        "type": "Ready",
        "status": status,
        "reason": "Test",
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }
    cluster.send(
        kubelet, "PATCH", f"/api/v1/nodes/{node}/status", {"status": {"conditions": [condition]}}, MERGE
    ).must_pass()


def _remove_node(cluster: Cluster, name: str) -> None:
    """Deleting a node is gated: it takes a signature even to tidy up."""
    changes = cluster.denied_change("bob", "DELETE", f"/api/v1/nodes/{name}")
    signed = cluster.propose("bob", SYSTEM, "Drain", {"kind": "Node", "name": name}, changes=changes)
    cluster.sign("alice", signed, SYSTEM).must_pass()
    cluster.send("bob", "DELETE", f"/api/v1/nodes/{name}").must_pass()


def test_a_suspended_job_gives_up_its_pods(cluster: Cluster, bare_node: str) -> None:
    ns = cluster.namespace()
    template = {"spec": _pod_spec(nodeName=bare_node, restartPolicy="Never")}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "report", "namespace": ns},
        "spec": {"template": template},
    }
    cluster.apply("admin", job).must_pass()
    await_true(lambda: len(cluster.items("pods", "-n", ns)) == 1, "the job had a pod")
    cluster.kubectl("admin", "patch", "job", "report", "-n", ns, "-p", '{"spec":{"suspend":true}}').must_pass()
    _await_act(cluster, ns, "job-controller", "DELETE", "pods")


def test_a_lost_node_is_tainted_and_its_pods_leave(cluster: Cluster, bare_node: str) -> None:
    ns = cluster.namespace()
    impatient = [
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}
        for key in ("not-ready", "unreachable")
    ]
    cluster.apply("admin", _pod("there", ns, nodeName=bare_node, tolerations=impatient)).must_pass()
    _report_ready(cluster, bare_node, "False")
    await_true(
        lambda: "NoExecute" in [taint["effect"] for taint in cluster.get("node", bare_node)["spec"].get("taints", [])],
        "the node was tainted",
    )
    _await_act(cluster, bare_node, "node-controller", "UPDATE", "nodes")
    _await_act(cluster, ns, "node-controller", "DELETE", "pods")


# The same requests, by somebody who only has the name.


@pytest.fixture(scope="module")
def stage(standing_cluster: Cluster) -> Iterator[str]:
    """A gated namespace with one of everything that the rows are about."""
    standing_cluster.processes.start_webhook()
    namespace = _standing_namespace(standing_cluster)
    for kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        standing_cluster.apply("admin", _workload(kind, namespace, name=kind.lower(), replicas=2)).must_pass()
    standing_cluster.apply("admin", _workload("DaemonSet", namespace, name="daemonset")).must_pass()
    standing_cluster.apply("admin", _pod("alone", namespace)).must_pass()
    await_true(lambda: _is_running(standing_cluster, "alone", namespace), "the pod ran")
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
    return admin.send("PUT", path, stored, more_headers=headers)


@pytest.mark.parametrize("row", BUILT_IN, ids=_id_of)
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


# Last, for these take the longest.


def test_a_namespace_finishes_terminating(cluster: Cluster, slow: _Slow) -> None:
    await_true(lambda: not cluster.get("namespace", slow.ending), "the namespace was gone")
    _await_act(cluster, slow.ending, "namespace-controller", "DELETE", "pods")


def test_the_pods_of_a_vanished_node_are_cleared_away(cluster: Cluster, slow: _Slow) -> None:
    await_true(lambda: not cluster.get("pod", "orphan", slow.orphaned), "the orphan was cleared away", seconds=90)
    _await_act(cluster, slow.orphaned, "pod-garbage-collector", "DELETE", "pods")
    _await_act(cluster, slow.orphaned, "pod-garbage-collector", "UPDATE", "pods/status")


def test_a_node_that_never_spoke_is_reported_as_unknown(cluster: Cluster, slow: _Slow) -> None:
    await_true(
        lambda: (
            "Unknown" in [one["status"] for one in cluster.get("node", slow.silent)["status"].get("conditions", [])]
        ),
        "the node was reported as unknown",
        seconds=120,
    )
    _await_act(cluster, slow.silent, "node-controller", "UPDATE", "nodes/status")
