"""What an installation brings along besides the gate: a flow of its own for its requests, a policy to begin with."""

import re
from collections.abc import Iterator

import pytest

from tests.e2e import occasions
from tests.e2e.cluster import POLICIES, SYSTEM, Cluster
from tests.e2e.login import MERGE
from tests.e2e.told import operator_metric
from tests.e2e.waiting import await_true

pytestmark = pytest.mark.e2e

_DISPATCHED = re.compile(r'^apiserver_flowcontrol_dispatched_requests_total{flow_schema="cutline",.*} (\S+)$', re.M)
_REQUESTS = 30
_STARTER = f"{POLICIES}/production"
_PODS = ("deployment/cutline-operator", "-n", SYSTEM)


def _dispatched(cluster: Cluster) -> float:
    """How many requests the API server has put into our own flow schema so far."""
    exposed = cluster.kubectl("admin", "get", "--raw", "/metrics").must_pass().output
    return sum(map(float, _DISPATCHED.findall(exposed)))


def test_what_the_gate_reads_for_a_verdict_flows_apart_from_everything_else(cluster: Cluster) -> None:
    ns = cluster.namespace()
    cluster.deployment(ns)
    path = f"/apis/apps/v1/namespaces/{ns}/deployments/checkout?dryRun=All"
    before = _dispatched(cluster)
    for _ in range(_REQUESTS):
        cluster.send("robot", "PATCH", path, {"spec": {"replicas": 2}}, MERGE).must_be_refused("ScaleDown")
    # The operator's own requests meanwhile are a few; each verdict reads at least the target and its namespace.
    assert _dispatched(cluster) - before >= 2 * _REQUESTS


@pytest.fixture
def starter_policy_comes_back(cluster: Cluster) -> Iterator[None]:
    """Others need it: an operator without notes takes the installation for a new one, and makes it."""
    yield
    occasions.notes_made_anew(cluster)
    await_true(
        lambda: cluster.send("admin", "GET", _STARTER).passed, "the starter policy was made for a new installation"
    )
    cluster.await_line("production", "seed-line")


@pytest.mark.usefixtures("starter_policy_comes_back")
def test_the_starter_policy_is_made_once(cluster: Cluster) -> None:
    cluster.drop_policy("production")
    _restart_operator(cluster)
    await_true(
        lambda: operator_metric(cluster, "cutline_configured") == 1, "the new operator has done all that it does"
    )
    assert cluster.send("admin", "GET", _STARTER).status == 404


def _restart_operator(cluster: Cluster) -> None:
    if cluster.pods is None:
        cluster.processes.restart_operator()
        await_true(lambda: _answers(cluster), "the new operator answers")
        return
    cluster.kubectl("admin", "rollout", "restart", *_PODS).must_pass()
    cluster.rolled_out(SYSTEM, "deployment/cutline-operator")


def _answers(cluster: Cluster) -> bool:
    try:
        return bool(cluster.metrics("operator"))
    except OSError:
        return False
