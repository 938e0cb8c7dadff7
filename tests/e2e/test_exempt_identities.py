"""Every row of the exempt identities is needed.

Each row has a witness below: a test in which the real controller does the act in a gated
namespace, found in the API server's audit log under the row's own user name. That the row opens
no more than itself is shown in test_exempt_requests_by_others.py.

What is gated is prepared with signatures, or through writes that are not gated, or before the
namespace was labelled. There is no row that could not be provoked.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from cutline.domain.exempt import BUILT_IN
from tests.e2e.bare_nodes import remove_node, report_ready
from tests.e2e.cluster import Cluster
from tests.e2e.exempt_acts import await_act, name_of
from tests.e2e.login import MERGE
from tests.e2e.manifests import CHECKOUT, scale_down
from tests.e2e.waiting import await_true
from tests.e2e.workloads import await_workload, is_running, pod, pod_spec, standing_namespace, workload

pytestmark = [pytest.mark.e2e, pytest.mark.processes]

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


def test_every_row_has_a_witness() -> None:
    assert {name_of(row) for row in BUILT_IN} == WITNESSES.keys()
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
    begun = _Slow(standing_namespace(standing_cluster), standing_namespace(standing_cluster), silent)
    keep_out = {"key": "tests-only", "value": silent, "effect": "NoSchedule"}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": silent}, "spec": {"taints": [keep_out]}}
    standing_cluster.send("admin", "POST", "/api/v1/nodes", node).must_pass()
    standing_cluster.apply("admin", pod("orphan", begun.orphaned, nodeName="vanished")).must_pass()
    standing_cluster.apply("admin", pod("alone", begun.ending)).must_pass()
    await_true(lambda: is_running(standing_cluster, "alone", begun.ending), "the pod ran")
    standing_cluster.kubectl("admin", "delete", "namespace", begun.ending, "--wait=false").must_pass()
    yield begun
    standing_cluster.kubectl("admin", "delete", "namespace", begun.orphaned, "--wait=false")
    remove_node(standing_cluster, silent)


@pytest.fixture(autouse=True)
def _as_early_as_possible(slow: _Slow) -> None:
    """The waiting is done while the other tests run."""


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
    await_act(cluster, ns, "deployment-controller", "UPDATE", "replicasets")
    await_act(cluster, ns, "replicaset-controller", "DELETE", "pods")


def test_a_signed_scale_down_is_carried_out(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(1))
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=1").must_pass()
    await_true(lambda: len(cluster.items("pods", "-n", ns)) == 1, "three pods had left")
    await_act(cluster, ns, "replicaset-controller", "DELETE", "pods")


def test_an_autoscaler_lowers_what_is_above_its_maximum(cluster: Cluster) -> None:
    ns = cluster.namespace()
    kinds = ("Deployment", "StatefulSet", "ReplicaSet")
    for kind in kinds:
        name = kind.lower()
        cluster.apply("admin", workload(kind, ns, name=name, replicas=3)).must_pass()
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
        await_act(cluster, ns, "horizontal-pod-autoscaler", "UPDATE", f"{kind.lower()}s")


def _has_replicas(cluster: Cluster, namespace: str, kind: str, count: int) -> bool:
    return bool(cluster.get(kind, kind.lower(), namespace)["spec"]["replicas"] == count)


def test_a_replication_controller_shrinks(cluster: Cluster) -> None:
    ns = cluster.namespace()
    controller = workload("ReplicationController", ns, replicas=2) | {"apiVersion": "v1"}
    controller["spec"]["selector"] = {"app": "checkout"}
    cluster.apply("admin", controller).must_pass()
    _ready(cluster, ns, "replicationcontroller", 2)
    cluster.kubectl("admin", "scale", "rc/checkout", "-n", ns, "--replicas=1").must_pass()
    await_true(lambda: len(cluster.items("pods", "-n", ns)) == 1, "one pod had left")
    await_act(cluster, ns, "replication-controller", "DELETE", "pods")


def test_a_stateful_set_rolls_and_shrinks(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.apply("admin", workload("StatefulSet", ns, replicas=2)).must_pass()
    _ready(cluster, ns, "statefulset", 2)
    _new_image(cluster, ns, "statefulset/checkout")
    await_act(cluster, ns, "statefulset-controller", "DELETE", "pods")
    cluster.signed("agent", ns, "ScaleDown", CHECKOUT | {"kind": "StatefulSet"}, **scale_down(1))
    cluster.kubectl("agent", "scale", "statefulset/checkout", "-n", ns, "--replicas=1").must_pass()
    await_true(lambda: len(cluster.items("pods", "-n", ns)) == 1, "one pod had left")


def test_a_daemon_set_rolls(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.apply("admin", workload("DaemonSet", ns)).must_pass()
    cluster.rolled_out(ns, "daemonset/checkout")
    _new_image(cluster, ns, "daemonset/checkout")
    await_act(cluster, ns, "daemon-set-controller", "DELETE", "pods")


def test_pods_go_with_their_owner(cluster: Cluster) -> None:
    ns = cluster.namespace()
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner", "namespace": ns}}
    cluster.apply("admin", owner).must_pass()
    uid = cluster.get("configmap", "owner", ns)["metadata"]["uid"]
    dependent = pod("dependent", ns)
    dependent["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}]
    cluster.apply("admin", dependent).must_pass()
    await_true(lambda: is_running(cluster, "dependent", ns), "the pod ran")
    cluster.kubectl("admin", "delete", "configmap", "owner", "-n", ns).must_pass()
    await_true(lambda: not cluster.get("pod", "dependent", ns), "the pod had followed its owner")
    await_act(cluster, ns, "generic-garbage-collector", "DELETE", "pods")


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
    tree = workload(kind, namespace, name=kind.lower())
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
        await_act(cluster, ns, "generic-garbage-collector", "UPDATE", resource)
    cluster.apply("admin", *trees.values()).must_pass()
    for kind, controller in _ADOPTERS.items():
        await_true(partial(_is_held, cluster, ns, kind), f"the next {kind} had adopted what was left")
        assert _held(cluster, ns, kind).keys() == left[kind], "adopted, not made anew"
        await_act(cluster, ns, controller, "UPDATE", "replicasets" if kind == "Deployment" else "pods")


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
        tree = workload(kind, ns, name=kind.lower())
        tree["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}]
        cluster.apply("admin", tree).must_pass()
    # The garbage collector looks whom to let go of among those that it knows by then.
    for kind in kinds:
        await_workload(cluster, ns, kind, kind.lower())
    cluster.kubectl("admin", "delete", "configmap", "owner", "-n", ns, "--cascade=orphan").must_pass()
    for kind in kinds:
        assert _owner_of(cluster.get(kind, kind.lower(), ns)) == ""
        await_act(cluster, ns, "generic-garbage-collector", "UPDATE", f"{kind.lower()}s")


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
        cluster.apply("admin", pod("victim", ns, containers=[container])).must_pass()
        await_true(lambda: is_running(cluster, "victim", ns), "the first pod ran")
        preemptor = pod("preemptor", ns, containers=[container], priorityClassName=important)
        cluster.apply("admin", preemptor).must_pass()
        await_true(lambda: is_running(cluster, "preemptor", ns), "the second pod ran in its place")
        await_act(cluster, ns, "system:kube-scheduler", "DELETE", "pods")
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
    report_ready(cluster, name, "True")
    yield name
    remove_node(cluster, name)


def test_a_suspended_job_gives_up_its_pods(cluster: Cluster, bare_node: str) -> None:
    ns = cluster.namespace()
    template = {"spec": pod_spec(nodeName=bare_node, restartPolicy="Never")}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "report", "namespace": ns},
        "spec": {"template": template},
    }
    cluster.apply("admin", job).must_pass()
    await_true(lambda: len(cluster.items("pods", "-n", ns)) == 1, "the job had a pod")
    cluster.kubectl("admin", "patch", "job", "report", "-n", ns, "-p", '{"spec":{"suspend":true}}').must_pass()
    await_act(cluster, ns, "job-controller", "DELETE", "pods")


def test_a_lost_node_is_tainted_and_its_pods_leave(cluster: Cluster, bare_node: str) -> None:
    ns = cluster.namespace()
    impatient = [
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}
        for key in ("not-ready", "unreachable")
    ]
    cluster.apply("admin", pod("there", ns, nodeName=bare_node, tolerations=impatient)).must_pass()
    report_ready(cluster, bare_node, "False")
    await_true(
        lambda: "NoExecute" in [taint["effect"] for taint in cluster.get("node", bare_node)["spec"].get("taints", [])],
        "the node was tainted",
    )
    await_act(cluster, bare_node, "node-controller", "UPDATE", "nodes")
    await_act(cluster, ns, "node-controller", "DELETE", "pods")


# Last, for these take the longest.


def test_a_namespace_finishes_terminating(cluster: Cluster, slow: _Slow) -> None:
    await_true(lambda: not cluster.get("namespace", slow.ending), "the namespace was gone")
    await_act(cluster, slow.ending, "namespace-controller", "DELETE", "pods")


def test_the_pods_of_a_vanished_node_are_cleared_away(cluster: Cluster, slow: _Slow) -> None:
    await_true(lambda: not cluster.get("pod", "orphan", slow.orphaned), "the orphan was cleared away", seconds=90)
    await_act(cluster, slow.orphaned, "pod-garbage-collector", "DELETE", "pods")
    await_act(cluster, slow.orphaned, "pod-garbage-collector", "UPDATE", "pods/status")


def test_a_node_that_never_spoke_is_reported_as_unknown(cluster: Cluster, slow: _Slow) -> None:
    await_true(
        lambda: (
            "Unknown" in [one["status"] for one in cluster.get("node", slow.silent)["status"].get("conditions", [])]
        ),
        "the node was reported as unknown",
        seconds=120,
    )
    await_act(cluster, slow.silent, "node-controller", "UPDATE", "nodes/status")
