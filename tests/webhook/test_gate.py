"""The gate around the decision: what it reads, the claim on a single use, and every way to fail."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cutline.api.settings import InstallationSettings, load_settings
from cutline.domain.kind import DEPLOYMENT, NODE, POD
from cutline.domain.policy import Policies
from cutline.domain.proposal import Proposal
from cutline.domain.request import Operation, Request
from cutline.domain.signoff import Decision
from cutline.domain.user import User
from cutline.domain.verdict import Conclusion, Objection, Reason, Verdict
from cutline.kube.errors import NotFound, Unavailable
from cutline_webhook.gate import Gate
from tests import builders as make
from tests import wire
from tests.api.cluster_in_memory import ClusterInMemory
from tests.api.test_fields_and_settings import settings_text
from tests.api.trees import proposal_tree, signoff_tree

SCALE = make.make_request(old=wire.make_workload(), new=wire.make_workload(replicas=3))
Tree = dict[str, Any]


def settings() -> InstallationSettings:
    return load_settings(settings_text(humans={"userGroups": ["sre", "seniors", "visitors"]}))


def cluster(**deployment: Any) -> ClusterInMemory:
    """A shop with one deployment, inside the line."""
    world = ClusterInMemory()
    world.add("namespaces", wire.make_namespace())
    world.add("deployments", wire.make_workload(**deployment))
    return world


def signed_cluster(proposal: Proposal | None = None) -> ClusterInMemory:
    """The shop, with a signed proposal to scale it down."""
    world = cluster()
    proposal = proposal or make.make_proposal()
    world.add("remediationproposals", proposal_tree(proposal))
    world.add("signoffs", signoff_tree(make.make_signoff(proposal), proposal.name))
    return world


def gate_of(world: ClusterInMemory, policies: Policies | None = None) -> Gate:
    known = policies or make.make_policies()
    return Gate(world.client(), settings(), lambda: known, world.clock)


def judged(world: ClusterInMemory, request: Request = SCALE, policies: Policies | None = None) -> Verdict:
    gate = gate_of(world, policies)
    return asyncio.run(gate.judge(request, caller_is_verified=True)).verdict


# --- what needs no look at the world


@pytest.mark.parametrize(
    "request_",
    [
        make.make_request(old=wire.make_workload(), new=wire.make_workload()),
        make.make_request(old=wire.make_workload(), new=wire.make_workload(replicas=9)),
        make.make_request(kind=NODE, name="node-1", old=wire.make_node(unschedulable=True), new=wire.make_node()),
        make.make_request(Operation.DELETE, kind=POD, name="web-1", old=wire.make_pod(phase="Succeeded")),
        make.make_request(Operation.DELETE, kind=POD, name="web-1", old=wire.make_pod(node="")),
    ],
    ids=["no-op", "scale-up", "uncordon", "finished pod", "unbound pod"],
)
def test_what_nobody_has_to_sign_costs_no_read(request_: Request) -> None:
    world = ClusterInMemory()
    assert judged(world, request_).reason is Reason.NO_EFFECT
    assert world.asked == []


def test_kubernetes_own_controllers_cost_no_read() -> None:
    world = ClusterInMemory()
    controller = User(
        "system:serviceaccount:kube-system:replicaset-controller",
        "uid",
        ("system:serviceaccounts:kube-system",),
        "JTI=1",
    )
    request = make.make_request(Operation.DELETE, kind=POD, name="", old=wire.make_pod(), user=controller)
    assert judged(world, request).reason is Reason.EXEMPT_IDENTITY
    assert world.asked == []


# --- denied, signed, claimed


def test_an_unsigned_change_is_denied_and_leaves_no_trace() -> None:
    world = cluster()
    verdict = judged(world)
    assert (verdict.conclusion, verdict.reason) == (Conclusion.UNSIGNED, Reason.NO_PROPOSAL)
    assert world.all("admittedchanges") == []


def test_a_signed_change_is_recorded_before_it_is_admitted() -> None:
    world = signed_cluster()
    verdict = judged(world)
    assert (verdict.conclusion, verdict.reason) == (Conclusion.SIGNED, Reason.COVERED)
    (record,) = world.all("admittedchanges")
    assert verdict.covering is not None
    assert record["metadata"]["name"] == verdict.covering.claim_name
    assert record["metadata"]["namespace"] == make.SYSTEM
    # After the claim, sign-offs are read once more.
    after = world.asked[world.asked.index("POST admittedchanges") :]
    assert "GET signoffs" in after


def test_a_record_holds_each_demand_once_and_no_more_than_fit() -> None:
    """What was pinned and what is demanded now may be more than either."""
    world = signed_cluster(
        make.make_proposal(requirement=[make.make_requirement(groups=["sre", f"then-{n}"]) for n in range(60)])
    )
    lines = [
        make.make_line(name, requirement=make.make_requirement(groups=["sre", f"now-{n}"], line=name))
        for n in range(16)
        for name in (f"a-{n}", f"b-{n}")
    ]
    verdict = judged(world, policies=make.make_policies(make.make_policy(*lines)))
    assert verdict.conclusion is Conclusion.SIGNED
    (record,) = world.all("admittedchanges")
    demands = [frozenset(group["userGroup"] for group in one["from"]) for one in record["spec"]["requirement"]]
    assert len(demands) == len(set(demands)) == 64


def test_the_same_use_that_has_not_happened_yet_is_admitted_again_under_its_one_record() -> None:
    world = signed_cluster()
    judged(world)
    world.pass_time(minutes=2)
    assert judged(world).conclusion is Conclusion.SIGNED
    assert len(world.all("admittedchanges")) == 1


def test_a_use_that_happened_is_not_admitted_again() -> None:
    world = signed_cluster()
    judged(world)
    # Done, and undone by somebody: the old side stands again, two generations on.
    again = replace(SCALE, old_object=wire.make_workload(generation=9), object=wire.make_workload(replicas=3))
    verdict = judged(world, again)
    assert verdict.is_denied
    assert {finding.objection for finding in verdict.evaluations[0].findings} == {Objection.SPENT}


def test_two_equal_requests_at_once_make_one_record() -> None:
    world = signed_cluster()
    gates = gate_of(world), gate_of(world)

    async def both() -> list[Any]:
        return await asyncio.gather(*(gate.judge(SCALE, caller_is_verified=True) for gate in gates))

    verdicts = [judgement.verdict for judgement in asyncio.run(both())]
    assert [verdict.conclusion for verdict in verdicts] == [Conclusion.SIGNED] * 2
    assert len(world.all("admittedchanges")) == 1


def test_two_different_uses_at_once_end_with_one_of_them() -> None:
    world = signed_cluster()
    to_four = replace(SCALE, object=wire.make_workload(replicas=4))

    async def both() -> list[Any]:
        requests = SCALE, to_four
        return await asyncio.gather(*(gate_of(world).judge(one, caller_is_verified=True) for one in requests))

    conclusions = [judgement.verdict.conclusion for judgement in asyncio.run(both())]
    assert sorted(conclusions) == [Conclusion.SIGNED, Conclusion.UNSIGNED]
    assert len(world.all("admittedchanges")) == 1


@pytest.mark.parametrize("is_signed", [True, False])
def test_a_dry_run_gets_the_same_verdict_and_writes_nothing(is_signed: bool) -> None:
    world = signed_cluster() if is_signed else cluster()
    dry = judged(world, replace(SCALE, dry_run=True))
    assert not [asked for asked in world.asked if asked.startswith("POST")]
    real = judged(world)
    assert (dry.conclusion, dry.response, dry.reason) == (real.conclusion, real.response, real.reason)


def test_a_dry_run_of_a_spent_use_is_denied_too() -> None:
    world = signed_cluster()
    judged(world)
    moved = replace(SCALE, old_object=wire.make_workload(generation=9), dry_run=True)
    assert judged(world, moved).is_denied


@pytest.mark.parametrize("decision", [Decision.REJECT, Decision.REVOKE])
def test_an_objection_that_was_stored_before_the_claim_wins(decision: Decision) -> None:
    proposal = make.make_proposal()
    world = signed_cluster(proposal)
    by = make.BOB if decision is Decision.REJECT else make.ALICE

    def object_in_time(method: str, plural: str) -> None:
        if (method, plural) == ("POST", "admittedchanges"):
            said = make.make_signoff(proposal, by, decision, created=make.NOW)
            world.add("signoffs", signoff_tree(said, proposal.name))

    world.before = object_in_time
    assert judged(world).is_denied


def test_an_approval_that_ends_while_the_claim_is_written_admits_nothing() -> None:
    world = signed_cluster()
    world.now = make.ago(minutes=5) + make.make_proposal().valid_for

    def take_long(method: str, plural: str) -> None:
        if (method, plural) == ("POST", "admittedchanges"):
            world.pass_time(seconds=1)

    world.before = take_long
    assert judged(world).is_denied


def test_a_proposal_is_read_to_its_last_moment_and_costs_no_read_afterwards() -> None:
    proposal = make.make_proposal(valid_for=timedelta(minutes=30))
    world = signed_cluster(proposal)
    world.add("signoffs", signoff_tree(make.make_signoff(proposal, created=proposal.decide_by), proposal.name))
    world.now = proposal.decide_by + timedelta(minutes=30)
    assert judged(world).conclusion is Conclusion.SIGNED
    world.objects = {key: tree for key, tree in world.objects.items() if key[0] != "admittedchanges"}
    world.pass_time(seconds=1)
    world.exchanges.clear()
    assert judged(world).reason is Reason.NO_PROPOSAL
    assert not {"GET signoffs", "GET admittedchanges"} & {*world.asked}


def test_a_proposal_that_is_being_deleted_admits_nothing() -> None:
    world = signed_cluster()
    (tree,) = world.all("remediationproposals")
    tree["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
    assert judged(world).is_denied


def test_a_proposal_that_the_gate_did_not_stamp_admits_nothing_and_stops_nothing() -> None:
    world = signed_cluster()
    world.add("remediationproposals", {"metadata": {"name": "raw", "namespace": wire.SHOP}, "spec": {"approved": True}})
    assert judged(world).conclusion is Conclusion.SIGNED


def test_a_forged_status_admits_nothing() -> None:
    world = cluster()
    tree = proposal_tree(make.make_proposal())
    tree["status"] = {"phase": "Approved", "conditions": [{"type": "Approved", "status": "True"}]}
    world.add("remediationproposals", tree)
    assert judged(world).is_denied


# --- subresources


def test_a_scale_is_judged_by_its_parent() -> None:
    world = signed_cluster()
    scale = make.make_request(subresource="scale", old={"spec": {"replicas": 5}}, new={"spec": {"replicas": 3}})
    assert judged(world, scale).conclusion is Conclusion.SIGNED
    assert judged(cluster(labels={}), scale).is_denied


def evict(name: str = "web-1", **deletion: Any) -> Request:
    body = {"kind": "Eviction", "metadata": {"name": name}, "deleteOptions": deletion}
    return make.make_request(Operation.CREATE, kind=POD, subresource="eviction", name=name, new=body)


def test_an_eviction_is_judged_by_the_pod_that_it_names() -> None:
    world = cluster()
    world.add("pods", wire.make_pod())
    assert judged(world, evict()).is_denied
    world.add("pods", wire.make_pod(phase="Failed"))
    assert judged(world, evict()).reason is Reason.NO_EFFECT


def test_an_eviction_of_no_pod_is_answered_as_the_api_server_would() -> None:
    with pytest.raises(NotFound):
        judged(cluster(), evict("nobody"))


# --- every way to fail is a denial, and is called undecided


def failing(target: str, error: Exception) -> Callable[[str, str], None]:
    def before(method: str, plural: str) -> None:
        if f"{method} {plural}" == target:
            raise error

    return before


@pytest.mark.parametrize(
    "target",
    [
        "GET namespaces",
        "GET replicasets",
        "GET remediationproposals",
        "GET signoffs",
        "GET admittedchanges",
        "POST admittedchanges",
    ],
)
def test_what_cannot_be_read_or_claimed_is_undecided(target: str) -> None:
    world = signed_cluster()
    world.before = failing(target, Unavailable(503, "ServiceUnavailable", "etcd is away"))
    verdict = judged(world)
    assert (verdict.conclusion, verdict.reason) == (Conclusion.UNDECIDED, Reason.INTERNAL_ERROR)
    assert verdict.is_denied


def test_a_target_that_is_gone_is_undecided() -> None:
    world = ClusterInMemory()
    verdict = judged(world)
    assert (verdict.conclusion, verdict.is_denied) == (Conclusion.UNDECIDED, True)


def test_a_signoff_that_cannot_be_read_may_be_a_rejection() -> None:
    world = signed_cluster()
    tree = signoff_tree(make.make_signoff(make.make_proposal(), make.BOB))
    tree["spec"]["decision"] = "Perhaps"
    world.add("signoffs", tree)
    assert judged(world).conclusion is Conclusion.UNDECIDED


def test_a_claim_that_cannot_be_read_is_no_free_use() -> None:
    world = signed_cluster()
    judged(world)
    (record,) = world.all("admittedchanges")
    record["spec"]["canonical"] = "{}"
    assert judged(world).conclusion is Conclusion.UNDECIDED


@pytest.mark.parametrize(
    "policies", [Policies(is_fresh=False), Policies(broken=("torn",)), make.make_policies(is_fresh=False)]
)
def test_under_policies_that_are_not_known_nothing_gated_passes(policies: Policies) -> None:
    assert judged(signed_cluster(), policies=policies).conclusion is Conclusion.UNDECIDED


@pytest.mark.parametrize(
    "request_",
    [
        replace(SCALE, resource="cronjobs", group="batch"),
        replace(SCALE, operation=Operation.CREATE),
        replace(SCALE, operation=Operation.CONNECT),
        replace(SCALE, subresource="resize"),
        replace(SCALE, subresource="eviction"),
        replace(SCALE, old_object=None),
        replace(SCALE, object=None),
        make.make_request(kind=NODE, subresource="scale", old={}, new={}),
    ],
    ids=["kind", "create", "connect", "subresource", "eviction", "no old", "no new", "node scale"],
)
def test_what_the_gate_does_not_know_is_undecided(request_: Request) -> None:
    verdict = judged(signed_cluster(), request_)
    assert (verdict.conclusion, verdict.reason) == (Conclusion.UNDECIDED, Reason.UNRECOGNISED)
    assert verdict.is_denied


def test_a_claim_that_never_settles_ends_undecided() -> None:
    world = signed_cluster()

    def lose_it(method: str, plural: str) -> None:
        if (method, plural) == ("GET", "admittedchanges"):
            for record in world.all("admittedchanges"):
                del world.objects["admittedchanges", make.SYSTEM, record["metadata"]["name"]]

    world.before = lose_it
    assert judged(world).conclusion is Conclusion.UNDECIDED
    assert world.asked.count("POST admittedchanges") < 10


def test_the_gate_keeps_nothing_between_two_requests() -> None:
    world = signed_cluster()
    gate = gate_of(world)

    async def twice() -> list[Verdict]:
        first = await gate.judge(SCALE, caller_is_verified=True)
        world.objects.clear()
        world.add("namespaces", wire.make_namespace())
        world.add("deployments", wire.make_workload())
        second = await gate.judge(SCALE, caller_is_verified=True)
        return [first.verdict, second.verdict]

    judgements: Awaitable[list[Verdict]] = twice()
    assert [verdict.is_denied for verdict in asyncio.run(_await(judgements))] == [False, True]


async def _await(work: Awaitable[list[Verdict]]) -> list[Verdict]:
    return await work


def test_the_kinds_that_scale_are_those_with_replicas() -> None:
    assert DEPLOYMENT.scales
    assert not NODE.scales
