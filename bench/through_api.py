"""The second figure: what Cutline adds to a request through the API server.

The agent patches, one request after the other, on one connection. In every round the same is done with
the webhook configurations in place and with them taken away; nothing else differs.

What the gate reads live is measured at two paces. An API server serves a consistent list from its
cache and asks etcd at most ten times a second whether that is current; whoever asks again at once
waits for the rest of that tenth of a second. So requests come apart, as in life; one case does not
wait, to show the difference. Before each of them something unrelated is written, also as in life: in
a cluster where nothing at all happens every cache would be current already.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from typing import Any

from bench import workloads
from bench.api_client import Answer
from bench.cluster import Cluster
from bench.errors import BenchError
from bench.rounds import Spread, percentile, ratios, spread
from bench.sizes import Sizes
from cutline_testbed.report import Report

_CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1"
# Our own kinds first, as the operator does: when the gate begins to deny, what it asks for can be written.
_OURS = (
    "validatingwebhookconfigurations/cutline-kinds",
    "mutatingwebhookconfigurations/cutline-kinds",
    "validatingwebhookconfigurations/cutline-gate",
)
_GATED, _PLAIN = "bench-gated", "bench-plain"
_NEIGHBOURS = 8
_MANY = 100_000
_WARM_UP = 3
_NOTICED_WITHIN_SECONDS = 20.0
_STEADY = 3
# A little more than the time for which an API server holds back.
_PAUSE_SECONDS = 0.12
_SETTLE_SECONDS = 1.5
_UNRELATED = "/api/v1/namespaces/default/configmaps/bench"


@dataclass(slots=True)
class RequestFigure:
    """One case: seconds per request, per round, with and without Cutline."""

    name: str
    with_cutline: list[list[float]] = field(default_factory=list)
    without: list[list[float]] = field(default_factory=list)

    @property
    def ratio(self) -> Spread:
        """Of the medians of each round."""
        return ratios(_medians(self.with_cutline), _medians(self.without))

    @property
    def added_milliseconds(self) -> Spread:
        """Difference of the medians of each round."""
        pairs = zip(_medians(self.with_cutline), _medians(self.without), strict=True)
        return spread((ours - plain) * 1000 for ours, plain in pairs)


def _medians(rounds: list[list[float]]) -> Iterator[float]:
    return (percentile(seconds, 50) for seconds in rounds)


@dataclass(frozen=True, slots=True)
class _Steady:
    """A request that can be repeated for ever: the n-th body differs from the one before."""

    name: str
    path: str
    body: Callable[[int], dict[str, Any]]
    is_denied: bool = False
    is_paced: bool = False


def _new_template(number: int) -> dict[str, Any]:
    """What any rollout does; the gate has to look whether it is a rollback."""
    return {"spec": {"template": {"metadata": {"annotations": {"example.com/build": str(number)}}}}}


SIGNED = "admitted: replicas lowered, signed"
_STEADIES = (
    _Steady(
        "no label, not asked: replicas raised",
        workloads.deployment_path(_PLAIN, "steady"),
        lambda n: {"spec": {"replicas": _MANY + n}},
    ),
    _Steady(
        "gated, not asked: replicas raised",
        workloads.deployment_path(_GATED, "raised"),
        lambda n: {"spec": {"replicas": _MANY + n}},
    ),
    _Steady(
        "judged, admitted: new template",
        workloads.deployment_path(_GATED, "rolled"),
        _new_template,
        is_paced=True,
    ),
    _Steady(
        "the same without a pause",
        workloads.deployment_path(_GATED, "rolled"),
        _new_template,
    ),
    _Steady(
        "denied: replicas lowered, unsigned",
        workloads.deployment_path(_GATED, "lowered"),
        lambda n: {"spec": {"replicas": _MANY - n}},
        is_denied=True,
        is_paced=True,
    ),
)


def measure_requests(cluster: Cluster, sizes: Sizes, report: Report) -> tuple[RequestFigure, ...]:
    """Rounds of both variants; the one that goes first alternates."""
    _make_objects(cluster)
    figures = {name: RequestFigure(name) for name in (*(steady.name for steady in _STEADIES), SIGNED)}
    switch = _Switch(cluster)
    numbers = count(1)
    for number in range(sizes.request_rounds):
        report.say(f"requests through the API server: round {number + 1} of {sizes.request_rounds}")
        for gated in (True, False) if number % 2 == 0 else (False, True):
            switch.turn(on=gated)
            namespace = f"bench-signed-{number}-{'with' if gated else 'without'}"
            paths = _prepare_signed(cluster, namespace, sizes.paced_requests + _WARM_UP, gated)
            # What was just made keeps the controllers busy for a moment.
            time.sleep(_SETTLE_SECONDS)
            timed = {steady.name: _repeat(cluster, steady, sizes, numbers, gated) for steady in _STEADIES}
            timed[SIGNED] = _once_each(cluster, paths, numbers)
            for name, seconds in timed.items():
                (figures[name].with_cutline if gated else figures[name].without).append(seconds)
            report.progress("requests through the API server")
    switch.turn(on=True)
    return tuple(figures.values())


def _make_objects(cluster: Cluster) -> None:
    admin = cluster.admin
    for name, labels in ((_GATED, workloads.LINE), (_PLAIN, {})):
        admin.create("/api/v1/namespaces", workloads.namespace(name, labels))
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bench"}, "data": {}}
    admin.create(_UNRELATED.rpartition("/")[0], config_map)
    for number in range(_NEIGHBOURS):
        path = workloads.deployment_path(_GATED, f"neighbour-{number}")
        admin.apply(path, workloads.deployment(f"neighbour-{number}", 1))
    for path in ({steady.path for steady in _STEADIES}) | {_Switch.PROBED}:
        admin.apply(path, workloads.deployment(path.rpartition("/")[2], _MANY, paused=True))


def _repeat(cluster: Cluster, steady: _Steady, sizes: Sizes, numbers: Iterator[int], gated: bool) -> list[float]:
    """Seconds of each request after the warm-up."""
    expected = HTTPStatus.FORBIDDEN if steady.is_denied and gated else HTTPStatus.OK
    taken = []
    for _ in range(_WARM_UP + (sizes.paced_requests if steady.is_paced else sizes.requests)):
        number = next(numbers)
        if steady.is_paced:
            _let_time_pass(cluster, number)
        answer = cluster.agent.patch(steady.path, steady.body(number))
        taken.append(_expected(answer, expected, steady.name).seconds)
    return taken[_WARM_UP:]


def _once_each(cluster: Cluster, paths: list[str], numbers: Iterator[int]) -> list[float]:
    taken = []
    for path in paths:
        _let_time_pass(cluster, next(numbers))
        answer = cluster.agent.patch(path, {"spec": {"replicas": 1}})
        taken.append(_expected(answer, HTTPStatus.OK, SIGNED).seconds)
    return taken[_WARM_UP:]


def _let_time_pass(cluster: Cluster, number: int) -> None:
    time.sleep(_PAUSE_SECONDS)
    cluster.admin.patch(_UNRELATED, {"data": {"number": str(number)}})


def _expected(answer: Answer, status: HTTPStatus, what: str) -> Answer:
    if answer.status != status:
        raise BenchError(f"{what}: expected {status:d}, got {answer.status} {answer.body.decode()[:600]}")
    return answer


def _prepare_signed(cluster: Cluster, namespace: str, number: int, gated: bool) -> list[str]:
    """Deployments to lower once each; where the gate stands, with a proposal by the agent that alice signed.

    Every round has a namespace of its own: the gate reads all of a namespace's proposals.
    """
    cluster.admin.create("/api/v1/namespaces", workloads.namespace(namespace, workloads.LINE))
    names = [f"signed-{index}" for index in range(number)]
    paths = [workloads.deployment_path(namespace, name) for name in names]
    for name, path in zip(names, paths, strict=True):
        cluster.admin.apply(path, workloads.deployment(name, 2, paused=True))
        if gated:
            _propose_and_sign(cluster, namespace, name)
    return paths


def _propose_and_sign(cluster: Cluster, namespace: str, name: str) -> None:
    api = f"/apis/cutline.dev/v1alpha1/namespaces/{namespace}"
    proposal = {
        "action": "ScaleDown",
        "target": {"group": "apps", "kind": "Deployment", "name": name},
        "scaleDown": {"replicas": 1},
        "why": {"summary": "a benchmark lowers its replicas"},
    }
    stamped = cluster.agent.create(f"{api}/remediationproposals", _own("RemediationProposal", name, proposal))
    signoff = {
        "proposal": name,
        "digest": stamped["spec"]["digest"],
        "decision": "Approve",
        "reason": "a benchmark",
    }
    cluster.alice.create(f"{api}/signoffs", _own("Signoff", name, signoff))


def _own(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "cutline.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


class _Switch:
    """Takes Cutline's webhook configurations away and puts them back, and awaits that it took effect."""

    PROBED = workloads.deployment_path(_GATED, "probed")

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._saved = {path: _as_created(cluster.admin.get(f"{_CONFIGURATIONS}/{path}")) for path in _OURS}
        self._is_on = True

    def turn(self, *, on: bool) -> None:
        if on is self._is_on:
            return
        for path in _OURS if on else reversed(_OURS):
            if on:
                self._cluster.admin.create(f"{_CONFIGURATIONS}/{path.partition('/')[0]}", self._saved[path])
            else:
                self._cluster.admin.delete(f"{_CONFIGURATIONS}/{path}")
        self._is_on = on
        self._await(HTTPStatus.FORBIDDEN if on else HTTPStatus.OK)

    def _await(self, status: HTTPStatus) -> None:
        """The API server learns of its configurations by a watch, each kind of them by its own."""
        deadline = time.monotonic() + _NOTICED_WITHIN_SECONDS
        in_a_row = 0
        while in_a_row < _STEADY:
            if time.monotonic() > deadline:
                raise BenchError(f"the API server does not answer {status:d} to a scale-down")
            answer = self._cluster.agent.patch(f"{self.PROBED}?dryRun=All", {"spec": {"replicas": 1}})
            in_a_row = in_a_row + 1 if answer.status == status else 0
            time.sleep(0.1)


def _as_created(tree: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: tree["metadata"][key] for key in ("name", "labels", "annotations", "ownerReferences")}
    return {"apiVersion": tree["apiVersion"], "kind": tree["kind"], "metadata": metadata, "webhooks": tree["webhooks"]}
