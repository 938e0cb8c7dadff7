"""The reviews that are replayed: recorded from the API server of the testbed, each with its answer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench import workloads
from bench.api_client import ApiClient
from bench.cluster import Cluster
from bench.errors import BenchError
from bench.recording import Recorder, recording
from bench.sizes import RATE, SLOW_RATE
from cutline_testbed.pki import Authority

_NAMESPACE, _BIG_NAMESPACE = "bench-reviews", "bench-big"
# So that a list of the namespace's ReplicaSets, which a denial reads, is as long as in real ones.
_DEPLOYMENTS = 8
_REPLICAS = 3
_CONTROLLER = "system:serviceaccount:kube-system:deployment-controller"
_SETTLED_WITHIN_SECONDS = 60.0

ALLOWED, DENIED = '"allowed":true', '"allowed":false'
# Denied for want of a signature, which is a verdict; an error would be denied with another word.
_UNSIGNED = "NoProposal"


@dataclass(frozen=True, slots=True)
class ReviewCase:
    """One review and how each side answers it."""

    name: str
    body: bytes
    cutline_answers: str
    go_answers: str
    rate: float = RATE
    """Requests per second at which its latency is measured."""


def record(cluster: Cluster) -> tuple[ReviewCase, ...]:
    """Make the objects, provoke the requests, return the reviews."""
    admin = cluster.admin
    for name in (_NAMESPACE, _BIG_NAMESPACE):
        admin.create("/api/v1/namespaces", workloads.namespace(name, workloads.LINE))
    names = [f"web-{number}" for number in range(_DEPLOYMENTS)]
    for name in names:
        admin.apply(workloads.deployment_path(_NAMESPACE, name), workloads.deployment(name, _REPLICAS))
    big = workloads.deployment("big", _REPLICAS, size=workloads.BIG)
    admin.apply(workloads.deployment_path(_BIG_NAMESPACE, "big"), big)
    for namespace, name in [*((_NAMESPACE, name) for name in names), (_BIG_NAMESPACE, "big")]:
        _await_rollout(admin, workloads.deployment_path(namespace, name))
    authority = Authority(cluster.testbed.layout.pki)
    with recording(cluster.testbed.api(), authority, [_NAMESPACE, _BIG_NAMESPACE]) as recorder:
        return _recorded(recorder, cluster.agent)


def _recorded(recorder: Recorder, agent: ApiClient) -> tuple[ReviewCase, ...]:
    web, scale = (workloads.deployment_path(_NAMESPACE, name) for name in ("web-0", "web-0/scale"))
    big = workloads.deployment_path(_BIG_NAMESPACE, "big")
    fewer, more = _REPLICAS - 1, _REPLICAS + 1

    def dry_run(path: str, replicas: int) -> bytes:
        def act() -> None:
            agent.patch(path + "?dryRun=All", {"spec": {"replicas": replicas}})

        is_scale = path.endswith("/scale")
        return recorder.provoke(act, _asks_for("deployments", "scale" if is_scale else "", replicas))

    return (
        ReviewCase("Deployment, replicas raised", dry_run(web, more), ALLOWED, ALLOWED),
        ReviewCase("big Deployment, replicas raised", dry_run(big, more), ALLOWED, ALLOWED, SLOW_RATE),
        ReviewCase("ReplicaSet, exempt controller", _by_controller(recorder, agent), ALLOWED, ALLOWED),
        ReviewCase("scale, replicas raised", dry_run(scale, more), ALLOWED, ALLOWED, SLOW_RATE),
        ReviewCase("scale, replicas lowered", dry_run(scale, fewer), _UNSIGNED, DENIED, SLOW_RATE),
        ReviewCase("Deployment, replicas lowered", dry_run(web, fewer), _UNSIGNED, DENIED, SLOW_RATE),
    )


def _by_controller(recorder: Recorder, agent: ApiClient) -> bytes:
    """What the deployment controller sends while it carries out a scale-up."""
    path = workloads.deployment_path(_NAMESPACE, "web-1")
    replicas = _REPLICAS

    def act() -> None:
        nonlocal replicas
        replicas += 1
        agent.patch(path, {"spec": {"replicas": replicas}})

    def matches(request: dict[str, Any]) -> bool:
        sender, resource = request["userInfo"]["username"], request["resource"]["resource"]
        if (sender, resource) != (_CONTROLLER, "replicasets"):
            return False
        return bool(request["object"]["spec"]["replicas"] > request["oldObject"]["spec"]["replicas"])

    return recorder.provoke(act, matches)


def _asks_for(resource: str, subresource: str, replicas: int) -> Callable[[dict[str, Any]], bool]:
    def matches(request: dict[str, Any]) -> bool:
        asked = (request["resource"]["resource"], request.get("subResource", ""))
        return asked == (resource, subresource) and bool(request["object"]["spec"]["replicas"] == replicas)

    return matches


def _await_rollout(admin: ApiClient, path: str) -> None:
    deadline = time.monotonic() + _SETTLED_WITHIN_SECONDS
    while time.monotonic() < deadline:
        status = admin.get(path).get("status") or {}
        if status.get("readyReplicas") == _REPLICAS:
            return
        time.sleep(0.1)
    raise BenchError(f"{path} did not roll out within {_SETTLED_WITHIN_SECONDS:.0f} s")
