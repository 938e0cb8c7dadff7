"""Attacks that STILL succeed (second round); each test says what should be true and fails while the hole is open.

Run: cp /tmp/redteam/still_open.py /work/main/tests/e2e/test_still_open.py, then
CUTLINE_E2E_TESTBED=<name> .venv/bin/python -m pytest -m e2e tests/e2e/test_still_open.py; remove it again.
"""

import base64
import http.client
import json
import ssl
import urllib.parse
import uuid
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.e2e.cluster import CHECKOUT, MERGE, Cluster, await_true, scale_down
from tests.e2e.test_evasions import GATE_CONFIGURATION, deployments

pytestmark = pytest.mark.e2e


def happens(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether something comes true soon; its absence is what these tests want."""
    try:
        await_true(condition, "", seconds)
    except AssertionError:
        return False
    return True


def only_pod(cluster: Cluster, ns: str) -> dict[str, Any]:
    return cluster.items("pods", "-n", ns)[0]


# From the first round


def test_a_pod_has_not_ended_because_somebody_says_so(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1)
    name = only_pod(cluster, ns)["metadata"]["name"]
    ended = {"status": {"phase": "Failed"}}
    cluster.send("mallory", "PATCH", f"/api/v1/namespaces/{ns}/pods/{name}/status", ended, MERGE)
    cluster.send("agent", "DELETE", f"/api/v1/namespaces/{ns}/pods/{name}").must_be_refused("PodRemoval")


def test_a_forged_review_burns_nothing_and_drafts_in_nobodys_name(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    configuration = cluster.send("agent", "GET", GATE_CONFIGURATION)
    if not configuration.passed:
        return  # the agent does not learn the path
    client = configuration.body["webhooks"][0]["clientConfig"]
    tree = cluster.get("deployment", "checkout", ns)
    fewer = deepcopy(tree)
    fewer["spec"]["replicas"] = 3
    review = {
        "uid": str(uuid.uuid4()),
        "operation": "UPDATE",
        "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
        "namespace": ns,
        "name": "checkout",
        "userInfo": {"username": "bob", "groups": ["people", "sre"]},
        "oldObject": tree,
        "object": fewer,
    }
    address = urllib.parse.urlsplit(client["url"])
    context = ssl.create_default_context(cadata=base64.b64decode(client["caBundle"]).decode())
    connection = http.client.HTTPSConnection(address.netloc, timeout=10, context=context)
    connection.request("POST", address.path, json.dumps({"request": review}), {"Content-Type": "application/json"})
    connection.getresponse().read()
    connection.close()
    assert not happens(lambda: bool(cluster.items("remediationproposals", "-n", ns)), 5)


def test_a_refused_choice_of_nodes_can_be_proposed(cluster: Cluster) -> None:
    """Refused by the gate, and by the definition too: nobody can sign it (found on the way)."""
    ns = cluster.namespace()
    pods = {"app": "d"}
    spec = {
        "selector": {"matchLabels": pods},
        "template": {"metadata": {"labels": pods}, "spec": {"containers": [{"name": "a", "image": "a"}]}},
    }
    metadata = {"name": "d", "namespace": ns}
    tree = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": spec}
    cluster.apply("admin", tree).must_pass()
    body = {"spec": {"template": {"spec": {"nodeSelector": {"zone": "z"}}}}}
    changes = cluster.denied_change("agent", "PATCH", f"/apis/apps/v1/namespaces/{ns}/daemonsets/d", body)
    target = {"group": "apps", "kind": "DaemonSet", "name": "d"}
    cluster.try_propose("agent", ns, "ScaleDown", target, changes=changes).must_pass()


def test_a_node_keeps_the_labels_that_its_daemons_stand_on(cluster: Cluster) -> None:
    ns = cluster.namespace()
    node, pods = cluster.items("nodes")[0]["metadata"]["name"], {"app": "d"}
    cluster.kubectl("admin", "label", "node", node, f"{ns}=x").must_pass()
    pod_spec = {"nodeSelector": {ns: "x"}, "containers": [{"name": "a", "image": "a"}]}
    spec = {"selector": {"matchLabels": pods}, "template": {"metadata": {"labels": pods}, "spec": pod_spec}}
    metadata = {"name": "d", "namespace": ns}
    tree = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": spec}
    cluster.apply("admin", tree).must_pass()
    await_true(lambda: len(cluster.items("pods", "-n", ns)) == 1, "the daemon runs")
    cluster.kubectl("agent", "label", "node", node, f"{ns}-")
    assert not happens(lambda: not cluster.items("pods", "-n", ns))


def test_a_replication_controller_scales_like_the_others(cluster: Cluster) -> None:
    ns = cluster.namespace()
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    spec = {"replicas": 3, "selector": {"a": "b"}, "template": template}
    metadata = {"name": "old", "namespace": ns}
    cluster.apply("admin", {"apiVersion": "v1", "kind": "ReplicationController", "metadata": metadata, "spec": spec})
    cluster.kubectl("agent", "scale", "rc/old", "--replicas=0", "-n", ns).must_be_refused("ScaleDown")


def test_a_pod_elsewhere_does_not_push_production_off_its_node(cluster: Cluster) -> None:
    ns, elsewhere = cluster.namespace(), cluster.namespace(line=None)
    cluster.deployment(ns, replicas=1)
    victim = only_pod(cluster, ns)
    term = {
        "labelSelector": {"matchLabels": {"app": "checkout"}},
        "namespaces": [ns],
        "topologyKey": "kubernetes.io/hostname",
    }
    spec = {
        "priorityClassName": "system-node-critical",
        "nodeSelector": {"kubernetes.io/hostname": victim["spec"]["nodeName"]},
        "containers": [{"name": "a", "image": "a"}],
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}},
    }
    metadata = {"name": "preemptor", "namespace": elsewhere}
    cluster.apply("agent", {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    assert not happens(lambda: not cluster.get("pod", victim["metadata"]["name"], ns))



# New


@pytest.mark.parametrize("kind", ["ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController", "Job"])
def test_n1_a_pod_without_a_controller_is_not_swallowed_by_a_new_workload(cluster: Cluster, kind: str) -> None:
    ns = cluster.namespace()
    labels, pod_spec = {"app": "x"}, {"terminationGracePeriodSeconds": 1, "containers": [{"name": "a", "image": "a"}]}
    metadata = {"name": "bare-0", "namespace": ns, "labels": labels}
    cluster.apply("admin", {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec}).must_pass()
    await_true(lambda: only_pod(cluster, ns)["status"].get("phase") == "Running", "it runs")
    template: dict[str, Any] = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    spec: dict[str, Any] = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    api = "apps/v1"
    if kind == "DaemonSet":
        del spec["replicas"]
        template["spec"]["nodeSelector"] = {"no": "where"}
    if kind == "ReplicationController":
        api, spec["selector"] = "v1", labels
    if kind == "Job":
        del spec["replicas"]
        api, template["spec"]["restartPolicy"] = "batch/v1", "Never"
        spec |= {"manualSelector": True, "parallelism": 0}
    thief = {"apiVersion": api, "kind": kind, "metadata": {"name": "bare", "namespace": ns}, "spec": spec}
    cluster.apply("agent", thief)
    assert not happens(lambda: not cluster.get("pod", "bare-0", ns), 10)


def test_n2_a_replica_set_without_a_controller_is_not_swallowed_by_a_new_deployment(cluster: Cluster) -> None:
    ns = cluster.namespace()
    labels = {"app": "x"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    metadata = {"name": "own", "namespace": ns, "labels": labels}
    cluster.apply("admin", {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": spec})
    await_true(lambda: len(cluster.items("pods", "-n", ns)) == 2, "it runs")
    thief = {"name": "thief", "namespace": ns}
    spec = {**spec, "replicas": 0}
    cluster.apply("agent", {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": thief, "spec": spec})
    assert not happens(lambda: not cluster.items("pods", "-n", ns), 10)


def test_n3_a_revision_is_not_forgotten_by_relabelling_its_replica_set(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=1, images=2)
    sets = cluster.items("replicasets", "-n", ns)
    old = next(item for item in sets if item["spec"]["replicas"] == 0)["metadata"]["name"]
    cluster.kubectl("agent", "label", "rs", old, "-n", ns, "app-")
    happens(lambda: not cluster.get("rs", old, ns)["metadata"].get("ownerReferences"), 5)
    cluster.kubectl("agent", "set", "image", "deployment/checkout", "shop=shop:v1", "-n", ns).must_be_refused()


def test_n4_the_pods_of_a_deployment_are_not_all_replaced_by_relabelling_its_replica_set(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=2)
    victim = cluster.items("replicasets", "-n", ns)[0]["metadata"]["name"]
    tree = cluster.get("deployment", "checkout", ns)
    before = {pod["metadata"]["name"] for pod in cluster.items("pods", "-n", ns)}
    cluster.kubectl("agent", "label", "rs", victim, "-n", ns, "app-")
    happens(lambda: len(cluster.items("replicasets", "-n", ns)) == 2, 5)
    spec = {"replicas": 0, "selector": tree["spec"]["selector"], "template": tree["spec"]["template"]}
    metadata = {"name": "thief", "namespace": ns}
    cluster.apply("agent", {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})
    cluster.kubectl("agent", "label", "rs", victim, "-n", ns, "app=checkout")
    assert not happens(lambda: not before & {pod["metadata"]["name"] for pod in cluster.items("pods", "-n", ns)}, 10)


def test_n5_the_status_of_a_quota_does_not_keep_anybody_from_objecting(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(1))
    metadata, spec = {"name": "q", "namespace": ns}, {"hard": {"count/configmaps": "50"}}
    cluster.apply("mallory", {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": spec})
    await_true(lambda: "used" in (cluster.get("resourcequota", "q", ns).get("status") or {}), "it is in force")
    counts = {"count/signoffs.cutline.dev": "0"}
    path = f"/api/v1/namespaces/{ns}/resourcequotas/q/status"
    cluster.send("mallory", "PATCH", path, {"status": {"hard": counts, "used": counts}}, MERGE)
    cluster.sign("alice", name, ns, "Revoke").must_pass()


def test_n6_a_forged_review_claims_nothing_in_somebody_elses_name(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.signed("bob", ns, "ScaleDown", CHECKOUT, **scale_down(1))
    configuration = cluster.send("agent", "GET", GATE_CONFIGURATION)
    if not configuration.passed:
        return  # the agent does not learn the path
    client = configuration.body["webhooks"][0]["clientConfig"]
    tree = cluster.get("deployment", "checkout", ns)
    fewer = deepcopy(tree)
    fewer["spec"]["replicas"] = 1
    review = {
        "uid": str(uuid.uuid4()),
        "operation": "UPDATE",
        "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
        "namespace": ns,
        "name": "checkout",
        "userInfo": {"username": "bob", "groups": ["people", "sre"]},
        "oldObject": tree,
        "object": fewer,
    }
    address = urllib.parse.urlsplit(client["url"])
    context = ssl.create_default_context(cadata=base64.b64decode(client["caBundle"]).decode())
    connection = http.client.HTTPSConnection(address.netloc, timeout=10, context=context)
    connection.request("POST", address.path, json.dumps({"request": review}), {"Content-Type": "application/json"})
    connection.getresponse().read()
    connection.close()
    assert not cluster.admitted(name)


def test_n7_the_collectors_rows_open_no_more_than_letting_go(cluster: Cluster) -> None:
    """Only for whoever holds its token: the UPDATE rows exempt any change, spec and all."""
    ns = cluster.namespace()
    cluster.deployment(ns)
    kubeconfig = cluster.testbed.layout.kubeconfig("collector")
    cluster.testbed.token_kubeconfig(kubeconfig, "kube-system", "generic-garbage-collector")
    body = {"spec": {"replicas": 1}}
    cluster.login("collector").send("PATCH", f"{deployments(ns)}/checkout", body, MERGE).must_be_refused()
