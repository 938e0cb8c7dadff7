"""A node is emptied: marked, drained pod by pod, deleted; each only as far as people signed it."""

import json
import secrets
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.cluster import SYSTEM, Cluster, Outcome
from tests.e2e.login import MERGE
from tests.e2e.manifests import CHECKOUT, line
from tests.e2e.waiting import await_true

pytestmark = pytest.mark.e2e

DRAIN = ("--ignore-daemonsets", "--delete-emptydir-data", "--timeout=60s")
POOL = "e2e.cutline.dev/pool"


def new_node(cluster: Cluster, pool: str) -> str:
    """A simulated node that only pods of its pool use."""
    name = f"e2e-{secrets.token_hex(3)}"
    capacity = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {POOL: pool}, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "spec": {"taints": [{"key": POOL, "value": pool, "effect": "NoSchedule"}]},
        "status": {"allocatable": capacity, "capacity": capacity},
    }
    cluster.send("admin", "POST", "/api/v1/nodes", node).must_pass()
    await_true(lambda: is_schedulable(cluster, name), f"{name} is ready")
    return name


def is_schedulable(cluster: Cluster, node: str) -> bool:
    tree = cluster.send("admin", "GET", f"/api/v1/nodes/{node}").must_pass()
    ready = any(part["type"] == "Ready" and part["status"] == "True" for part in tree["status"].get("conditions") or [])
    return ready and {taint["key"] for taint in tree["spec"]["taints"]} == {POOL}


def target(node: str) -> dict[str, str]:
    return {"group": "", "kind": "Node", "name": node}


def sign_away(cluster: Cluster, node: str) -> str:
    """Delete a node the way it has to be; the name of the proposal."""
    path = f"/api/v1/nodes/{node}"
    changes = cluster.denied_change("admin", "DELETE", path)
    name = cluster.propose("admin", SYSTEM, "Drain", target(node), changes=changes)
    cluster.sign("alice", name, SYSTEM).must_pass()
    cluster.send("admin", "DELETE", path).must_pass()
    return name


@pytest.fixture
def pool(cluster: Cluster) -> Iterator[str]:
    """The name of a pool; its nodes go when the test ends."""
    name = secrets.token_hex(3)
    yield name
    for tree in cluster.items("nodes", "-l", f"{POOL}={name}"):
        sign_away(cluster, tree["metadata"]["name"])


@pytest.fixture
def node(cluster: Cluster, pool: str) -> str:
    return new_node(cluster, pool)


def shop(
    cluster: Cluster, pool: str, *, line_label: str = "production", replicas: int = 2, kind: str = "Deployment"
) -> str:
    """A namespace whose application runs on the pool's nodes."""
    ns = cluster.namespace(line=line_label)
    labels = {"app": "checkout"}
    spec: dict[str, Any] = {
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "nodeSelector": {POOL: pool},
                "tolerations": [{"key": POOL, "operator": "Exists"}],
                "containers": [{"name": "shop", "image": "shop:v1"}],
            },
        },
    }
    if kind == "Deployment":
        spec["replicas"] = replicas
    workload = {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "checkout", "namespace": ns}, "spec": spec}
    cluster.apply("admin", workload).must_pass()
    cluster.rolled_out(ns, f"{kind}/checkout")
    return ns


def uids_on(cluster: Cluster, ns: str, node: str) -> set[str]:
    pods = cluster.items("pods", "-n", ns, "--field-selector", f"spec.nodeName={node}")
    return {pod["metadata"]["uid"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}


def must_fail_to_cordon(outcome: Outcome, *texts: str) -> None:
    """kubectl says that it could not cordon, and then goes on, or ends as if it had (kubectl#1568)."""
    flat = " ".join(outcome.output.split())
    for text in ("unable to cordon node", *texts):
        assert text in flat, f"{text!r} is not in what `{outcome.command}` printed:\n{outcome.output}"


def test_marks_that_empty_a_node_are_refused_and_others_pass(cluster: Cluster, node: str) -> None:
    refused = (f"Drain of node/{node}", "production/seed-line: 1 approval from sre")
    must_fail_to_cordon(cluster.kubectl("agent", "cordon", node), *refused)
    cluster.kubectl("agent", "taint", "node", node, "maintenance=now:NoExecute").must_be_refused(*refused)
    cluster.kubectl("agent", "delete", "node", node).must_be_refused(*refused)
    cluster.kubectl("admin", "delete", "node", node, "--force", "--grace-period=0").must_be_refused(*refused)
    cluster.kubectl("agent", "taint", "node", node, "maintenance=soon:NoSchedule").must_pass()
    cluster.kubectl("agent", "label", "node", node, "rack=r1").must_pass()
    cluster.kubectl("agent", "annotate", "node", node, "note=x").must_pass()
    cluster.kubectl("agent", "uncordon", node).must_pass()
    heartbeat = {
        "status": {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2030-01-01T00:00:00Z"}]}
    }
    cluster.send(
        "admin", "PATCH", f"/api/v1/nodes/{node}/status", heartbeat, "application/strategic-merge-patch+json"
    ).must_pass()
    assert "unschedulable" not in cluster.get("node", node)["spec"]


def test_a_node_is_not_said_to_be_lost_by_others_than_its_kubelet(cluster: Cluster, node: str) -> None:
    kubelet = cluster.newcomer(f"kubelet-of-{node}", "system:nodes", user=f"system:node:{node}")
    lost = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    path, strategic = f"/api/v1/nodes/{node}/status?dryRun=All", "application/strategic-merge-patch+json"
    cluster.send("mallory", "PATCH", path, lost, strategic).must_be_refused(f"Drain of node/{node}")
    none: dict[str, Any] = {"status": {"conditions": []}}
    cluster.send("mallory", "PATCH", path, none, MERGE).must_be_refused(f"Drain of node/{node}")
    # The node controller believes the first of two.
    twice = [{"op": "add", "path": "/status/conditions/0", "value": lost["status"]["conditions"][0]}]
    cluster.send("mallory", "PATCH", path, twice, "application/json-patch+json").must_be_refused(
        f"Drain of node/{node}"
    )
    cluster.send(kubelet, "PATCH", path, lost, strategic).must_pass()


def test_the_record_of_a_deleted_node_makes_it_again(cluster: Cluster, pool: str, node: str) -> None:
    (record,) = cluster.admitted(sign_away(cluster, node))
    assert record["spec"]["removal"] == {"how": "Delete"}
    cluster.apply("admin", json.loads(record["spec"]["undo"])).must_pass()
    again = cluster.get("node", node)
    assert again["metadata"]["labels"][POOL] == pool
    assert {"key": POOL, "value": pool, "effect": "NoSchedule"} in again["spec"]["taints"]


def test_a_signed_taint_passes_as_it_was_signed(cluster: Cluster, node: str) -> None:
    taints = cluster.get("node", node)["spec"]["taints"]
    emptying = {"spec": {"taints": [{"key": "maintenance", "value": "now", "effect": "NoExecute"}, *taints]}}
    changes = cluster.denied_change("agent", "PATCH", f"/api/v1/nodes/{node}", emptying)
    name = cluster.propose("agent", SYSTEM, "Drain", target(node), changes=changes)
    cluster.sign("alice", name, SYSTEM).must_pass()
    must_fail_to_cordon(cluster.kubectl("agent", "cordon", node), "not signed: /spec/unschedulable")
    cluster.kubectl("agent", "taint", "node", node, "maintenance=now:NoExecute").must_pass()
    cluster.kubectl("agent", "taint", "node", node, "maintenance=now:NoExecute-").must_pass()
    assert len(cluster.admitted(name)) == 1


def test_a_signed_drain_waits_for_its_disruption_budget_and_goes_to_its_end(
    cluster: Cluster, pool: str, node: str
) -> None:
    ns = shop(cluster, pool)
    budget = ("pdb", "checkout", "-n", ns)
    cluster.kubectl("admin", "create", *budget, "--selector=app=checkout", "--min-available=2").must_pass()
    await_true(
        lambda: (cluster.get("pdb", "checkout", ns).get("status") or {}).get("currentHealthy") == 2, "the budget counts"
    )
    doomed = uids_on(cluster, ns, node)
    assert len(doomed) == 2
    cluster.kubectl("agent", "drain", node, *DRAIN, "--dry-run=server").must_be_refused(f"Drain of node/{node}")
    cluster.kubectl("agent", "drain", node, *DRAIN).must_be_refused(f"Drain of node/{node}")
    assert uids_on(cluster, ns, node) == doomed
    name = cluster.propose("agent", SYSTEM, "Drain", target(node), drain={})
    assert len(cluster.get("rprop", name, SYSTEM)["spec"]["changes"]) == 3
    cluster.sign("alice", name, SYSTEM).must_pass()
    command = [str(cluster.testbed.kubectl), "drain", node, *DRAIN]
    with subprocess.Popen(
        command,
        env=cluster.testbed.environment("agent"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as draining:
        assert draining.stdout is not None
        said = next(said for said in draining.stdout if "disruption budget" in said)
        assert "will retry" in said
        assert uids_on(cluster, ns, node) == doomed
        cluster.kubectl("admin", "delete", *budget).must_pass()
        assert draining.wait(60) == 0, draining.stdout.read()
    assert uids_on(cluster, ns, node) == set()
    assert len(cluster.admitted(name)) == 3
    # Taking the mark off needs nobody, and what runs there afterwards was not signed.
    cluster.kubectl("agent", "uncordon", node).must_pass()
    await_true(lambda: len(uids_on(cluster, ns, node)) == 2, "the pods are back")
    late = cluster.items("pods", "-n", ns)[0]["metadata"]["name"]
    cluster.kubectl("agent", "drain", node, *DRAIN).must_be_refused(f"PodRemoval of pod/{late}")
    cluster.kubectl("agent", "delete", "pod", late, "-n", ns).must_be_refused(f"PodRemoval of pod/{late}")
    assert len(cluster.admitted(name)) == 3


def test_what_a_drain_leaves_alone_is_not_signed_with_it(cluster: Cluster, pool: str, node: str) -> None:
    ns = shop(cluster, pool, kind="DaemonSet")
    other = new_node(cluster, pool)
    cluster.rolled_out(ns, "daemonset/checkout")
    name = cluster.propose("agent", SYSTEM, "Drain", target(node), drain={})
    assert len(cluster.get("rprop", name, SYSTEM)["spec"]["changes"]) == 1
    cluster.sign("alice", name, SYSTEM).must_pass()
    before = uids_on(cluster, ns, node)
    must_fail_to_cordon(cluster.kubectl("agent", "drain", other, *DRAIN), f"Drain of node/{other}")
    cluster.kubectl("agent", "drain", node, *DRAIN).must_pass()
    assert uids_on(cluster, ns, node) == before
    pod = cluster.items("pods", "-n", ns, "--field-selector", f"spec.nodeName={node}")[0]["metadata"]["name"]
    cluster.kubectl("agent", "delete", "pod", pod, "-n", ns).must_be_refused(f"PodRemoval of pod/{pod}")


def test_a_drain_of_evictions_admits_no_deletes(cluster: Cluster, pool: str, node: str) -> None:
    ns = shop(cluster, pool)
    name = cluster.propose("agent", SYSTEM, "Drain", target(node), drain={})
    cluster.sign("alice", name, SYSTEM).must_pass()
    # The dry run says so in the evictions alone, and writes nothing.
    cluster.kubectl("agent", "drain", node, *DRAIN, "--dry-run=server").must_pass()
    assert cluster.admitted(name) == []
    cluster.kubectl("agent", "drain", node, *DRAIN, "--disable-eviction").must_be_refused(
        "an eviction was signed, and a delete passes by disruption budgets"
    )
    assert len(uids_on(cluster, ns, node)) == 2
    cluster.kubectl("agent", "drain", node, *DRAIN, "--grace-period=1").must_be_refused(
        "30s of grace were signed, not 1s"
    )
    cluster.kubectl("agent", "drain", node, *DRAIN).must_pass()
    assert uids_on(cluster, ns, node) == set()


def test_an_approver_can_keep_pods_out_of_a_drain(cluster: Cluster, pool: str, node: str) -> None:
    ns = shop(cluster, pool)
    kept, gone = sorted(pod["metadata"]["name"] for pod in cluster.items("pods", "-n", ns))
    name = cluster.propose("agent", SYSTEM, "Drain", target(node), drain={})
    cluster.sign("alice", name, SYSTEM, narrow={"pods": [f"{ns}/{gone}"]}).must_pass()
    cluster.kubectl("agent", "drain", node, *DRAIN).must_be_refused(f"the signers took {ns}/{kept} out of the proposal")
    await_true(lambda: not cluster.get("pod", gone, ns), "the other pod is gone")
    assert cluster.get("pod", kept, ns)


def test_a_drain_is_proposed_in_cutlines_own_namespace_only(cluster: Cluster, pool: str, node: str) -> None:
    ns = cluster.namespace()
    cluster.try_propose("agent", ns, "Drain", target(node), drain={}).must_be_refused(
        f"metadata.namespace: a Node has no namespace: propose it in {SYSTEM}"
    )


def test_a_pods_own_stricter_line_holds_in_a_drain_too(cluster: Cluster, pool: str, node: str) -> None:
    shop(cluster, pool, replicas=1)
    with cluster.policy(line("careful", "Drain", approvals=2, including=("seniors",))) as strict:
        ns = shop(cluster, pool, line_label=strict, replicas=1)
        name = cluster.propose("agent", SYSTEM, "Drain", target(node), drain={})
        lines = [
            f"{part['policy']}/{part['line']}" for part in cluster.get("rprop", name, SYSTEM)["spec"]["requirement"]
        ]
        assert lines == [f"{strict}/careful", "production/seed-line"]
        cluster.sign("alice", name, SYSTEM).must_pass()
        cluster.kubectl("agent", "drain", node, *DRAIN).must_be_refused("1 approval from seniors")
        assert len(uids_on(cluster, ns, node)) == 1
        cluster.sign("sam", name, SYSTEM).must_pass()
        cluster.kubectl("agent", "drain", node, *DRAIN).must_pass()
        assert uids_on(cluster, ns, node) == set()


def test_a_stricter_line_over_the_pods_that_came_after_the_signature_holds(
    cluster: Cluster, pool: str, node: str
) -> None:
    ns = shop(cluster, pool, replicas=1)
    name = cluster.propose("agent", SYSTEM, "Drain", target(node), drain={})
    cluster.sign("alice", name, SYSTEM).must_pass()
    selected = {
        "namespaces": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": [ns]}]}
    }
    with cluster.policy(line("careful", "Drain", approvals=2), where=selected) as strict:
        cluster.kubectl("agent", "drain", node, *DRAIN).must_be_refused(f"{strict}/careful: 2 approvals from sre")
        assert len(uids_on(cluster, ns, node)) == 1
        cluster.sign("bob", name, SYSTEM).must_pass()
        cluster.kubectl("agent", "drain", node, *DRAIN).must_pass()


def test_a_proposal_in_the_pods_namespace_authorises_no_cordon(cluster: Cluster, pool: str, node: str) -> None:
    ns = shop(cluster, pool, replicas=1)
    changes = cluster.denied_change("agent", "PATCH", f"/api/v1/nodes/{node}", {"spec": {"unschedulable": True}})
    cluster.try_propose("agent", ns, "Drain", target(node), changes=changes).must_be_refused("metadata.namespace")
    cluster.try_propose(
        "agent", ns, "Restart", CHECKOUT | {"group": "", "kind": "Pod"}, changes=changes
    ).must_be_refused()
    assert json.loads(changes[0]["canonical"])["target"]["name"] == node
