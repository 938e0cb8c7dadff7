"""Silence is denial, and no approval lasts: every clock that ends a proposal or a signature."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.login import MERGE
from tests.e2e.manifests import CHECKOUT, line, scale_down
from tests.e2e.waiting import await_true

pytestmark = pytest.mark.e2e

# What is to happen before a clock runs out takes seconds on a busy machine, and the API server stamps whole ones.
_TIME_TO_SIGN = 15
_TIME_TO_USE = 8


def shop(cluster: Cluster, line_label: str = "production") -> str:
    ns = cluster.namespace(line=line_label)
    cluster.deployment(ns)
    return ns


def scale(ns: str) -> tuple[str, ...]:
    return ("scale", "deployment/checkout", "-n", ns, "--replicas=2")


def scale_path(ns: str) -> str:
    return f"/apis/apps/v1/namespaces/{ns}/deployments/checkout/scale"


def await_refusal(cluster: Cluster, ns: str, text: str, persona: str = "agent") -> None:
    """Wait until the scale-down, passing until then, is refused with this text."""

    def refused() -> bool:
        answer = cluster.send(persona, "PATCH", f"{scale_path(ns)}?dryRun=All", {"spec": {"replicas": 2}}, MERGE)
        assert answer.passed or text in answer.message, answer.message
        return not answer.passed

    await_true(refused, text)


def await_end_of_decision(cluster: Cluster, name: str, ns: str, seconds: int) -> None:
    created = datetime.fromisoformat(cluster.get("rprop", name, ns)["metadata"]["creationTimestamp"])
    await_true(lambda: datetime.now(UTC) > created + timedelta(seconds=seconds), "the time to decide is over")


def test_after_the_time_to_decide_nobody_approves_any_more(cluster: Cluster) -> None:
    ns = shop(cluster)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2), decideWithin="1s")
    await_end_of_decision(cluster, name, ns, 1)
    cluster.sign("alice", name, ns).must_be_refused("the time to decide ended at", "propose again")
    cluster.kubectl("agent", *scale(ns)).must_be_refused("the time to decide is over: propose again")
    # What weighs against it may still be said.
    cluster.sign("alice", name, ns, "Reject").must_pass()


def test_an_approval_given_in_time_outlives_the_time_to_decide(cluster: Cluster) -> None:
    ns = shop(cluster)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2), decideWithin=f"{_TIME_TO_SIGN}s")
    cluster.sign("alice", name, ns).must_pass()
    await_end_of_decision(cluster, name, ns, _TIME_TO_SIGN)
    cluster.kubectl("agent", *scale(ns)).must_pass()


def test_an_approval_ends_after_what_the_proposal_asked_for(cluster: Cluster) -> None:
    ns = shop(cluster)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2), validFor=f"{_TIME_TO_USE}s")
    cluster.sign("alice", name, ns).must_pass()
    await_refusal(cluster, ns, "the approval by alice has expired")
    cluster.kubectl("agent", *scale(ns)).must_be_refused("the approval by alice has expired", "1 approval from sre")
    assert cluster.admitted(name) == []
    # Another approval is another signature, with a time of its own.
    cluster.sign("alice", name, ns).must_pass()
    cluster.send("agent", "PATCH", scale_path(ns), {"spec": {"replicas": 2}}, MERGE).must_pass()


def test_an_approver_can_shorten_the_time(cluster: Cluster) -> None:
    ns = shop(cluster)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    cluster.sign("alice", name, ns, narrow={"validFor": "2s"}).must_pass()
    await_refusal(cluster, ns, "the approval by alice has expired")


def test_a_policy_caps_the_time_whatever_was_asked_for(cluster: Cluster) -> None:
    with cluster.policy(line("short", "ScaleDown", validFor="2s")) as short:
        ns = shop(cluster, short)
        name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2), validFor="30m")
        cluster.sign("alice", name, ns, narrow={"validFor": "30m"}).must_pass()
        await_refusal(cluster, ns, "the approval by alice has expired")


def test_no_proposal_asks_for_more_time_than_there_is(cluster: Cluster) -> None:
    ns = shop(cluster)
    for field, value in {"decideWithin": "25h", "validFor": "31m"}.items():
        spec = {**scale_down(2), field: value}
        cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT, **spec).must_be_refused(f"spec.{field}", "at most")
    for field, value in {"decideWithin": "soon", "validFor": "0s"}.items():
        spec = {**scale_down(2), field: value}
        cluster.try_propose("agent", ns, "ScaleDown", CHECKOUT, **spec).must_be_refused(f"spec.{field}")
