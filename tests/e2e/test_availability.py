"""What stops when a part of Cutline stops: with the operator nothing, with the webhook only what
may be gated, and never does an error, a start or a stop let an unsigned change through.
"""

import base64
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from tests.e2e.cluster import SYSTEM, Cluster
from tests.e2e.load import Load
from tests.e2e.login import MERGE
from tests.e2e.manifests import CHECKOUT, scale_down
from tests.e2e.waiting import await_true

pytestmark = [pytest.mark.e2e, pytest.mark.processes]

_DOWN = "failed calling webhook"
UNDECIDED = "Cutline is undecided about this request"


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()


def _scale(namespace: str, replicas: int) -> tuple[str, ...]:
    return ("scale", "deployment/checkout", "-n", namespace, f"--replicas={replicas}")


def _path(namespace: str, rest: str = "deployments/checkout", group: str = "apis/apps/v1") -> str:
    return f"/{group}/namespaces/{namespace}/{rest}"


def _pods(cluster: Cluster, namespace: str) -> dict[str, str]:
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in cluster.items("pods", "-n", namespace)}


def _whole_path(cluster: Cluster, namespace: str) -> None:
    """Refused, proposed, signed, let through once, refused again."""
    command = _scale(namespace, 2)
    cluster.kubectl("agent", *command, "--dry-run=server").must_be_refused("needs a signed proposal")
    name = cluster.propose("agent", namespace, "ScaleDown", CHECKOUT, **scale_down(2))
    cluster.kubectl("agent", *command).must_be_refused(f"proposal {name}", "not signed")
    cluster.sign("alice", name, namespace).must_pass()
    cluster.kubectl("agent", *command).must_pass()
    cluster.kubectl("agent", *_scale(namespace, 4)).must_pass()
    cluster.kubectl("agent", *command).must_be_refused("was used already")
    assert len(cluster.admitted(name)) == 1


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_without_the_operator_every_verdict_is_the_same(cluster: Cluster, end: str) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    operator = cluster.processes.operator
    (operator.stop if end == "stop" else operator.kill)()
    assert operator.pid() is None
    _whole_path(cluster, ns)


def test_a_policy_made_while_the_operator_is_down_is_in_force_at_once(cluster: Cluster) -> None:
    cluster.processes.operator.kill()
    ns = cluster.namespace(line="new-line")
    cluster.deployment(ns)
    cluster.kubectl("agent", *_scale(ns, 3)).must_pass()
    line = {"name": "first", "actions": ["ScaleDown"], "require": {"approvals": 1, "from": [{"userGroup": "sre"}]}}
    where = {"namespaces": {"matchLabels": {"cutline.dev/line": "new-line"}}}
    cluster.apply(
        "platform",
        {
            "apiVersion": "cutline.dev/v1alpha1",
            "kind": "ReversibilityPolicy",
            "metadata": {"name": "new-line"},
            "spec": {"enforcement": "Deny", "where": where, "lines": [line]},
        },
    ).must_pass()
    try:
        dry = _path(ns) + "/scale?dryRun=All"
        await_true(
            lambda: not cluster.send("agent", "PATCH", dry, {"spec": {"replicas": 2}}, MERGE).passed,
            "the webhook knew of the policy",
        )
        cluster.kubectl("agent", *_scale(ns, 2)).must_be_refused("new-line/first")
    finally:
        cluster.drop_policy("new-line")


def test_while_the_webhook_is_down_what_may_be_gated_stops_and_everything_else_runs(cluster: Cluster) -> None:
    gated, free = cluster.namespace(), cluster.namespace(line=None)
    cluster.deployment(gated)
    cluster.deployment(free)
    before = _pods(cluster, gated)
    pod = next(iter(before))
    cluster.testbed.issue_kubeconfig("kubelet-1", "system:node:node-1", ("system:nodes",))
    cluster.processes.webhook.kill()
    _gated_stops(cluster, gated, pod)
    _gated_runs_on(cluster, gated)
    _free_runs_on(cluster, free)
    assert before.items() <= _pods(cluster, gated).items()
    cluster.processes.start_webhook()
    cluster.kubectl("agent", *_scale(gated, 2)).must_be_refused("needs a signed proposal")
    cluster.kubectl("agent", "set", "image", "deployment/checkout", "shop=shop:v3", "-n", gated).must_pass()


def _gated_stops(cluster: Cluster, ns: str, pod: str) -> None:
    for persona in ("agent", "admin"):
        for command in (
            _scale(ns, 2),
            ("set", "image", "deployment/checkout", "shop=shop:v2", "-n", ns),
            ("rollout", "restart", "deployment/checkout", "-n", ns),
            ("delete", "pod", pod, "-n", ns, "--wait=false"),
            # `kubectl cordon` prints the refusal and answers 0.
            ("patch", "node", "node-1", "-p", '{"spec":{"unschedulable":true}}'),
            ("taint", "node", "node-1", "gone=yes:NoExecute"),
            ("label", "namespace", ns, "cutline.dev/line-"),
            ("label", "namespace", ns, "cutline.dev/line=other", "--overwrite"),
            ("label", "pod", pod, "-n", ns, "app-"),
        ):
            cluster.kubectl(persona, *command).must_be_refused(_DOWN, "gate.cutline.dev")
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": ns}}
        answer = cluster.send(persona, "POST", _path(ns, f"pods/{pod}/eviction", "api/v1"), eviction)
        answer.must_be_refused(_DOWN, "evictions.gate.cutline.dev")
        collection = cluster.send(persona, "DELETE", _path(ns, "pods", "api/v1"))
        collection.must_be_refused(_DOWN, "pods.gate.cutline.dev")
    cluster.kubectl("platform", "delete", "revpol", "production").must_be_refused(_DOWN, "policies.gate.cutline.dev")


def _gated_runs_on(cluster: Cluster, ns: str) -> None:
    """What surely is not gated, right where the line is drawn."""
    cluster.kubectl("agent", *_scale(ns, 5)).must_pass()
    cluster.rolled_out(ns, "deployment/checkout")
    stored = cluster.get("deployment", "checkout", ns)
    cluster.send("agent", "PUT", _path(ns), stored).must_pass()
    cluster.kubectl("agent", "annotate", "deployment", "checkout", "-n", ns, "note=seen").must_pass()
    cluster.kubectl("admin", "annotate", "node", "node-1", "note=seen", "--overwrite").must_pass()
    cluster.kubectl("admin", "annotate", "namespace", ns, "note=seen").must_pass()
    cluster.kubectl("admin", "run", "extra", "-n", ns, "--image=shop:v1").must_pass()
    cluster.kubectl("admin", "create", "configmap", "settings", "-n", ns).must_pass()
    status = {"status": {"conditions": [{"type": "Tested", "status": "True", "reason": "Test", "message": ""}]}}
    cluster.send("admin", "PATCH", _path(ns) + "/status", status, MERGE).must_pass()
    beat = {"status": {"nodeInfo": {"kubeletVersion": "v1.37.2"}}}
    cluster.send("kubelet-1", "PATCH", "/api/v1/nodes/node-1/status", beat, MERGE).must_pass()


def _free_runs_on(cluster: Cluster, ns: str) -> None:
    cluster.kubectl("agent", "set", "image", "deployment/checkout", "shop=shop:v2", "-n", ns).must_pass()
    cluster.rolled_out(ns, "deployment/checkout")
    cluster.kubectl("agent", "rollout", "undo", "deployment/checkout", "-n", ns).must_pass()
    cluster.rolled_out(ns, "deployment/checkout")
    cluster.kubectl("agent", *_scale(ns, 1)).must_pass()
    await_true(lambda: len(_pods(cluster, ns)) == 1, "the pods were taken away")
    cluster.kubectl("agent", "delete", "deployment", "checkout", "-n", ns).must_pass()


# While it comes and goes.


def test_restarts_under_load_let_nothing_unsigned_through_and_hold_up_nothing_else(cluster: Cluster) -> None:
    gated, free = cluster.namespace(), cluster.namespace(line=None)
    for ns in (gated, free):
        cluster.deployment(ns)
    pods = _pods(cluster, gated)
    agent, robot = cluster.login("agent"), cluster.login("robot")
    load, sizes = Load(), iter(range(10**9))
    for login, name in ((agent, "gated scale of the agent"), (robot, "gated scale of the robot")):
        load.keep(
            name,
            partial(login.send, "PATCH", _path(gated) + "/scale", {"spec": {"replicas": 2}}, MERGE),
        )
    pod = _path(gated, f"pods/{next(iter(pods))}", "api/v1")
    load.keep("gated delete", lambda: agent.send("DELETE", pod))
    load.keep(
        "annotation here",
        lambda: agent.send("PATCH", _path(gated), {"metadata": {"annotations": {"n": str(next(sizes))}}}, MERGE),
    )
    load.keep(
        "scale elsewhere",
        lambda: robot.send("PATCH", _path(free) + "/scale", {"spec": {"replicas": 1 + next(sizes) % 3}}, MERGE),
    )
    with load:
        for _ in range(3):
            load.await_more("gated delete", 403)
            cluster.processes.stop_webhook()
            load.await_more("gated delete", 500)
            cluster.processes.start_webhook()
    for name, counted in load.statuses.items():
        expected = {403, 500} if name.startswith("gated") else {200}
        assert set(counted) == expected, f"{name}: {counted}"
    assert pods == _pods(cluster, gated)
    assert cluster.replicas(gated) == 4


# While it may not read or write.


@contextmanager
def _without(cluster: Cluster, kind: str, namespace: str = "") -> Iterator[None]:
    """For a while the webhook's account is not bound to its role."""
    where = ("-n", namespace) if namespace else ()
    stored = cluster.get(kind, "cutline-webhook", namespace)
    stored["metadata"] = {key: stored["metadata"].get(key) for key in ("name", "namespace", "labels", "annotations")}
    cluster.kubectl("admin", "delete", kind, "cutline-webhook", *where).must_pass()
    try:
        yield
    finally:
        cluster.kubectl("admin", "create", "-f", "-", stdin=json.dumps(stored)).must_pass()


@pytest.mark.parametrize(("kind", "namespace"), [("clusterrolebinding", ""), ("rolebinding", SYSTEM)])
def test_a_webhook_without_its_rights_admits_not_even_what_is_signed(
    cluster: Cluster, kind: str, namespace: str
) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    with _without(cluster, kind, namespace):
        await_true(lambda: not _may_claim(cluster, ns), "the rights were gone")
        for persona in ("agent", "robot"):
            cluster.kubectl(persona, *_scale(ns, 2)).must_be_refused()
        cluster.kubectl("agent", *_scale(ns, 2)).must_be_refused(UNDECIDED)
        cluster.kubectl("agent", *_scale(ns, 5)).must_pass()
        cluster.kubectl("agent", *_scale(ns, 4)).must_be_refused()
        assert cluster.admitted(name) == []
        cluster.kubectl("admin", *_scale(ns, 6)).must_pass()
    assert cluster.replicas(ns) == 6


def _may_claim(cluster: Cluster, namespace: str) -> bool:
    account = f"--as=system:serviceaccount:{SYSTEM}:cutline-webhook"
    reads = cluster.kubectl("admin", "auth", "can-i", "get", "deployments.apps", "-n", namespace, account)
    claims = cluster.kubectl("admin", "auth", "can-i", "create", "admittedchanges.cutline.dev", "-n", SYSTEM, account)
    return reads.passed and claims.passed


def test_rights_that_come_back_let_the_signed_change_through(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    with _without(cluster, "rolebinding", SYSTEM):
        await_true(lambda: not _may_claim(cluster, ns), "the rights were gone")
        cluster.kubectl("agent", *_scale(ns, 2)).must_be_refused(UNDECIDED)
        assert cluster.replicas(ns) == 4
    await_true(lambda: _may_claim(cluster, ns), "the rights were back")
    cluster.kubectl("agent", *_scale(ns, 2)).must_pass()
    assert len(cluster.admitted(name)) == 1


# While the rest of the cluster comes and goes.


def test_an_api_server_that_was_restarted_finds_the_gate_as_it_was(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    name = cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    webhook = cluster.processes.webhook.pid()
    cluster.testbed.stop_component("kube-apiserver")
    cluster.testbed.start_component("kube-apiserver")
    cluster.kubectl("agent", *_scale(ns, 1)).must_be_refused()
    await_true(lambda: cluster.kubectl("agent", *_scale(ns, 2)).passed, "the signed change passed")
    cluster.kubectl("agent", *_scale(ns, 4)).must_pass()
    cluster.kubectl("agent", *_scale(ns, 2)).must_be_refused("was used already")
    assert len(cluster.admitted(name)) == 1
    assert cluster.processes.webhook.pid() == webhook


def test_a_new_certificate_is_taken_up_without_a_restart(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    processes = cluster.processes
    pids = (processes.webhook.pid(), processes.operator.pid())
    before = cluster.get("secret", "cutline-webhook-tls", SYSTEM)["data"]
    cluster.kubectl("admin", "delete", "secret", "cutline-webhook-tls", "-n", SYSTEM).must_pass()
    await_true(
        lambda: cluster.get("secret", "cutline-webhook-tls", SYSTEM).get("data", before) != before,
        "the operator issued another certificate",
    )
    after = cluster.get("secret", "cutline-webhook-tls", SYSTEM)["data"]
    assert before["path"] == after["path"]
    assert before["tls.crt"] != after["tls.crt"]

    def is_judged() -> bool:
        outcome = cluster.kubectl("agent", *_scale(ns, 2), "--dry-run=server").must_be_refused()
        return "needs a signed proposal" in outcome.output and _served(cluster) == _decoded(after["tls.crt"])

    await_true(is_judged, "the gate decided again, under the new certificate")
    assert (processes.webhook.pid(), processes.operator.pid()) == pids
    _whole_path(cluster, ns)


def _served(cluster: Cluster) -> str:
    port = cluster.testbed.state.ports["webhook"]
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=5)
