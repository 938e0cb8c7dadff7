"""The way out for one human at 3 a.m.: at once, for that human alone, loud, and over soon."""

from typing import Any

import pytest

from tests.e2e.cluster import AGENT, Cluster
from tests.e2e.login import MERGE
from tests.e2e.manifests import CHECKOUT, scale_down
from tests.e2e.told import await_events, await_phase, conditions, operator_metric
from tests.e2e.waiting import await_true

pytestmark = pytest.mark.e2e

CALL = {"reason": "checkout is down and nobody answers the phone", "ticket": "INC-1207"}
PROPOSES: dict[str, list[str]] = {
    "apiGroups": ["cutline.dev"],
    "resources": ["remediationproposals"],
    "verbs": ["create", "get"],
}


def shop(cluster: Cluster) -> str:
    ns = cluster.namespace()
    cluster.deployment(ns)
    return ns


def call(cluster: Cluster, persona: str, ns: str, **spec: Any) -> str:
    return cluster.propose(persona, ns, "ScaleDown", CHECKOUT, **scale_down(2), emergency=CALL, **spec)


def scale(ns: str) -> tuple[str, ...]:
    return ("scale", "deployment/checkout", "-n", ns, "--replicas=2")


def emergencies(cluster: Cluster) -> float:
    """What the webhook's metrics say of admitted emergencies."""
    lines = cluster.metrics().splitlines()
    found = [line for line in lines if line.startswith("cutline_emergency_admitted_total ")]
    assert found
    return sum(float(line.split()[1]) for line in found)


def test_an_emergency_is_admitted_at_once_for_its_caller_alone_and_counted(cluster: Cluster) -> None:
    ns = shop(cluster)
    before = emergencies(cluster)
    name = call(cluster, "alice", ns)
    for persona in ("agent", "bob", "mallory", "admin"):
        cluster.kubectl(persona, *scale(ns)).must_be_refused(
            f"proposal {name}", "an emergency, 14m left", "only its proposer alice may use it"
        )
    cluster.kubectl("alice", *scale(ns), "--dry-run=server").must_pass()
    assert emergencies(cluster) == before
    cluster.kubectl("alice", *scale(ns)).must_pass()
    assert emergencies(cluster) == before + 1
    (record,) = cluster.admitted(name)
    assert record["spec"]["signedBy"] == "alice (emergency)"
    assert record["spec"]["emergency"] == CALL
    # Once is once, also in an emergency.
    cluster.kubectl("alice", "scale", "deployment/checkout", "-n", ns, "--replicas=4").must_pass()
    cluster.kubectl("alice", *scale(ns)).must_be_refused("was used already")


def test_an_emergency_says_why_and_where(cluster: Cluster) -> None:
    ns = shop(cluster)
    for missing in CALL:
        incomplete = {key: value for key, value in CALL.items() if key != missing}
        cluster.try_propose("alice", ns, "ScaleDown", CHECKOUT, **scale_down(2), emergency=incomplete).must_be_refused(
            f"spec.emergency.{missing}"
        )
        empty = CALL | {missing: ""}
        cluster.try_propose("alice", ns, "ScaleDown", CHECKOUT, **scale_down(2), emergency=empty).must_be_refused(
            f"spec.emergency.{missing}"
        )


def test_only_a_human_with_the_right_calls_an_emergency(cluster: Cluster) -> None:
    ns = shop(cluster)
    granted = {"apiGroups": ["cutline.dev"], "resources": ["actions"], "verbs": ["emergency"]}
    for user in (AGENT, "robot"):
        cluster.allow(user, ns, granted)
    cluster.allow("platform", ns, PROPOSES)
    for persona in ("agent", "robot", "admin"):
        cluster.try_propose(persona, ns, "ScaleDown", CHECKOUT, **scale_down(2), emergency=CALL).must_be_refused(
            "spec.emergency: only a human can call an emergency"
        )
    cluster.try_propose("platform", ns, "ScaleDown", CHECKOUT, **scale_down(2), emergency=CALL).must_be_refused(
        f"spec.emergency: platform may not emergency actions.cutline.dev/ScaleDown in namespace {ns}"
    )


def test_an_emergency_is_over_after_its_time(cluster: Cluster) -> None:
    ns = shop(cluster)
    name = call(cluster, "alice", ns, validFor="2s")
    path = f"/apis/apps/v1/namespaces/{ns}/deployments/checkout/scale?dryRun=All"
    await_true(
        lambda: not cluster.send("alice", "PATCH", path, {"spec": {"replicas": 2}}, MERGE).passed,
        "the emergency is over",
    )
    cluster.kubectl("alice", *scale(ns)).must_be_refused("its 2s are over")
    assert cluster.admitted(name) == []
    # Nobody's approval gives an emergency more time.
    cluster.sign("bob", name, ns).must_pass()
    cluster.kubectl("alice", *scale(ns)).must_be_refused("ScaleDown of deployment/checkout")


def test_a_rejection_ends_an_emergency(cluster: Cluster) -> None:
    ns = shop(cluster)
    name = call(cluster, "alice", ns)
    cluster.sign("bob", name, ns, "Reject").must_pass()
    cluster.kubectl("alice", *scale(ns)).must_be_refused("rejected by bob")
    assert cluster.admitted(name) == []


def test_an_emergency_is_reviewed_by_somebody_else_even_after_the_time_to_decide(cluster: Cluster) -> None:
    ns = shop(cluster)
    name = call(cluster, "alice", ns, decideWithin="1s")
    cluster.kubectl("alice", *scale(ns)).must_pass()
    cluster.sign("alice", name, ns).must_be_refused("alice proposed this and cannot sign it")
    cluster.sign("agent", name, ns).must_be_refused()
    cluster.sign("bob", name, ns).must_pass()
    (review,) = cluster.items("signoffs", "-n", ns)
    assert (review["spec"]["by"]["username"], review["spec"]["decision"]) == ("bob", "Approve")


def test_an_emergency_admits_nothing_but_what_it_says(cluster: Cluster) -> None:
    ns = shop(cluster)
    call(cluster, "alice", ns)
    cluster.kubectl("alice", "scale", "deployment/checkout", "-n", ns, "--replicas=1").must_be_refused(
        "signed with other values"
    )
    cluster.kubectl("bob", "scale", "deployment/checkout", "-n", ns, "--replicas=6").must_pass()
    cluster.kubectl("alice", *scale(ns)).must_be_refused("ScaleDown of deployment/checkout")


def open_emergencies(cluster: Cluster) -> int:
    """How many stand without anybody's word: their callers cannot sign them, so who signs is another."""
    called = {one["metadata"]["uid"] for one in cluster.items("rprop", "-A") if "emergency" in one["spec"]}
    return len(called - {one["spec"]["proposalUID"] for one in cluster.items("signoffs", "-A")})


def test_an_emergency_is_told_and_stays_open_until_somebody_else_has_reviewed_it(cluster: Cluster) -> None:
    ns = shop(cluster)
    name = call(cluster, "alice", ns)
    note = f"alice called an emergency, ticket INC-1207: ScaleDown of deployment/checkout ({ns}); another human must"
    said = await_events(cluster, "RemediationProposal", name, ns, "Emergency", "Approved")
    assert said["Emergency"] == ("Warning", f"{note} review it")
    assert (
        await_events(cluster, "Deployment", "checkout", ns, "Emergency", "Approved")["Emergency"] == said["Emergency"]
    )
    status = await_phase(cluster, name, ns, "Approved")
    assert status["signed"] == "emergency"
    assert conditions(status)["Approved"] == ("True", "Emergency")

    def is_counted() -> bool:
        return operator_metric(cluster, "cutline_emergencies_open") == open_emergencies(cluster)

    assert open_emergencies(cluster) >= 1
    await_true(is_counted, "the emergency is counted as open")
    cluster.kubectl("alice", *scale(ns)).must_pass()
    await_phase(cluster, name, ns, "Completed")
    await_true(is_counted, "its use has not ended it")
    before = open_emergencies(cluster)
    cluster.sign("bob", name, ns).must_pass()
    assert open_emergencies(cluster) < before
    await_true(is_counted, "the emergency is not counted any more")
    reasons = ("Emergency", "Approved", "Used", "Completed", "EmergencyReviewed")
    said = await_events(cluster, "RemediationProposal", name, ns, *reasons)
    assert said["EmergencyReviewed"][1].endswith("the emergency has been reviewed")
