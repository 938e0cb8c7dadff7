"""Attacks that failed, kept so that they go on failing. The numbers are those of the list of bypasses."""

import http.client
import json
import ssl
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import rfc8785

from tests.e2e.cluster import SYSTEM, Cluster
from tests.e2e.login import JSON_PATCH, MERGE
from tests.e2e.manifests import CHECKOUT, line, proposal, scale_down, signoff

pytestmark = pytest.mark.e2e

APPLY = "application/apply-patch+yaml"
NOBODY = "00000000-0000-0000-0000-000000000001"
GATE_CONFIGURATION = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/cutline-gate"


def deployments(namespace: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments"


def proposals(namespace: str) -> str:
    return f"/apis/cutline.dev/v1alpha1/namespaces/{namespace}/remediationproposals"


def change_text(tree: dict[str, Any], group: str, *fields: dict[str, Any]) -> str:
    """The canonical form of an update, as somebody might write it himself."""
    metadata = tree["metadata"]
    target = {
        "group": group,
        "kind": tree["kind"],
        "namespace": metadata.get("namespace", ""),
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
    change: dict[str, Any] = {"format": "cutline/1", "target": target, "verb": "Update", "difference": list(fields)}
    return rfc8785.dumps(change).decode()


def replicas_field(old: Any, new: Any) -> dict[str, Any]:
    return {"path": "/spec/replicas", "old": old, "new": new}


# 1, 2, 12


def test_zero_replicas_are_zero_however_a_request_says_so(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    path = f"{deployments(ns)}/checkout"
    scale = cluster.send("admin", "GET", f"{path}/scale").must_pass()
    for spec in ({}, None, {"replicas": None}):
        cluster.send("agent", "PUT", f"{path}/scale", {**scale, "spec": spec}).must_be_refused("4 -> 0")
    for body in ({"spec": None}, {"spec": {"replicas": None}}):
        cluster.send("agent", "PATCH", f"{path}/scale", body, MERGE).must_be_refused("4 -> 0")
    cluster.send("agent", "PATCH", path, {"spec": {"replicas": None}}, MERGE).must_be_refused("4 -> 1")
    removal = [{"op": "remove", "path": "/spec/replicas"}]
    cluster.send("agent", "PATCH", path, removal, JSON_PATCH).must_be_refused("4 -> 1")
    assert cluster.replicas(ns) == 4


def test_a_forced_apply_and_a_replacement_are_the_change_that_they_make(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    path = f"{deployments(ns)}/checkout"
    tree = cluster.get("deployment", "checkout", ns)
    fewer = deepcopy(tree)
    fewer["spec"]["replicas"] = 1
    cluster.send("agent", "PUT", path, fewer).must_be_refused("4 -> 1")
    fewer["metadata"] = {"name": "checkout", "namespace": ns}
    fewer.pop("status")
    applied = f"{path}?fieldManager=stranger&force=true"
    cluster.send("agent", "PATCH", applied, fewer, APPLY).must_be_refused("4 -> 1")
    assert cluster.replicas(ns) == 4


# 4, 5


def test_an_eviction_that_is_a_dry_run_in_its_body_alone_is_judged_and_uses_nothing(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1)
    pod = cluster.items("pods", "-n", ns)[0]["metadata"]["name"]
    path = f"/api/v1/namespaces/{ns}/pods/{pod}"
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": ns}}
    rehearsal = {**eviction, "deleteOptions": {"dryRun": ["All"]}}
    cluster.send("agent", "POST", f"{path}/eviction", rehearsal).must_be_refused("PodRemoval")
    changes = cluster.denied_change("agent", "DELETE", path)
    name = cluster.signed("agent", ns, "Restart", {"kind": "Pod", "name": pod}, changes=changes)
    cluster.send("agent", "POST", f"{path}/eviction", rehearsal).must_pass()
    assert cluster.admitted(name) == []
    cluster.send("agent", "POST", f"{path}/eviction", eviction).must_pass()
    assert len(cluster.admitted(name)) == 1


# 7, 16: the garbage collector acts for whoever wrote the owner reference


def test_a_node_does_not_go_by_an_owner_that_never_was(cluster: Cluster) -> None:
    name = "evasion-owned"
    cluster.apply("admin", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}).must_pass()
    path = f"/api/v1/nodes/{name}"
    try:
        owners = [{"apiVersion": "v1", "kind": "Node", "name": "gone", "uid": NOBODY}]
        owned = {"metadata": {"ownerReferences": owners}}
        cluster.send("agent", "PATCH", path, owned, MERGE).must_be_refused("Drain")
        assert "ownerReferences" not in cluster.get("node", name)["metadata"]
    finally:
        changes = cluster.denied_change("admin", "DELETE", path)
        signed = cluster.signed("admin", SYSTEM, "Drain", {"kind": "Node", "name": name}, changes=changes)
        cluster.send("admin", "DELETE", path).must_pass()
        assert len(cluster.admitted(signed)) == 1


# 12, 16: the deployment controller still reads the annotation of an API that is gone


def test_the_annotation_that_asks_the_controller_for_a_rollback_is_not_written(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1, images=2)
    order = "deprecated.deployment.rollback.to=1"
    cluster.kubectl("agent", "annotate", "deployment", "checkout", "-n", ns, order).must_be_refused("Rollback")
    # The status keeps to itself, whatever annotation is sent along.
    ordered = {"metadata": {"annotations": {"deprecated.deployment.rollback.to": "1"}}}
    cluster.send("agent", "PATCH", f"{deployments(ns)}/checkout/status", ordered, MERGE)
    tree = cluster.get("deployment", "checkout", ns)
    assert "deprecated.deployment.rollback.to" not in tree["metadata"]["annotations"]
    assert tree["spec"]["template"]["spec"]["containers"][0]["image"] == "shop:v2"


# 13, 22: labels pass through subresources that keep the spec


def test_a_namespace_does_not_lose_its_label_through_a_subresource(cluster: Cluster) -> None:
    ns = cluster.namespace()
    tree = cluster.get("namespace", ns)
    del tree["metadata"]["labels"]["cutline.dev/line"]
    tree["metadata"].pop("managedFields", None)
    for subresource in ("status", "finalize"):
        cluster.send("mallory", "PUT", f"/api/v1/namespaces/{ns}/{subresource}", tree).must_be_refused("Loosening")
    unlabel = {"metadata": {"labels": {"cutline.dev/line": None}}}
    cluster.send("mallory", "PATCH", f"/api/v1/namespaces/{ns}/status", unlabel, MERGE).must_be_refused("Loosening")
    assert cluster.get("namespace", ns)["metadata"]["labels"]["cutline.dev/line"] == "production"


def test_a_workload_does_not_lose_the_label_of_its_line_through_its_status(cluster: Cluster) -> None:
    selector = {"matchLabels": {"tier": "critical"}}
    with cluster.policy(line("critical", "ScaleDown", objects=selector)) as policy:
        ns = cluster.namespace(line=policy)
        cluster.apply("admin", stateful_set(ns)).must_pass()
        path = f"/apis/apps/v1/namespaces/{ns}/statefulsets/ledger"
        unlabel = {"metadata": {"labels": {"tier": None}}}
        for place in (path, f"{path}/status"):
            cluster.send("agent", "PATCH", place, unlabel, MERGE).must_be_refused("Loosening")
        cluster.kubectl("agent", "scale", "statefulset/ledger", "-n", ns, "--replicas=0").must_be_refused("ScaleDown")


def stateful_set(namespace: str) -> dict[str, Any]:
    pods = {"app": "ledger"}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "ledger", "namespace": namespace, "labels": {"tier": "critical"}},
        "spec": {
            "replicas": 3,
            "serviceName": "ledger",
            "selector": {"matchLabels": pods},
            "template": {
                "metadata": {"labels": pods},
                "spec": {"containers": [{"name": "ledger", "image": "ledger:v1"}]},
            },
        },
    }


# 18, 21: a proposal says no more than what its place lets it say


def test_an_object_without_a_namespace_is_not_authorised_from_one(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    unlabel = {"metadata": {"labels": {"cutline.dev/line": None}}}
    changes = cluster.denied_change("agent", "PATCH", f"/api/v1/namespaces/{ns}", unlabel)
    changes += cluster.denied_change("agent", "PATCH", f"{deployments(ns)}/checkout/scale", {"spec": {"replicas": 2}})
    offered = cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT, changes=changes)
    # It may be refused when it is made; where it is not, what has no namespace is out of its reach.
    if offered.passed:
        name = cluster.items("remediationproposals", "-n", ns)[0]["metadata"]["name"]
        cluster.sign("alice", name, ns).must_pass()
    cluster.send("agent", "PATCH", f"/api/v1/namespaces/{ns}", unlabel, MERGE).must_be_refused("Loosening")


def test_a_change_is_not_offered_under_the_name_of_another_action_or_object(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=2)
    scale = cluster.denied_change("agent", "PATCH", f"{deployments(ns)}/checkout/scale", {"spec": {"replicas": 1}})
    cluster.try_propose("agent", ns, "Loosening", CHECKOUT, changes=scale).must_be_refused(
        "is not what the change does"
    )
    other = CHECKOUT | {"name": "harmless"}
    cluster.try_propose("agent", ns, "ScaleDown", other, changes=scale).must_be_refused("spec.target")


# 21: one change has one spelling


@pytest.mark.parametrize(
    "spell",
    [
        lambda text: text.replace('"new":2', '"new":2.0'),
        lambda text: text.replace('"new":2', '"new":3,"new":2'),
        lambda text: text.replace('"new":2', '"new": 2'),
        lambda text: text.replace("replicas", "replica\\u0073"),
        lambda text: text.replace('"verb"', '"note":"harmless","verb"'),
        lambda text: text.replace("/spec/replicas", "spec/replicas"),
        lambda text: text.replace("/spec/replicas", "/spec/replicas~2"),
        lambda text: text.replace("/spec/replicas", ""),
        lambda text: text.replace('"Update"', '"\\ud800"'),
        lambda text: text.replace('"old":4', '"old":9'),
        lambda text: text.replace('"uid":"', '"uid":"0'),
        lambda text: text.replace('"group":"apps"', '"group":["apps"]'),
        lambda text: text.replace('"name":"checkout"', '"name":""'),
        lambda text: "[" * 20_000 + "]" * 20_000,
    ],
    ids=[
        "a whole number with a point",
        "a key twice",
        "a space",
        "an escape",
        "a member more",
        "a path without its root",
        "a path with a wrong escape",
        "an empty path",
        "half a surrogate",
        "another old value",
        "another uid",
        "a list for a group",
        "no name",
        "nothing but depth",
    ],
)
def test_a_second_spelling_of_a_change_is_not_accepted(cluster: Cluster, spell: Callable[[str], str]) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    tree = cluster.get("deployment", "checkout", ns)
    text = spell(change_text(tree, "apps", replicas_field(4, 2)))
    cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT, changes=[{"canonical": text}]).must_be_refused("denied")
    assert cluster.items("remediationproposals", "-n", ns) == []


def test_one_field_is_not_changed_twice_in_one_change(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    tree = cluster.get("deployment", "checkout", ns)
    text = change_text(tree, "apps", replicas_field(4, 3), replicas_field(4, 1))
    cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT, changes=[{"canonical": text}]).must_be_refused(
        "does not apply"
    )


# 19: what the gate wrote stays, whoever sends what kind of request


def test_an_apply_rewrites_nothing_that_was_signed(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(3))
    written = proposal(name, ns, "ScaleDown", CHECKOUT, **scale_down(1))
    applied = "?fieldManager=stranger&force=true"
    cluster.send("mallory", "PATCH", f"{proposals(ns)}/{name}{applied}", written, APPLY).must_be_refused("spec")
    signed = cluster.items("signoffs", "-n", ns)[0]["metadata"]["name"]
    path = f"/apis/cutline.dev/v1alpha1/namespaces/{ns}/signoffs/{signed}"
    for spec in ({"by": {"username": "sam"}}, {"by": None}, {"narrow": {"replicas": 0}}, {"proposalUID": None}):
        cluster.send("mallory", "PATCH", path, {"spec": spec}, MERGE).must_be_refused("spec")
    other = signoff(signed, ns, name, cluster.digest(name, ns), "Reject")
    cluster.send("mallory", "PATCH", path + applied, other, APPLY).must_be_refused("spec")


# 23: the endpoint


def test_who_does_not_know_the_path_is_not_heard(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    netloc, gate = cluster.webhook_address()
    secret = gate.split("/")[1]
    review = {"request": {"uid": "u", "operation": "UPDATE", "resource": {"resource": "pods"}, "userInfo": {}}}
    for path in (
        "/",
        "/gate",
        "//gate",
        f"/{secret}",
        f"/{secret[:-1]}/gate",
        f"/%{ord(secret[0]):x}{secret[1:]}/gate",
    ):
        assert posted(netloc, path, review) == http.HTTPStatus.NOT_FOUND
    assert posted(netloc, f"/{secret}/gate/../other", review) == http.HTTPStatus.NOT_FOUND
    assert posted(netloc, f"/{secret}/gate", {"request": {}}) == http.HTTPStatus.BAD_REQUEST


def posted(address: str, path: str, body: object) -> int:
    # Not the certificate is on trial here but the path.
    context = ssl._create_unverified_context()  # noqa: S323
    connection = http.client.HTTPSConnection(address, timeout=10, context=context)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


# 28: a quota may refuse what the gate writes


def test_a_quota_does_not_count_what_the_gate_writes(cluster: Cluster) -> None:
    """What becomes of a claim that finds no room all the same is asserted in test_availability."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "evasion", "namespace": SYSTEM},
        "spec": {"hard": {"count/admittedchanges.cutline.dev": "0"}},
    }
    for persona in ("mallory", "admin"):
        cluster.apply(persona, quota).must_be_refused("must not count Cutline's own kinds")
    assert not cluster.get("resourcequota", "evasion", SYSTEM)
