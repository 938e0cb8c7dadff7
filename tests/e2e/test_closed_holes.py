"""Attacks that once succeeded, kept so that none of them ever does again.

Those that worked through a controller have a file of their own. The numbers in brackets are those of
the list of bypasses.
"""

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rfc8785

from tests.e2e.cluster import SYSTEM, Cluster
from tests.e2e.etcd import Etcd
from tests.e2e.login import MERGE, Answer
from tests.e2e.manifests import CHECKOUT, proposal, scale_down
from tests.e2e.test_evasions import change_text, deployments, proposals, replicas_field, stateful_set
from tests.e2e.waiting import await_true

pytestmark = pytest.mark.e2e

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_MOST_LIVE, _MOST_STORED = 40, 200  # proposals of one proposer in one namespace


def only_pod(cluster: Cluster, namespace: str) -> dict[str, Any]:
    (pod,) = cluster.items("pods", "-n", namespace)
    return pod


def _forgotten(cluster: Cluster, namespace: str) -> str:
    """The ReplicaSet of the revision that a Deployment no longer runs."""
    sets = cluster.items("replicasets", "-n", namespace)
    return str(next(item for item in sets if item["spec"]["replicas"] == 0)["metadata"]["name"])


def _daemon_set(namespace: str, **pod_spec: Any) -> dict[str, Any]:
    pods = {"app": "d"}
    template = {"metadata": {"labels": pods}, "spec": {"containers": [{"name": "a", "image": "a"}], **pod_spec}}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "d", "namespace": namespace},
        "spec": {"selector": {"matchLabels": pods}, "template": template},
    }


def _removal(kind: str, metadata: dict[str, Any], **end: Any) -> str:
    """The canonical form of a deletion, as somebody might write it himself."""
    target = {
        "group": "",
        "kind": kind,
        "namespace": metadata.get("namespace", ""),
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
    return rfc8785.dumps({"format": "cutline/1", "target": target, "verb": "Delete", "end": end}).decode()


# What is signed is a number, and all of it is read (21).


@pytest.mark.parametrize("new", ["3", None, True, 1.5, ["keeps all four"]], ids=str)
def test_replicas_that_are_no_whole_number_are_not_proposed(cluster: Cluster, new: Any) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    text = change_text(cluster.get("deployment", "checkout", ns), "apps", replicas_field(4, new))
    offered = cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT, changes=[{"canonical": text}])
    offered.must_be_refused("is no number of replicas")


@pytest.mark.parametrize("grace", ["x", -5, True, 1.5, None], ids=str)
def test_a_grace_that_is_no_number_is_not_proposed(cluster: Cluster, grace: Any) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1)
    pod = only_pod(cluster, ns)["metadata"]
    changes = [{"canonical": _removal("Pod", pod, gracePeriodSeconds=grace)}]
    target = {"kind": "Pod", "name": pod["name"]}
    cluster.try_propose("agent", ns, "Restart", target, changes=changes).must_be_refused("spec.changes[0].canonical")


def test_every_object_that_a_proposal_changes_is_on_the_screen(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, "web")
    cluster.deployment(ns, "zdb")
    noise = {"path": "/metadata/annotations", "new": {f"a{index}": "x" for index in range(12)}}
    texts = [
        change_text(cluster.get("deployment", "web", ns), "apps", noise, replicas_field(4, 3)),
        change_text(cluster.get("deployment", "zdb", ns), "apps", replicas_field(4, 0)),
    ]
    changes = [{"canonical": text} for text in texts]
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT | {"name": "web"}, changes=changes)
    assert "zdb" in cluster.kubectl("alice", "cutline", "show", name, "-n", ns).must_pass().output


def test_a_denial_carries_no_control_characters(cluster: Cluster) -> None:
    node = cluster.items("nodes")[0]["metadata"]
    changes = [{"canonical": _removal("Node", node, propagation="\x1b[2J\x1b[31mSIGNED")}]
    offered = cluster.try_propose("agent", SYSTEM, "Drain", {"kind": "Node", "name": node["name"]}, changes=changes)
    denied = cluster.kubectl("sam", "delete", "node", node["name"], "--dry-run=server")
    denied.must_be_refused("Drain")
    assert "\x1b" not in offered.output + denied.output


def test_a_refusal_of_what_was_proposed_carries_none_either(cluster: Cluster) -> None:
    ns = cluster.namespace()
    nobody = {"name": "\x1b[2J\u202eSIGNED", "namespace": ns, "uid": "0b4a1a52-0000-4000-8000-000000000000"}
    changes = [{"canonical": _removal("Pod", nobody)}]
    offered = cluster.try_propose("agent", ns, "Restart", {"kind": "Pod", "name": "x"}, changes=changes)
    offered.must_be_refused()
    assert "\x1b" not in offered.output
    assert "\u202e" not in offered.output


# Rollbacks in disguise (12).


@pytest.mark.parametrize(
    ("container", "image"),
    [("shop", "docker.io/library/shop:v1"), ("shop2", "shop:v1"), ("shop", f"shop:v1@sha256:{64 * 'a'}")],
)
def test_an_old_image_under_another_name_is_still_the_old_image(cluster: Cluster, container: str, image: str) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1, images=2)
    containers = cluster.get("deployment", "checkout", ns)["spec"]["template"]["spec"]["containers"]
    containers[0] |= {"name": container, "image": image}
    body = {"spec": {"template": {"spec": {"containers": containers}}}}
    cluster.send("agent", "PATCH", f"{deployments(ns)}/checkout?dryRun=All", body, MERGE).must_be_refused("Rollback")


def test_a_revision_is_neither_rewritten_nor_forgotten_early(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1, images=2)
    old = _forgotten(cluster, ns)
    cluster.kubectl("agent", "set", "image", f"rs/{old}", "shop=x:y", "-n", ns).must_be_refused("Rollback")
    fewer = {"spec": {"revisionHistoryLimit": 0}}
    cluster.send("agent", "PATCH", f"{deployments(ns)}/checkout", fewer, MERGE).must_be_refused("Rollback")
    back = ("set", "image", "deployment/checkout", "shop=shop:v1", "-n", ns)
    cluster.kubectl("agent", *back).must_be_refused("Rollback")


@pytest.mark.parametrize("number", ["x", 4301 * "9"], ids=["no number", "too long to count"])
def test_an_odd_revision_number_stops_no_release(cluster: Cluster, number: str) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1, images=2)
    odd = f"deployment.kubernetes.io/revision={number}"
    cluster.kubectl("agent", "annotate", "rs", _forgotten(cluster, ns), "-n", ns, odd, "--overwrite").must_pass()
    cluster.kubectl("bob", "set", "image", "deployment/checkout", "shop=shop:v9", "-n", ns).must_pass()


def test_a_revision_of_amounts_without_end_stops_nobody(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.apply("admin", stateful_set(ns)).must_pass()
    uid = cluster.get("statefulset", "ledger", ns)["metadata"]["uid"]
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "ledger", "uid": uid, "controller": True}
    limits = {f"x{index}": "1e999999" for index in range(4000)}
    container = {"name": "c", "image": "c", "resources": {"limits": limits}}
    swollen: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {"name": "swollen", "namespace": ns, "ownerReferences": [owner]},
        "data": {"spec": {"template": {"spec": {"containers": [container]}}}},
        "revision": 1000,
    }
    path = f"/apis/apps/v1/namespaces/{ns}"
    cluster.send("mallory", "POST", f"{path}/controllerrevisions", swollen).must_pass()
    other = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "c:never-before"}]}}}}
    cluster.send("agent", "PATCH", f"{path}/statefulsets/ledger?dryRun=All", other, MERGE).must_pass()


# Part of what was signed, or something along with it (11).


def test_a_label_that_only_deployments_ignore_does_not_ride_along(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.apply("admin", stateful_set(ns)).must_pass()
    ledger = {"group": "apps", "kind": "StatefulSet", "name": "ledger"}
    cluster.signed("agent", ns, "ScaleDown", ledger, **scale_down(2))
    template = {"metadata": {"labels": {"pod-template-hash": "x"}}}
    path = f"/apis/apps/v1/namespaces/{ns}/statefulsets/ledger"
    body = {"spec": {"replicas": 2, "template": template}}
    cluster.send("agent", "PATCH", path, body, MERGE).must_be_refused("not signed")


def test_half_of_a_signed_choice_of_nodes_is_not_signed(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.apply("admin", _daemon_set(ns, nodeSelector={"kubernetes.io/os": "linux"})).must_pass()
    path = f"/apis/apps/v1/namespaces/{ns}/daemonsets/d"
    whole = {"spec": {"template": {"spec": {"nodeSelector": {"kubernetes.io/os": None, "zone": "z"}}}}}
    half = {"spec": {"template": {"spec": {"nodeSelector": {"zone": "z"}}}}}
    cluster.deployment(ns)
    changes = cluster.denied_change("agent", "PATCH", path, whole)
    changes += cluster.denied_change("agent", "PATCH", f"{deployments(ns)}/checkout/scale", {"spec": {"replicas": 2}})
    cluster.signed("agent", ns, "ScaleDown", CHECKOUT, changes=changes)
    cluster.send("agent", "PATCH", path, half, MERGE).must_be_refused("ScaleDown")
    cluster.send("agent", "PATCH", path, whole, MERGE).must_pass()


# One who may propose or label does not stop those who may sign (27).


def test_one_proposers_flood_ends_and_is_nobody_elses(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)

    def offer(persona: str, index: int) -> Answer:
        written = proposal(f"flood-{persona}-{index}", ns, "ScaleDown", CHECKOUT, **scale_down(1))
        return cluster.send(persona, "POST", proposals(ns), written)

    offer("agent", 0).must_pass()  # logs in
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda index: offer("agent", index), range(1, _MOST_LIVE + 10)))
    offer("agent", _MOST_LIVE + 10).must_be_refused("withdraw unsigned ones")
    # Whoever is not the agent proposes, has it signed and does it.
    offer("bob", 0).must_pass()
    cluster.sign("alice", "flood-bob-0", ns).must_pass()
    cluster.kubectl("bob", "scale", "deployment/checkout", "-n", ns, "--replicas=1").must_pass()


@pytest.mark.processes
def test_what_one_proposer_leaves_behind_is_bounded_too(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(1))
    # As two days would leave them: custom resources are JSON in etcd.
    etcd, folder = Etcd(cluster.testbed), f"/registry/cutline.dev/remediationproposals/{ns}"
    stored = json.loads(etcd.get(f"{folder}/{name}"))
    created = datetime.now(UTC) - timedelta(days=2)
    stored["metadata"]["creationTimestamp"] = f"{created:%Y-%m-%dT%H:%M:%SZ}"
    for index in range(_MOST_STORED - 1):
        stored["metadata"] |= {"name": f"old-{index}", "uid": str(uuid.uuid4())}
        etcd.put(f"{folder}/old-{index}", json.dumps(stored).encode())
    await_true(lambda: len(cluster.items("rprop", "-n", ns)) == _MOST_STORED, "they are all there")
    goes = created + timedelta(days=7, hours=1, minutes=30)
    offered = cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(1))
    offered.must_be_refused("delete some that are over", f"{goes:%Y-%m-%d %H:%M:%SZ}")
    cluster.try_propose("bob", ns, "ScaleDown", CHECKOUT, **scale_down(1)).must_pass()
    cluster.kubectl("agent", "delete", "rprop", "old-0", "-n", ns).must_pass()
    cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(1)).must_pass()
    # All of that is read, and the one that is signed is used.
    cluster.sign("alice", name, ns).must_pass()
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=1").must_pass()


def test_a_proposal_is_not_made_heavy_by_what_nobody_signs(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    heavy = {"annotations": {"note": "x" * 261_400}}  # the API server itself allows this
    written = proposal("heavy", ns, "ScaleDown", CHECKOUT, **scale_down(1))
    written["metadata"] |= heavy
    cluster.send("agent", "POST", proposals(ns), written).must_be_refused("metadata.annotations: takes 255 KiB")
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(1))
    later = cluster.send("mallory", "PATCH", f"{proposals(ns)}/{name}", {"metadata": heavy}, MERGE)
    later.must_be_refused("metadata.annotations: takes 255 KiB", "may take 256 KiB together")
    light = {"metadata": {"annotations": {"note": "x" * 100_000}}}
    cluster.send("mallory", "PATCH", f"{proposals(ns)}/{name}", light, MERGE).must_pass()


def test_many_labels_do_not_stop_the_gate(cluster: Cluster) -> None:
    ns = cluster.namespace()
    labels = {f"l{index}": "x" for index in range(3000)}
    started = time.monotonic()
    body = {"metadata": {"labels": labels}}
    cluster.send("agent", "PATCH", f"/api/v1/namespaces/{ns}?dryRun=All", body, MERGE).must_pass()
    # The gate gives up on itself after 4.5 seconds; on a busy machine the way there and back alone may take two.
    assert time.monotonic() - started < 4.5


# What weighs against a change stays (19, 28).


def test_a_used_emergency_is_not_taken_back_by_its_caller(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    emergency = {"reason": "on fire", "ticket": "T-1"}
    name = cluster.propose("alice", ns, "ScaleDown", CHECKOUT, emergency=emergency, **scale_down(1))
    cluster.kubectl("alice", "scale", "deployment/checkout", "-n", ns, "--replicas=1").must_pass()
    cluster.kubectl("alice", "delete", "rprop", name, "-n", ns).must_be_refused("stays")


def test_a_proposal_is_withdrawn_by_its_proposer_until_somebody_has_said_a_word(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    withdrawn = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(1))
    cluster.kubectl("mallory", "delete", "rprop", withdrawn, "-n", ns).must_be_refused("stays")
    cluster.kubectl("agent", "delete", "rprop", withdrawn, "-n", ns).must_pass()
    rejected = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(1))
    cluster.sign("alice", rejected, ns, "Reject").must_pass()
    cluster.kubectl("agent", "delete", "rprop", rejected, "-n", ns).must_be_refused("stays")


def test_a_used_claim_outlives_the_namespace_of_its_proposal(cluster: Cluster) -> None:
    ns = cluster.namespace()
    tree = stateful_set(ns)
    tree["spec"]["template"]["spec"]["nodeSelector"] = {"to-run": "nowhere"}  # nothing to wait for at its end
    cluster.apply("admin", tree).must_pass()
    ledger = {"group": "apps", "kind": "StatefulSet", "name": "ledger"}
    name = cluster.signed("agent", ns, "ScaleDown", ledger, **scale_down(2))
    cluster.kubectl("agent", "scale", "statefulset/ledger", "-n", ns, "--replicas=2").must_pass()
    (record,) = cluster.admitted(name)
    cluster.kubectl("admin", "delete", "namespace", ns, "--wait=false").must_pass()
    await_true(lambda: not cluster.get("remediationproposal", name, ns), "the proposal went with its namespace")
    delete = ("delete", "admittedchange", record["metadata"]["name"], "-n", SYSTEM)
    cluster.kubectl("mallory", *delete).must_be_refused("stays until")


@pytest.mark.parametrize("counted", ["signoffs", "remediationproposals"])
def test_a_quota_does_not_keep_anybody_from_objecting(cluster: Cluster, counted: str) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(1))
    quota: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "tight", "namespace": ns},
        "spec": {"hard": {"pods": "40"}},
    }
    cluster.apply("mallory", quota).must_pass()
    quota["spec"]["hard"] |= {f"count/{counted}.cutline.dev": "0"}
    cluster.apply("mallory", quota).must_be_refused("must not count Cutline's own kinds")
    quota["metadata"]["name"] = "tighter"
    cluster.apply("mallory", quota).must_be_refused("must not count Cutline's own kinds")
    cluster.sign("alice", name, ns, "Revoke").must_pass()


@pytest.mark.parametrize("kind", ["signoffs", "admittedchanges"])
def test_cutlines_definitions_do_not_cease_to_be_served_by_their_status(cluster: Cluster, kind: str) -> None:
    path = f"{_DEFINITIONS}/{kind}.cutline.dev/status"
    unserved = {"status": {"conditions": [], "acceptedNames": {"plural": "", "kind": ""}}}
    cluster.send("mallory", "PATCH", path, unserved, MERGE).must_be_refused("written by the API server alone")


def test_the_status_of_a_quota_does_not_keep_anybody_from_objecting(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.kubectl("admin", "create", "quota", "other", "-n", ns, "--hard=count/configmaps=50").must_pass()
    await_true(lambda: "used" in (cluster.get("resourcequota", "other", ns).get("status") or {}), "it was in force")
    counts = {"count/signoffs.cutline.dev": "0"}
    status = json.dumps({"status": {"hard": counts, "used": counts}})
    patch = ("patch", "resourcequota", "other", "-n", ns, "--subresource=status", "--type=merge", "-p", status)
    cluster.kubectl("mallory", *patch).must_be_refused("must not count Cutline's own kinds")
