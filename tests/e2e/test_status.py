"""What people read of a proposal while it lives: its phase, what is signed, its conditions and what is said of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.cluster import AGENT, Cluster
from tests.e2e.login import MERGE
from tests.e2e.manifests import CHECKOUT, scale_down
from tests.e2e.told import await_events, await_phase, await_state, conditions, message, path_of
from tests.e2e.waiting import await_true

pytestmark = [pytest.mark.e2e, pytest.mark.processes]

_HOLD = "e2e.example.com/hold"
_DOWN = ("scale", "deployment/checkout", "--replicas=2")
_POD = {"group": "", "kind": "Pod"}


@pytest.fixture(scope="module", autouse=True)
def refused_elsewhere(standing_cluster: Cluster) -> Iterator[tuple[str, str]]:
    """A signed eviction that the gate let through and a disruption budget refused: namespace and proposal.

    It is begun before all other tests, for it takes the gate's answer more than half a minute to be final.
    """
    cluster = standing_cluster
    cluster.processes.start_operator()
    cluster.processes.start_webhook()
    cluster.processes.await_gate()
    ns = cluster.namespace()
    cluster.namespaces.remove(ns)  # it outlives the tests before the one that needs it
    cluster.deployment(ns, replicas=1)
    budget = ("pdb", "checkout", "-n", ns)
    cluster.kubectl("admin", "create", *budget, "--selector=app=checkout", "--min-available=1").must_pass()
    await_true(
        lambda: "currentHealthy" in (cluster.get("pdb", "checkout", ns).get("status") or {}), "the budget counts"
    )
    pod = cluster.items("pods", "-n", ns)[0]["metadata"]["name"]
    name = _approved(cluster, ns, "Restart", _POD | {"name": pod}, restart={})
    _evict(cluster, ns, pod).must_be_refused("disruption budget")
    yield ns, name
    cluster.kubectl("admin", "delete", "namespace", ns, "--wait=false")


def _evict(cluster: Cluster, ns: str, pod: str) -> Any:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": ns}}
    return cluster.send("agent", "POST", f"/api/v1/namespaces/{ns}/pods/{pod}/eviction", eviction)


def _shop(cluster: Cluster, *, replicas: int = 4) -> str:
    ns = cluster.namespace()
    cluster.deployment(ns, replicas=replicas)
    return ns


def _approved(cluster: Cluster, ns: str, action: str, target: dict[str, str], **spec: Any) -> str:
    """A signed proposal whose phases the operator has seen one by one: what it told of them is then known."""
    name = cluster.propose("agent", ns, action, target, **spec)
    await_phase(cluster, name, ns, "Pending")
    cluster.sign("alice", name, ns).must_pass()
    await_phase(cluster, name, ns, "Approved")
    return name


def _life(cluster: Cluster, name: str, ns: str, since: str) -> dict[str, dict[str, Any]]:
    """Each phase of a proposal from a version on until it is over, with the last status in it."""
    query = f"watch=true&fieldSelector=metadata.name={name}&resourceVersion={since}&timeoutSeconds=60"
    lived: dict[str, dict[str, Any]] = {}
    for event in cluster.login("admin").watch(f"{path_of(name, ns).rpartition('/')[0]}?{query}"):
        status = event["object"]["status"]
        lived[status["phase"]] = status
        if status["phase"] == "Completed":
            break
    return lived


def test_a_proposal_is_pending_then_approved(cluster: Cluster) -> None:
    ns = _shop(cluster)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    pending = await_phase(cluster, name, ns, "Pending")
    assert (pending["signed"], pending["missing"]) == ("0/1", "1 approval from sre")
    assert conditions(pending) == {
        "Approved": ("False", "ApprovalsMissing"),
        "Current": ("True", "AsSigned"),
        "Used": ("False", "NotUsed"),
    }
    cluster.sign("alice", name, ns).must_pass()
    approved = await_phase(cluster, name, ns, "Approved")
    assert approved["signed"] == "1/1"
    assert "missing" not in approved
    assert [(one["username"], one["decision"]) for one in approved["signers"]] == [("alice", "Approve")]
    assert conditions(approved)["Approved"] == ("True", "Signed")
    assert message(approved, "Approved") == f"signed by alice, until {approved['validUntil']}"


def test_a_proposal_that_is_used_is_completed_once_its_target_shows_it(cluster: Cluster) -> None:
    ns = _shop(cluster)
    name = cluster.signed("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    await_phase(cluster, name, ns, "Approved")
    since = cluster.get("rprop", name, ns)["metadata"]["resourceVersion"]
    cluster.kubectl("agent", *_DOWN, "-n", ns).must_pass()
    lived = _life(cluster, name, ns, since)
    assert list(lived) == ["Used", "Completed"]
    record = await_state(cluster, name, "Settled", "the target shows the new values")
    assert record["spec"]["caller"] == "Unverified"
    claim = record["metadata"]["name"]
    assert lived["Used"]["claims"][0]["name"] == claim
    assert lived["Completed"]["claims"] == [{"name": claim, "state": "Settled"}]
    assert conditions(lived["Completed"]) == {
        "Approved": ("True", "Signed"),
        "Current": ("True", "AsSigned"),
        "Used": ("True", "Claimed"),
        "EffectObserved": ("True", "Settled"),
    }


def test_a_use_whose_target_is_on_its_way_out_is_claimed_until_it_is_gone(cluster: Cluster) -> None:
    ns = cluster.namespace()
    containers = {"containers": [{"name": "shop", "image": "shop:v1"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "held", "namespace": ns, "finalizers": [_HOLD]}}
    cluster.apply("admin", pod | {"spec": containers}).must_pass()
    name = cluster.signed("agent", ns, "Restart", _POD | {"name": "held"}, restart={})
    cluster.kubectl("agent", "delete", "pod", "held", "-n", ns, "--wait=false").must_pass()
    await_state(cluster, name, "Claimed", "the target is terminating")
    used = await_phase(cluster, name, ns, "Used")
    assert conditions(used)["Used"] == ("True", "Claimed")
    assert conditions(used)["EffectObserved"] == ("False", "Pending")
    let_go = {"metadata": {"finalizers": None}}
    cluster.send("admin", "PATCH", f"/api/v1/namespaces/{ns}/pods/held", let_go, MERGE).must_pass()
    completed = await_phase(cluster, name, ns, "Completed")
    assert conditions(completed)["EffectObserved"] == ("True", "Settled")
    assert "settledAt" in await_state(cluster, name, "Settled", "is gone")["status"]


def test_silence_ends_a_proposal(cluster: Cluster) -> None:
    ns = _shop(cluster)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2), decideWithin="10s")
    await_phase(cluster, name, ns, "Pending")
    expired = await_phase(cluster, name, ns, "Expired")
    assert conditions(expired)["Approved"] == ("False", "DecisionOverdue")
    await_events(cluster, "RemediationProposal", name, ns, "Proposed", "Expired")


def test_an_approval_that_ran_out_leaves_a_proposal_to_be_decided_again(cluster: Cluster) -> None:
    ns = _shop(cluster)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    cluster.sign("alice", name, ns, narrow={"validFor": "1s"}).must_pass()
    ran_out = ("False", "ApprovalExpired")
    await_true(
        lambda: conditions(await_phase(cluster, name, ns, "Pending"))["Approved"] == ran_out, "the approval ran out"
    )
    cluster.sign("bob", name, ns).must_pass()
    assert await_phase(cluster, name, ns, "Approved")["signed"] == "1/1"


def test_a_target_that_has_changed_makes_a_proposal_stale(cluster: Cluster) -> None:
    ns = _shop(cluster)
    cluster.deployment(ns, "toy")
    changed = _approved(cluster, ns, "ScaleDown", CHECKOUT, **scale_down(2))
    gone = _approved(cluster, ns, "ScaleDown", CHECKOUT | {"name": "toy"}, **scale_down(2))
    for name in (changed, gone):
        assert conditions(await_phase(cluster, name, ns, "Approved"))["Current"] == ("True", "AsSigned")
    cluster.kubectl("bob", "scale", "deployment/checkout", "-n", ns, "--replicas=6").must_pass()
    cluster.kubectl("admin", "delete", "deployment", "toy", "-n", ns).must_pass()
    for name, why in {changed: "deployment/checkout", gone: "deployment/toy"}.items():
        stale = await_phase(cluster, name, ns, "Stale")
        assert conditions(stale)["Current"] == ("False", "Drifted")
        assert message(stale, "Current").startswith(why)
        # Its approval stands, and comes to nothing all the same.
        assert conditions(stale)["Approved"] == ("True", "Signed")
        said = await_events(cluster, "RemediationProposal", name, ns, "Proposed", "Approved", "Stale")
        assert said["Stale"][0] == "Warning"


def test_a_rejection_and_its_withdrawal_are_told(cluster: Cluster) -> None:
    ns = _shop(cluster)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    cluster.sign("alice", name, ns, "Reject").must_pass()
    rejected = await_phase(cluster, name, ns, "Rejected")
    assert rejected["signed"] == "0/1"
    assert conditions(rejected)["Approved"] == ("False", "Rejected")
    assert message(rejected, "Approved") == "rejected by alice"
    # In one and the same second the rejection would weigh more.
    moment = datetime.now(UTC).replace(microsecond=0)
    await_true(lambda: datetime.now(UTC) >= moment + timedelta(seconds=1), "the next second has come")
    cluster.sign("alice", name, ns).must_pass()
    assert len(await_phase(cluster, name, ns, "Approved")["signers"]) == 2


def test_a_revocation_is_told(cluster: Cluster) -> None:
    ns = _shop(cluster)
    name = _approved(cluster, ns, "ScaleDown", CHECKOUT, **scale_down(2))
    cluster.sign("alice", name, ns, "Revoke").must_pass()
    revoked = await_phase(cluster, name, ns, "Revoked")
    assert conditions(revoked)["Approved"] == ("False", "Revoked")
    assert {one["decision"] for one in revoked["signers"]} == {"Approve", "Revoke"}
    said = await_events(cluster, "RemediationProposal", name, ns, "Proposed", "Approved", "Revoked")
    assert said["Revoked"][1].endswith("revoked by alice")


def test_a_life_is_told_about_the_proposal_and_its_target(cluster: Cluster) -> None:
    ns = _shop(cluster)
    name = cluster.propose("agent", ns, "ScaleDown", CHECKOUT, **scale_down(2))
    what = f"ScaleDown of deployment/checkout ({ns})"
    said = await_events(cluster, "RemediationProposal", name, ns, "Proposed")
    assert said["Proposed"] == ("Normal", f"{what}, proposed by {AGENT}, needs a decision")
    cluster.sign("alice", name, ns).must_pass()
    await_phase(cluster, name, ns, "Approved")
    cluster.kubectl("agent", *_DOWN, "-n", ns).must_pass()
    said = await_events(cluster, "RemediationProposal", name, ns, "Proposed", "Approved", "Used", "Completed")
    assert said["Approved"] == ("Normal", f"{what}: approved by alice; {AGENT} may use it now")
    assert said["Used"] == ("Normal", f"{what}: used by {AGENT}")
    told = await_events(cluster, "Deployment", "checkout", ns, "Approved", "Used")
    assert told["Approved"] == ("Normal", f"proposal {ns}/{name}: approved by alice; {AGENT} may use it now")
    described = cluster.kubectl("alice", "describe", "deployment", "checkout", "-n", ns).must_pass().output
    assert f"proposal {ns}/{name}: used by {AGENT}" in described


def test_what_was_let_through_and_refused_elsewhere_never_happened_and_may_be_tried_again(
    cluster: Cluster, refused_elsewhere: tuple[str, str]
) -> None:
    ns, name = refused_elsewhere
    record = await_state(cluster, name, "NeverHappened", "the target is still there and is not terminating")
    status = await_phase(cluster, name, ns, "Approved")
    assert conditions(status)["Used"] == ("False", "NotUsed")
    assert conditions(status)["EffectObserved"] == ("False", "NeverHappened")
    said = await_events(cluster, "RemediationProposal", name, ns, "Proposed", "Approved", "Used", "NeverHappened")
    assert said["NeverHappened"][0] == "Warning"
    cluster.kubectl("admin", "delete", "pdb", "checkout", "-n", ns).must_pass()
    _evict(cluster, ns, record["spec"]["target"]["name"]).must_pass()
    assert [one["metadata"]["name"] for one in cluster.admitted(name)] == [record["metadata"]["name"]]
