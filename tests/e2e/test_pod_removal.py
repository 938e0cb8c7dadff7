"""A pod is taken away: deleted, forced, evicted, swept up in a collection; one removal, however many requests."""

import json
from typing import Any

import pytest

from tests.e2e.cluster import SYSTEM, Cluster
from tests.e2e.login import MERGE
from tests.e2e.waiting import await_true

pytestmark = pytest.mark.e2e


def pods_of(cluster: Cluster, ns: str) -> list[str]:
    return sorted(
        pod["metadata"]["name"] for pod in cluster.items("pods", "-n", ns) if "deletionTimestamp" not in pod["metadata"]
    )


def target(pod: str) -> dict[str, str]:
    return {"group": "", "kind": "Pod", "name": pod}


def path_of(ns: str, pod: str = "") -> str:
    return f"/api/v1/namespaces/{ns}/pods{'/' + pod if pod else ''}"


def bare_pod(ns: str, name: str, **spec: Any) -> dict[str, Any]:
    body = {"containers": [{"name": "shop", "image": "shop:v1"}], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": ns}, "spec": body}


def evict(cluster: Cluster, persona: str, ns: str, pod: str, **options: Any) -> Any:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": ns}}
    return cluster.send(persona, "POST", f"{path_of(ns, pod)}/eviction", eviction | {"deleteOptions": options})


def test_an_unsigned_removal_is_refused_by_whatever_request(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=2)
    before = pods_of(cluster, ns)
    refused = (f"PodRemoval of pod/{before[0]}", "production/seed-line: 1 approval from sre")
    delete = ("delete", "pod", before[0], "-n", ns)
    cluster.kubectl("agent", *delete).must_be_refused(*refused)
    cluster.kubectl("robot", *delete, "--force", "--grace-period=0").must_be_refused(*refused)
    cluster.kubectl("mallory", *delete, "--now").must_be_refused(*refused)
    cluster.kubectl("admin", "delete", "pods", "-n", ns, "--all").must_be_refused("PodRemoval of pod/")
    evict(cluster, "agent", ns, before[0]).must_be_refused(*refused)
    # A collection is refused object by object, and the request names none of them.
    cluster.kubectl("agent", "delete", "--raw", path_of(ns)).must_be_refused("PodRemoval of pod/")
    cluster.send("admin", "DELETE", f"{path_of(ns)}?labelSelector=app%3Dcheckout").must_be_refused("PodRemoval")
    assert pods_of(cluster, ns) == before


def test_a_pod_is_not_said_to_have_ended_by_others_than_its_kubelet(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1)
    (pod,) = pods_of(cluster, ns)
    node = cluster.get("pod", pod, ns)["spec"]["nodeName"]
    for name in (node, "node-x"):
        cluster.newcomer(f"kubelet-of-{name}", "system:nodes", user=f"system:node:{name}")
    over, noted = {"status": {"phase": "Failed"}}, {"status": {"message": "seen"}}
    path = f"{path_of(ns, pod)}/status"
    cluster.send("mallory", "PATCH", f"{path}?dryRun=All", over, MERGE).must_be_refused(f"PodRemoval of pod/{pod}")
    cluster.send("mallory", "PATCH", f"{path}?dryRun=All", noted, MERGE).must_pass()
    cluster.send(f"kubelet-of-{node}", "PATCH", f"{path}?dryRun=All", over, MERGE).must_pass()
    # Nodes may not touch each other's pods in any case.
    assert not cluster.send("kubelet-of-node-x", "PATCH", f"{path}?dryRun=All", over, MERGE).passed


def test_a_stay_on_a_tainted_node_is_not_cut_short(cluster: Cluster) -> None:
    ns = cluster.namespace()
    stays = {"key": "maintenance", "operator": "Exists", "effect": "NoExecute"}
    cluster.apply("admin", bare_pod(ns, "steady", tolerations=[stays])).must_pass()
    await_true(lambda: bool(cluster.get("pod", "steady", ns)["spec"].get("nodeName")), "the pod was bound")
    known = cluster.get("pod", "steady", ns)["spec"]["tolerations"]
    path, limited = f"{path_of(ns, 'steady')}?dryRun=All", stays | {"tolerationSeconds": 1}
    front, behind = ({"spec": {"tolerations": order}} for order in ([limited, *known], [*known, limited]))
    cluster.send("agent", "PATCH", path, front, MERGE).must_be_refused("PodRemoval of pod/steady")
    cluster.send("agent", "PATCH", path, behind, MERGE).must_pass()


def test_a_deadline_that_has_the_kubelet_kill_a_pod_is_its_removal(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1)
    (pod,) = pods_of(cluster, ns)
    deadline = json.dumps({"spec": {"activeDeadlineSeconds": 1}})
    cluster.kubectl("agent", "patch", "pod", pod, "-n", ns, "-p", deadline).must_be_refused("PodRemoval of pod/")


def test_a_signed_restart_takes_one_pod_once(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=2)
    gone, kept = pods_of(cluster, ns)
    name = cluster.propose("agent", ns, "Restart", target(gone), restart={})
    cluster.sign("alice", name, ns).must_pass()
    cluster.kubectl("agent", "delete", "pod", kept, "-n", ns).must_be_refused(f"PodRemoval of pod/{kept}")
    cluster.kubectl("agent", "delete", "pod", gone, "-n", ns).must_pass()
    assert cluster.get("pod", gone, ns) == {}
    assert len(cluster.admitted(name)) == 1


def test_a_forced_delete_that_was_signed_as_such_goes_to_its_end(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1)
    (pod,) = pods_of(cluster, ns)
    forced = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
    changes = cluster.denied_change("agent", "DELETE", path_of(ns, pod), forced, "application/json")
    name = cluster.propose("agent", ns, "Restart", target(pod), changes=changes)
    cluster.sign("alice", name, ns).must_pass()
    cluster.kubectl("agent", "delete", "pod", pod, "-n", ns, "--force", "--grace-period=0").must_pass()
    assert cluster.get("pod", pod, ns) == {}
    reviews = [entry for entry in cluster.log_lines("cutline-webhook", name) if entry.get("proposal") == f"{ns}/{name}"]
    assert len(reviews) > 1
    assert {entry["response"] for entry in reviews} == {"Admit"}
    (record,) = cluster.admitted(name)
    assert record["spec"]["removal"] == {"how": "Delete", "gracePeriodSeconds": 0}
    assert not record["spec"].get("undo")


def test_a_gentle_signature_admits_nothing_harsher(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1)
    (pod,) = pods_of(cluster, ns)
    name = cluster.propose("agent", ns, "Restart", target(pod), restart={})
    cluster.sign("alice", name, ns).must_pass()
    delete = ("delete", "pod", pod, "-n", ns)
    dry_run = "--dry-run=server"  # which leaves no draft behind, nearer to the next refusal
    cluster.kubectl("agent", *delete, "--now", dry_run).must_be_refused("30s of grace were signed, not 1s")
    cluster.kubectl("agent", *delete, "--force", "--grace-period=0").must_be_refused("30s of grace were signed, not 0s")
    assert cluster.get("pod", pod, ns)
    # An eviction is gentler than the delete that was signed.
    evict(cluster, "agent", ns, pod, gracePeriodSeconds=60).must_pass()
    assert len(cluster.admitted(name)) == 1


def test_a_signed_eviction_admits_no_delete(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1)
    (pod,) = pods_of(cluster, ns)
    answer = evict(cluster, "agent", ns, pod, dryRun=["All"])
    changes = [{"canonical": answer.cause("CutlineChange")}]
    name = cluster.propose("agent", ns, "Restart", target(pod), changes=changes)
    cluster.sign("alice", name, ns).must_pass()
    cluster.kubectl("agent", "delete", "pod", pod, "-n", ns).must_be_refused("an eviction was signed")
    evict(cluster, "agent", ns, pod, dryRun=["All"]).must_pass()
    assert cluster.admitted(name) == []
    evict(cluster, "agent", ns, pod).must_pass()
    assert len(cluster.admitted(name)) == 1


def test_a_collection_goes_as_far_as_each_of_its_objects_is_signed(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.apply("admin", bare_pod(ns, "one"), bare_pod(ns, "two")).must_pass()
    cluster.kubectl("admin", "wait", "pod", "--all", "-n", ns, "--for=condition=Ready").must_pass()
    for pod in ("one", "two"):
        name = cluster.propose("agent", ns, "Restart", target(pod), restart={})
        cluster.sign("alice", name, ns).must_pass()
        collection = cluster.kubectl("agent", "delete", "--raw", path_of(ns))
        if pod == "one":
            collection.must_be_refused("PodRemoval of pod/two")
        else:
            collection.must_pass()
        assert len(cluster.admitted(name)) == 1
    assert pods_of(cluster, ns) == []


def test_pods_that_run_nowhere_need_nobody(cluster: Cluster) -> None:
    ns = cluster.namespace()
    unbound = bare_pod(ns, "unbound", nodeSelector={"no": "such-node"})
    ended = bare_pod(ns, "ended")
    ended["metadata"]["labels"] = {"ends": "yes"}
    cluster.apply("admin", unbound, ended).must_pass()
    cluster.kubectl("admin", "wait", "pod", "ended", "-n", ns, "--for=condition=Ready").must_pass()
    cluster.kubectl("agent", "delete", "pod", "ended", "-n", ns).must_be_refused("PodRemoval of pod/ended")
    node = cluster.get("pod", "ended", ns)["spec"]["nodeName"]
    cluster.send(
        cluster.newcomer(f"kubelet-of-{node}", "system:nodes", user=f"system:node:{node}"),
        "PATCH",
        f"{path_of(ns, 'ended')}/status",
        {"status": {"phase": "Succeeded"}},
        "application/strategic-merge-patch+json",
    ).must_pass()
    cluster.kubectl("agent", "delete", "pod", "ended", "unbound", "-n", ns).must_pass()
    cluster.try_propose("agent", ns, "Restart", target("unbound"), restart={}).must_be_refused(
        "there is no pod/unbound"
    )


def test_a_recreated_pod_of_the_same_name_is_another_object(cluster: Cluster) -> None:
    ns = cluster.namespace()
    labels = {"app": "db"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "db", "image": "db:v1"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    metadata = {"name": "db", "namespace": ns}
    cluster.apply(
        "admin", {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}
    ).must_pass()
    cluster.rolled_out(ns, "statefulset/db")
    first = cluster.get("pod", "db-0", ns)["metadata"]["uid"]
    name = cluster.propose("agent", ns, "Restart", target("db-0"), restart={})
    cluster.sign("alice", name, ns).must_pass()
    cluster.kubectl("agent", "delete", "pod", "db-0", "-n", ns, "--wait=false").must_pass()
    await_true(
        lambda: cluster.get("pod", "db-0", ns).get("metadata", {}).get("uid") not in (None, first),
        "db-0 is there again",
    )
    await_true(lambda: bool(cluster.get("pod", "db-0", ns)["spec"].get("nodeName")), "the new db-0 is bound")
    cluster.kubectl("agent", "delete", "pod", "db-0", "-n", ns).must_be_refused("it was used on another object")
    evict(cluster, "agent", ns, "db-0").must_be_refused("PodRemoval of pod/db-0")


def test_the_controllers_that_carry_out_what_was_ordered_are_not_asked(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=3)
    cluster.kubectl("agent", "set", "image", "deployment/checkout", "checkout=shop:v2", "shop=shop:v2", "-n", ns)
    cluster.rolled_out(ns, "deployment/checkout")
    # Deleting the whole is another effect; what follows from it is the garbage collector's work.
    cluster.kubectl("admin", "delete", "deployment", "checkout", "-n", ns, "--cascade=foreground").must_pass()
    await_true(lambda: pods_of(cluster, ns) == [], "the pods went with their owner")


def test_an_eviction_of_a_pod_that_is_not_there_is_not_found(cluster: Cluster) -> None:
    ns = cluster.namespace()
    answer = evict(cluster, "agent", ns, "nobody")
    assert answer.status == 404
    assert SYSTEM not in answer.message
