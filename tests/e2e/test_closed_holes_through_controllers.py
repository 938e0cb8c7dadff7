"""Attacks that once succeeded through a controller, kept so that none of them ever does again.

What is asserted is that the write which told the controller is refused, and what stood before still
stands. The numbers in brackets are those of the list of bypasses.
"""

import secrets
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from tests.e2e.cluster import AGENT, SYSTEM, Cluster
from tests.e2e.login import MERGE
from tests.e2e.manifests import CHECKOUT, proposal, scale_down
from tests.e2e.test_closed_holes import only_pod
from tests.e2e.test_evasions import NOBODY, deployments, proposals
from tests.e2e.told import await_draft
from tests.e2e.waiting import await_true
from tests.e2e.workloads import is_running, pod, workload

pytestmark = [pytest.mark.e2e, pytest.mark.processes]

_COLLECTOR = "system:serviceaccount:kube-system:generic-garbage-collector"


def _owned_by(kind: str, name: str, uid: str = NOBODY) -> dict[str, Any]:
    api_version = "apps/v1" if kind == "Deployment" else "v1"
    owner = {"apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": True}
    return {"metadata": {"ownerReferences": [owner]}}


# The garbage collector acts for whoever wrote the owner references (7, 16).


def test_a_pod_is_not_handed_to_an_owner_that_never_was(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1)
    name = only_pod(cluster, ns)["metadata"]["name"]
    path = f"/api/v1/namespaces/{ns}/pods/{name}"
    owned = _owned_by("ConfigMap", "gone")
    cluster.send("agent", "PATCH", path, owned, MERGE).must_be_refused("PodRemoval")
    # These keep to their own part of the pod, whatever else is sent along.
    for subresource in ("status", "resize", "ephemeralcontainers"):
        cluster.send("mallory", "PATCH", f"{path}/{subresource}", owned, MERGE)
    assert [owner["kind"] for owner in only_pod(cluster, ns)["metadata"]["ownerReferences"]] == ["ReplicaSet"]


@pytest.mark.parametrize("kind", ["deployments", "replicasets"])
def test_a_workload_is_not_handed_to_an_owner_that_never_was(cluster: Cluster, kind: str) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1)
    name = cluster.items(kind, "-n", ns)[0]["metadata"]["name"]
    path = f"/apis/apps/v1/namespaces/{ns}/{kind}/{name}"
    for place in (path, f"{path}/status"):
        cluster.send("agent", "PATCH", place, _owned_by("ConfigMap", "gone"), MERGE).must_be_refused("ScaleDown")


# So do the controllers that adopt (3, 16).


def test_a_pod_is_not_let_go_for_somebody_elses_workload_to_swallow(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1)
    name = only_pod(cluster, ns)["metadata"]["name"]
    path = f"/api/v1/namespaces/{ns}/pods/{name}"
    relabelled = {"metadata": {"labels": {"app": None, "pod-template-hash": None, "stolen": "x"}}}
    for place in (path, f"{path}/status"):
        cluster.send("mallory", "PATCH", place, relabelled, MERGE).must_be_refused("PodRemoval")
    unowned = {"metadata": {"ownerReferences": None}}
    cluster.send("agent", "PATCH", path, unowned, MERGE).must_be_refused("PodRemoval")


def test_a_deployment_of_no_replicas_does_not_swallow_somebody_elses_replica_set(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=3)
    cluster.kubectl("agent", "rollout", "pause", "deployment/checkout", "-n", ns).must_pass()
    tree = cluster.get("deployment", "checkout", ns)
    victim = cluster.items("replicasets", "-n", ns)[0]["metadata"]["name"]
    spec = {"replicas": 0, "selector": tree["spec"]["selector"], "template": tree["spec"]["template"]}
    metadata = {"name": "thief", "namespace": ns}
    thief = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    cluster.apply("agent", thief).must_pass()
    owned = _owned_by("Deployment", "thief", cluster.get("deployment", "thief", ns)["metadata"]["uid"])
    path = f"/apis/apps/v1/namespaces/{ns}/replicasets/{victim}"
    cluster.send("agent", "PATCH", path, owned, MERGE).must_be_refused("ScaleDown")
    assert len(cluster.items("pods", "-n", ns)) == 3


def test_a_replica_set_keeps_the_labels_by_which_its_deployment_knows_it(cluster: Cluster) -> None:
    """Let go, an old one would be no revision any more, and a current one anybody's to adopt."""
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1, images=2)
    for replica_set in cluster.items("replicasets", "-n", ns):
        name = replica_set["metadata"]["name"]
        cluster.kubectl("agent", "label", "replicaset", name, "-n", ns, "app-").must_be_refused("ScaleDown")
        cluster.kubectl("agent", "label", "replicaset", name, "-n", ns, "note=x").must_pass()


@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet"])
def test_no_controller_is_handed_planted_pods_to_keep_instead_of_its_own(cluster: Cluster, kind: str) -> None:
    """Of too many a ReplicaSet deletes those that cost least (`getPodsToDelete`), a DaemonSet the younger ones
    of a node (`podsShouldBeOnNode`): of those that were adopted none.
    """
    ns = cluster.namespace()
    cluster.apply("mallory", _planted_pod(ns)).must_pass()
    await_true(lambda: _is_ready(cluster, "planted", ns), "the planted pod was ready")
    cluster.apply("admin", workload(kind, ns)).must_pass()
    cluster.rolled_out(ns, f"{kind}/checkout")
    own = [pod["metadata"] for pod in _pods_of_checkout(cluster, ns)]
    path = f"/api/v1/namespaces/{ns}/pods/planted"
    for labels in (own[0]["labels"], {"note": "x"}):
        for place in (path, f"{path}/status"):
            answer = cluster.send("mallory", "PATCH", place, {"metadata": {"labels": labels}}, MERGE)
            answer.must_be_refused("PodRemoval of pod/planted")
    cluster.kubectl("mallory", "annotate", "pod", "planted", "-n", ns, "note=x").must_pass()
    assert [pod["metadata"]["uid"] for pod in _pods_of_checkout(cluster, ns)] == [pod["uid"] for pod in own]


def _planted_pod(namespace: str) -> dict[str, Any]:
    tree = pod("planted", namespace)
    tree["metadata"]["annotations"] = {"controller.kubernetes.io/pod-deletion-cost": "2147483647"}
    return tree


def _pods_of_checkout(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    return cluster.items("pods", "-n", namespace, "-l", "app=checkout")


def _is_ready(cluster: Cluster, name: str, namespace: str) -> bool:
    conditions = cluster.get("pod", name, namespace).get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def test_the_labels_of_a_pod_that_is_nobodys_can_be_signed(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.apply("admin", pod("alone", ns)).must_pass()
    await_true(lambda: is_running(cluster, "alone", ns), "the pod ran")
    label = ("label", "pod", "alone", "-n", ns, "tier=shop")
    proposed = cluster.kubectl("agent", "cutline", "propose", "--summary", "it is the shop's", "--", "kubectl", *label)
    proposed.must_pass()
    (made,) = cluster.items("remediationproposals", "-n", ns)
    assert made["spec"]["action"] == "Restart"
    cluster.sign("alice", made["metadata"]["name"], ns).must_pass()
    cluster.kubectl("agent", *label).must_pass()
    assert cluster.get("pod", "alone", ns)["metadata"]["labels"]["tier"] == "shop"


def test_a_replica_set_that_is_nobodys_is_not_handed_to_a_deployment_to_scale_away(cluster: Cluster) -> None:
    """As an old revision of one that has all its pods it would be scaled to none (`reconcileOldReplicaSets`)."""
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1)
    cluster.apply("admin", workload("ReplicaSet", ns, name="alone", replicas=2)).must_pass()
    path = f"/apis/apps/v1/namespaces/{ns}/replicasets/alone"
    for place in (path, f"{path}/status"):
        answer = cluster.send("mallory", "PATCH", place, {"metadata": {"labels": {"app": "checkout"}}}, MERGE)
        answer.must_be_refused("ScaleDown of replicaset/alone")
    cluster.kubectl("mallory", "annotate", "replicaset", "alone", "-n", ns, "note=x").must_pass()
    assert "ownerReferences" not in cluster.get("replicaset", "alone", ns)["metadata"]


# It shares out a Deployment's pods as its ReplicaSets tell it, and reads there which of them it wants (12).


def _two_revisions(cluster: Cluster, namespace: str) -> tuple[str, str]:
    """The old and the current ReplicaSet of a Deployment with four pods."""
    cluster.deployment(namespace, images=2)
    old, current = sorted(cluster.items("replicasets", "-n", namespace), key=lambda one: int(one["spec"]["replicas"]))
    return old["metadata"]["name"], current["metadata"]["name"]


_SHARES = {"deployment.kubernetes.io/desired-replicas": "999", "deployment.kubernetes.io/max-replicas": "1000000"}


def test_an_old_replica_set_is_not_scaled_up_until_the_current_one_is_empty(cluster: Cluster) -> None:
    """While a Deployment is paused, nothing puts right what its controller made of it (`scale`, sync.go)."""
    ns = cluster.namespace()
    old, current = _two_revisions(cluster, ns)
    cluster.kubectl("mallory", "rollout", "pause", "deployment/checkout", "-n", ns).must_pass()
    sets = f"/apis/apps/v1/namespaces/{ns}/replicasets"
    for shares in (_SHARES, dict.fromkeys(_SHARES)):
        for place in (f"{sets}/{current}", f"{sets}/{current}/status"):
            answer = cluster.send("mallory", "PATCH", place, {"metadata": {"annotations": shares}}, MERGE)
            answer.must_be_refused(f"ScaleDown of replicaset/{current}")
    refused = f"Rollback of replicaset/{old}"
    cluster.kubectl("mallory", "scale", f"replicaset/{old}", "-n", ns, "--replicas=9").must_be_refused(refused)
    cluster.send("mallory", "PATCH", f"{sets}/{old}", {"spec": {"replicas": 9}}, MERGE).must_be_refused(refused)
    cluster.kubectl("mallory", "annotate", "replicaset", current, "-n", ns, "note=x").must_pass()
    counts = {one["metadata"]["name"]: one["spec"]["replicas"] for one in cluster.items("replicasets", "-n", ns)}
    assert counts == {old: 0, current: 4}


def test_a_replica_set_that_is_nobodys_is_scaled_up_by_anybody(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.apply("admin", workload("ReplicaSet", ns, name="alone", replicas=1)).must_pass()
    path = f"/apis/apps/v1/namespaces/{ns}/replicasets/alone"
    cluster.kubectl("agent", "scale", "replicaset/alone", "-n", ns, "--replicas=2").must_pass()
    cluster.send("agent", "PATCH", path, {"spec": {"replicas": 3}}, MERGE).must_pass()
    cluster.send("agent", "PATCH", path, {"metadata": {"annotations": _SHARES}}, MERGE).must_pass()
    cluster.kubectl("agent", "scale", "replicaset/alone", "-n", ns, "--replicas=2").must_be_refused("ScaleDown")


def test_pods_of_an_old_revision_are_proposed_by_the_command_that_starts_them(cluster: Cluster) -> None:
    ns = cluster.namespace()
    old, _ = _two_revisions(cluster, ns)
    target = {"group": "apps", "kind": "ReplicaSet", "name": old}
    by_hand = cluster.try_propose("agent", ns, "Rollback", target, rollback={})
    by_hand.must_be_refused("a ReplicaSet keeps no revisions", "propose -- kubectl scale")
    cluster.kubectl("agent", "rollout", "pause", "deployment/checkout", "-n", ns).must_pass()
    scale = ("kubectl", "scale", f"replicaset/{old}", "-n", ns)
    cluster.kubectl(
        "agent", "cutline", "propose", "--summary", "compare the two", "--", *scale, "--replicas=1"
    ).must_pass()
    (made,) = cluster.items("remediationproposals", "-n", ns)
    name = made["metadata"]["name"]
    assert (made["spec"]["action"], made["spec"]["changes"][0]["effects"]) == ("Rollback", ["Rollback"])
    cluster.sign("alice", name, ns).must_pass()
    cluster.kubectl("agent", *scale[1:], "--replicas=2").must_be_refused("signed with other values: /spec/replicas")
    cluster.kubectl("agent", *scale[1:], "--replicas=1").must_pass()
    assert len(cluster.admitted(name)) == 1


# A controller that was told to is not another person (16, 20).


def test_a_human_does_not_approve_what_the_deployment_controller_would_do_for_him(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1, images=2)
    ordered = {"metadata": {"annotations": {"deprecated.deployment.rollback.to": "1"}}}
    order = partial(cluster.send, "alice", "PATCH", f"{deployments(ns)}/checkout", ordered, MERGE)
    _must_be_drafted_for_alice_alone(cluster, ns, "checkout", lambda: order().must_be_refused("Rollback"))


def test_a_human_does_not_approve_what_the_garbage_collector_would_do_for_him(cluster: Cluster, node: str) -> None:
    order = partial(cluster.send, "alice", "PATCH", f"/api/v1/nodes/{node}", _owned_by("Node", "gone"), MERGE)
    _must_be_drafted_for_alice_alone(cluster, SYSTEM, node, lambda: order().must_be_refused("Drain"))


def _must_be_drafted_for_alice_alone(
    cluster: Cluster, namespace: str, target: str, refused: Callable[[], None]
) -> None:
    """The order itself was refused, and what is drafted of it is hers: somebody else must sign."""
    draft = await_draft(cluster, namespace, target, refused)
    assert draft["spec"]["proposer"]["username"] == "alice"
    signed = cluster.sign("alice", draft["metadata"]["name"], namespace)
    signed.must_be_refused("proposed this and cannot sign it")


@pytest.fixture
def node(cluster: Cluster) -> Iterator[str]:
    """A node that no kubelet plays; taken away again with a signature."""
    name = f"closed-{secrets.token_hex(3)}"
    cluster.apply("admin", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}).must_pass()
    yield name
    changes = cluster.denied_change("bob", "DELETE", f"/api/v1/nodes/{name}")
    cluster.signed("bob", SYSTEM, "Drain", {"kind": "Node", "name": name}, changes=changes)
    cluster.send("bob", "DELETE", f"/api/v1/nodes/{name}").must_pass()


def test_what_a_controller_is_denied_is_drafted_for_nobody(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    kubeconfig = cluster.testbed.layout.kubeconfig("collector")
    cluster.testbed.token_kubeconfig(kubeconfig, "kube-system", "generic-garbage-collector")
    path = f"{deployments(ns)}/checkout/scale"
    collector = cluster.login("collector")
    collector.send("PATCH", path, {"spec": {"replicas": 1}}, MERGE).must_be_refused("ScaleDown")
    # Drafts are made one after the other: where the later one is, an earlier one would be.
    again = partial(cluster.send, "agent", "PATCH", path, {"spec": {"replicas": 1}}, MERGE)
    draft = await_draft(cluster, ns, "checkout", lambda: again().must_be_refused("ScaleDown"))
    assert draft["spec"]["proposer"]["username"] == AGENT


def test_a_controller_proposes_nothing(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    headers = {"Impersonate-User": _COLLECTOR, "Impersonate-Group": "system:masters"}
    written = proposal("by-controller", ns, "ScaleDown", CHECKOUT, **scale_down(1))
    answer = cluster.login("admin").send("POST", proposals(ns), written, more_headers=headers)
    answer.must_be_refused("carries out orders and proposes nothing")
