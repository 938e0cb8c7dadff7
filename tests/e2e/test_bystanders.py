"""Whoever has nothing to do with Cutline does not notice it: not where no line is drawn, not as a
controller, not as the webhook itself.

What is called is counted where the calls are made, in the API server's own metrics.
"""

import re
import secrets
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.cluster import SYSTEM, Cluster
from tests.e2e.login import MERGE
from tests.e2e.manifests import CHECKOUT, scale_down
from tests.e2e.told import await_draft
from tests.e2e.waiting import await_true

pytestmark = [pytest.mark.e2e, pytest.mark.processes]

_WEBHOOK_ACCOUNT = f"system:serviceaccount:{SYSTEM}:cutline-webhook"
_CALLS = re.compile(r"^apiserver_admission_webhook_request_total\{(.*)\} (\d+)", re.MULTILINE)


def _calls(cluster: Cluster, *, of: str = "gate.cutline.dev", operation: str = "") -> int:
    """How often the API server has called webhooks of ours, answered or not."""
    metrics = cluster.kubectl("admin", "get", "--raw", "/metrics").must_pass().output
    return sum(
        int(count)
        for labels, count in _CALLS.findall(metrics)
        if f'{of}"' in labels and f'operation="{operation}' in labels
    )


def _reviews(cluster: Cluster) -> float:
    """How many reviews the webhook itself counted."""
    port = cluster.testbed.state.ports["webhook-metrics"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("cutline_reviews_total{"))


@contextmanager
def _uncalled(cluster: Cluster) -> Iterator[None]:
    """Within this block the API server does not ask the gate."""
    before = _calls(cluster)
    yield
    assert _calls(cluster) == before


def _path(namespace: str, rest: str, group: str = "apis/apps/v1") -> str:
    return f"/{group}/namespaces/{namespace}/{rest}"


def _pods(cluster: Cluster, namespace: str) -> list[str]:
    return [pod["metadata"]["name"] for pod in cluster.items("pods", "-n", namespace)]


def _roll_and_shrink(cluster: Cluster, ns: str) -> None:
    cluster.deployment(ns, images=2)
    cluster.kubectl("agent", "rollout", "undo", "deployment/checkout", "-n", ns).must_pass()
    cluster.rolled_out(ns, "deployment/checkout")
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=3").must_pass()
    cluster.kubectl(
        "agent", "autoscale", "deployment", "checkout", "-n", ns, "--min=1", "--max=2", "--cpu=80%"
    ).must_pass()
    await_true(lambda: cluster.replicas(ns) == 2, "the autoscaler had lowered the replicas")
    cluster.kubectl("agent", "delete", "hpa", "checkout", "-n", ns).must_pass()


def _evict_within_a_budget(cluster: Cluster, ns: str) -> None:
    cluster.kubectl(
        "admin", "create", "pdb", "checkout", "-n", ns, "--selector=app=checkout", "--min-available=2"
    ).must_pass()
    await_true(
        lambda: cluster.get("pdb", "checkout", ns).get("status", {}).get("currentHealthy") == 2, "the budget was known"
    )
    pod = _pods(cluster, ns)[0]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": ns}}
    path = _path(ns, f"pods/{pod}/eviction", "api/v1")
    answer = cluster.send("agent", "POST", path, eviction)
    assert answer.status == 429, answer.message
    cluster.kubectl("admin", "delete", "pdb", "checkout", "-n", ns).must_pass()
    await_true(lambda: cluster.send("agent", "POST", path, eviction).passed, "the eviction passed")
    await_true(lambda: pod not in _pods(cluster, ns), "the pod had left")


def _run_a_cron_job(cluster: Cluster, ns: str) -> None:
    cluster.kubectl(
        "admin", "create", "cronjob", "report", "-n", ns, "--image=shop:v1", "--schedule=* * * * *"
    ).must_pass()
    # As if the last run were two minutes ago: the controller makes up for the one that was missed.
    last = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 120))
    status = {"status": {"lastScheduleTime": last}}
    cluster.send("admin", "PATCH", _path(ns, "cronjobs/report/status", "apis/batch/v1"), status, MERGE).must_pass()
    await_true(
        lambda: any(job.get("status", {}).get("succeeded") for job in cluster.items("jobs", "-n", ns)), "a job had run"
    )
    cluster.kubectl("admin", "delete", "cronjob", "report", "-n", ns).must_pass()
    await_true(lambda: not cluster.items("jobs", "-n", ns), "the jobs had gone with the cronjob")


def _beat(cluster: Cluster, ns: str) -> None:
    """What a kubelet sends: the status of its node and its lease."""
    cluster.testbed.issue_kubeconfig("kubelet-2", "system:node:node-2", ("system:nodes",))
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
    beat = {"status": {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": now[:19] + "Z"}]}}
    strategic = "application/strategic-merge-patch+json"
    cluster.send("kubelet-2", "PATCH", "/api/v1/nodes/node-2/status", beat, strategic).must_pass()
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "node-2"},
        "spec": {"renewTime": now},
    }
    path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-2?fieldManager=kubelet&force=true"
    cluster.send("kubelet-2", "PATCH", path, lease, "application/apply-patch+yaml").must_pass()


def _collect_garbage(cluster: Cluster, ns: str) -> None:
    cluster.kubectl("agent", "delete", "deployment", "checkout", "-n", ns, "--cascade=background").must_pass()
    await_true(lambda: not cluster.items("replicasets", "-n", ns), "the ReplicaSets were collected")
    await_true(lambda: not _pods(cluster, ns), "the pods were collected")


_SCENES = (_roll_and_shrink, _evict_within_a_budget, _run_a_cron_job, _beat, _collect_garbage)


def test_where_no_line_is_drawn_a_cluster_lives_as_if_there_were_no_cutline(cluster: Cluster) -> None:
    """The webhook is dead, so that a single call would be missed by somebody; none is made."""
    cluster.processes.webhook.kill()
    with _uncalled(cluster):
        ns = cluster.namespace(line=None)
        for scene in _SCENES:
            scene(cluster, ns)
        cluster.kubectl("agent", "delete", "--all", "pods", "-n", ns).must_pass()
        cluster.kubectl("admin", "delete", "namespace", ns, "--timeout=60s").must_pass()


def test_the_webhook_is_not_asked_about_a_namespace_without_the_label(cluster: Cluster) -> None:
    with _uncalled(cluster):
        before = _reviews(cluster)
        ns = cluster.namespace(line=None)
        cluster.deployment(ns, images=2)
        cluster.kubectl("agent", "rollout", "undo", "deployment/checkout", "-n", ns).must_pass()
        cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=0").must_pass()
        await_true(lambda: not _pods(cluster, ns), "the pods had left")
        cluster.kubectl("admin", "annotate", "namespace", ns, "note=seen").must_pass()
        assert _reviews(cluster) == before
    # Its labels do decide about lines.
    cluster.kubectl("admin", "label", "namespace", ns, "team=shop").must_pass()
    assert _reviews(cluster) == before + 1


def test_where_lines_are_drawn_the_webhook_is_asked_only_about_what_may_cross_one(cluster: Cluster) -> None:
    ns = cluster.namespace()
    with _uncalled(cluster):
        cluster.deployment(ns)
        stored = cluster.get("deployment", "checkout", ns)
        path = _path(ns, "deployments/checkout")
        cluster.send("agent", "PUT", path, stored).must_pass()
        cluster.send("agent", "PATCH", path, {"metadata": {"annotations": {"a": "b"}}}, MERGE).must_pass()
        cluster.send("agent", "PATCH", path, {"spec": {"replicas": 5}}, MERGE).must_pass()
        cluster.send("agent", "PATCH", f"{path}/scale", {"spec": {"replicas": 6}}, MERGE).must_pass()
        cluster.rolled_out(ns, "deployment/checkout")
        cluster.kubectl("admin", "create", "configmap", "settings", "-n", ns).must_pass()
        cluster.kubectl("admin", "run", "extra", "-n", ns, "--image=shop:v1").must_pass()
        cluster.kubectl("admin", "annotate", "node", "node-1", "note=seen", "--overwrite").must_pass()
        _beat(cluster, ns)
    # One request of a person is one question; what the controllers make of it is none.
    before = _calls(cluster)
    cluster.kubectl("agent", "set", "image", "deployment/checkout", "shop=shop:v2", "-n", ns).must_pass()
    cluster.rolled_out(ns, "deployment/checkout")
    assert _calls(cluster) == before + 1


def test_no_request_of_the_webhook_comes_back_to_it(cluster: Cluster) -> None:
    """A draft is stamped by no webhook and a claim is guarded by none, for the webhook writes them."""
    ns = cluster.namespace()
    cluster.deployment(ns)
    command = ("scale", "deployment/checkout", "-n", ns, "--replicas=2")
    own = len(_own_lines(cluster))
    stamped = _calls(cluster, of="stamp.kinds.cutline.dev")
    drafted = await_draft(cluster, ns, "checkout", lambda: cluster.kubectl("agent", *command).must_be_refused())
    assert _calls(cluster, of="stamp.kinds.cutline.dev") == stamped
    draft = drafted["metadata"]["name"]
    cluster.sign("alice", draft, ns).must_pass()
    assert _calls(cluster, of="stamp.kinds.cutline.dev") == stamped + 1
    guarded = _calls(cluster, of="guard.kinds.cutline.dev", operation="CREATE")
    cluster.kubectl("agent", *command).must_pass()
    assert len(cluster.admitted(draft)) == 1
    assert _calls(cluster, of="guard.kinds.cutline.dev", operation="CREATE") == guarded
    assert len(_own_lines(cluster)) == own
    _expect_own_writes_unjudged(cluster, ns, draft)


def _expect_own_writes_unjudged(cluster: Cluster, ns: str, draft: str) -> None:
    own = [event for event in cluster.audit(_WEBHOOK_ACCOUNT) if event["user"]["username"] == _WEBHOOK_ACCOUNT]
    created = [event for event in own if event["verb"] == "create" and event["responseStatus"]["code"] == 201]
    about = {(event["objectRef"]["resource"], event["objectRef"].get("namespace")) for event in created}
    assert {("remediationproposals", ns), ("admittedchanges", SYSTEM)} <= about
    assert not [event for event in own if any("admission" in key for key in event.get("annotations") or {})]
    # Anybody else's do pass the stamp, as the same log shows.
    signoffs = [event for event in cluster.audit(draft) if event["objectRef"]["resource"] == "signoffs"]
    assert any("admission" in key for event in signoffs for key in event["annotations"])


def _own_lines(cluster: Cluster) -> list[dict[str, Any]]:
    """What the webhook logged of requests in its own name."""
    lines = cluster.log_lines("cutline-webhook", _WEBHOOK_ACCOUNT)
    return [line for line in lines if line.get("user") == _WEBHOOK_ACCOUNT]


def test_an_eviction_of_nobody_is_answered_by_404_and_leaves_its_line(cluster: Cluster) -> None:
    ns, pod = cluster.namespace(), f"nobody-{secrets.token_hex(3)}"
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": ns}}
    answer = cluster.send("agent", "POST", f"/api/v1/namespaces/{ns}/pods/{pod}/eviction", eviction)
    assert answer.status == 404, answer
    (line,) = cluster.log_lines("cutline-webhook", pod)
    assert (line["reason"], line["response"]) == ("NoTarget", "Deny")


def test_an_impersonated_webhook_is_somebody_else(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    cluster.kubectl("agent", "scale", "deployment/checkout", "-n", ns, "--replicas=2").must_pass()
    record = cluster.admitted(name)[0]
    forged = {**record, "metadata": {"name": "forged", "namespace": SYSTEM}}
    path = f"/apis/cutline.dev/v1alpha1/namespaces/{SYSTEM}/admittedchanges"
    answer = cluster.login("admin").send("POST", path, forged, more_headers={"Impersonate-User": _WEBHOOK_ACCOUNT})
    answer.must_be_refused("written by Cutline's webhook alone")
