"""The ladder, rung by rung, where a single example says it best; the laws stand in `test_laws`."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cutline.domain.change import Change, End, Verb
from cutline.domain.covering import uncovered
from cutline.domain.decide import decide
from cutline.domain.difference import Field
from cutline.domain.effect import Action, Effect
from cutline.domain.kind import NAMESPACE, NODE, POD
from cutline.domain.narrowing import UNNARROWED
from cutline.domain.policy import Enforcement, Policies
from cutline.domain.proposal import Emergency, SignedChange
from cutline.domain.signoff import Decision
from cutline.domain.snapshot import Snapshot
from cutline.domain.tree import ABSENT
from cutline.domain.user import User
from cutline.domain.verdict import Conclusion, Objection, Reason, Response, Verdict
from tests import builders as make
from tests import wire

SCALE = make.make_change()
REJECTED, REVOKED = Objection.REJECTED, Objection.REVOKED


def judge(snapshot: Snapshot, change: Change = SCALE, actor: User = make.AGENT) -> Verdict:
    return decide(change, actor, snapshot)


def against(verdict: Verdict) -> set[Objection]:
    return {finding.objection for finding in verdict.evaluations[0].findings}


# --- what is not gated


def test_a_scale_up_is_nobodys_business() -> None:
    up = make.make_change(None, Field("/spec/replicas", 5, 9))
    assert judge(make.make_snapshot(), up).reason is Reason.NO_EFFECT


@pytest.mark.parametrize("kind", [NODE, NAMESPACE, POD])
def test_an_update_that_changes_nothing_is_nobodys_business(kind: Any) -> None:
    world = make.make_world(make.make_live(kind))
    nothing = Change(world.live.target, Verb.UPDATE)
    assert judge(make.make_snapshot(world=world), nothing).reason is Reason.NO_EFFECT


def test_outside_every_line_an_effect_passes() -> None:
    world = make.make_world(namespace=make.make_namespace_state({}))
    verdict = judge(make.make_snapshot(world=world))
    assert verdict.reason is Reason.NO_LINE
    assert verdict.effects == {Effect.SCALE_DOWN}


@pytest.mark.parametrize(
    ("enforcements", "response"),
    [
        ([Enforcement.WARN], Response.WARN),
        ([Enforcement.AUDIT], Response.ADMIT),
        ([Enforcement.AUDIT, Enforcement.WARN], Response.WARN),
        ([Enforcement.WARN, Enforcement.DENY], Response.DENY),
        ([Enforcement.AUDIT, Enforcement.DENY], Response.DENY),
    ],
)
def test_the_strictest_policy_says_what_happens(enforcements: list[Enforcement], response: Response) -> None:
    policies = [make.make_policy(name=f"p{i}", enforcement=one) for i, one in enumerate(enforcements)]
    verdict = judge(make.make_snapshot(policies=make.make_policies(*policies)))
    assert (verdict.conclusion, verdict.response) == (Conclusion.UNSIGNED, response)
    assert not verdict.needs_claim


# --- reach


@pytest.mark.parametrize(
    ("namespace", "action", "terminating", "reaches"),
    [
        (wire.SHOP, Action.SCALE_DOWN, False, True),
        (make.SYSTEM, Action.SCALE_DOWN, False, False),
        (make.SYSTEM, Action.DRAIN, False, True),
        ("elsewhere", Action.DRAIN, False, False),
        (wire.SHOP, Action.SCALE_DOWN, True, False),
        (make.SYSTEM, Action.SCALE_DOWN, True, True),
    ],
)
def test_how_far_a_proposal_reaches(namespace: str, action: Action, terminating: bool, reaches: bool) -> None:
    world = make.make_world(namespace=make.make_namespace_state(is_terminating=terminating))
    proposal = make.make_proposal(namespace=namespace, action=action)
    snapshot = make.make_snapshot(make.make_candidate(proposal, make.make_signoff(proposal)), world=world)
    assert (
        Objection.OUT_OF_REACH in {f.objection for e in judge(snapshot).evaluations for f in e.findings}
    ) is not reaches
    assert judge(snapshot).is_denied is not reaches


@pytest.mark.parametrize(("namespace", "reaches"), [(make.SYSTEM, True), (wire.SHOP, False)])
def test_what_has_no_namespace_is_signed_in_cutlines_own(namespace: str, reaches: bool) -> None:
    world = make.make_world(make.make_live(NODE))
    change = make.make_change(world.live, Field("/spec/unschedulable", ABSENT, True))
    entry = make.make_signed_change(change, world)
    proposal = make.make_proposal(entry, namespace=namespace, action=Action.DRAIN)
    snapshot = make.make_snapshot(make.make_candidate(proposal, make.make_signoff(proposal)), world=world)
    assert judge(snapshot, change).is_denied is not reaches


# --- requirements, pinned and present


def test_what_was_pinned_must_be_met_even_if_the_policy_now_asks_for_less() -> None:
    proposal = make.make_proposal(requirement=[make.make_requirement(2)])
    one = make.make_candidate(proposal, make.make_signoff(proposal))
    both = make.make_candidate(proposal, make.make_signoff(proposal), make.make_signoff(proposal, make.BOB))
    assert against(judge(make.make_snapshot(one))) == {Objection.APPROVALS_MISSING}
    assert not judge(make.make_snapshot(both)).is_denied


def test_what_the_policy_asks_now_must_be_met_even_if_less_was_pinned() -> None:
    strict = make.make_policies(make.make_policy(make.make_line(requirement=make.make_requirement(1, ["seniors"]))))
    proposal = make.make_proposal(requirement=[])
    by_alice, by_sam = (
        make.make_candidate(proposal, make.make_signoff(proposal, who)) for who in (make.ALICE, make.SAM)
    )
    assert judge(make.make_snapshot(by_alice, policies=strict)).is_denied
    assert not judge(make.make_snapshot(by_sam, policies=strict)).is_denied


def test_every_line_that_is_crossed_must_be_met() -> None:
    lines = make.make_line(), make.make_line("more", requirement=make.make_requirement(1, ["seniors"]))
    policies = make.make_policies(make.make_policy(*lines))
    assert judge(make.signed_snapshot(policies=policies)).is_denied
    assert not judge(make.signed_snapshot(policies=policies, by=[make.ALICE, make.SAM])).is_denied


def test_no_approval_at_all_is_never_enough() -> None:
    careless = make.make_policies(make.make_policy(make.make_line(requirement=make.make_requirement(0))))
    assert judge(make.signed_snapshot(policies=careless, by=[], requirement=[])).is_denied


# --- time


@pytest.mark.parametrize(("seconds", "denied"), [(0, False), (1, True)])
def test_an_approval_ends_with_its_last_second(seconds: int, denied: bool) -> None:
    snapshot = make.signed_snapshot()
    last = snapshot.candidates[0].signoffs[0].created + timedelta(minutes=15)
    assert judge(replace(snapshot, now=last + timedelta(seconds=seconds))).is_denied is denied


def test_silence_is_denial_and_says_so_when_it_is_over() -> None:
    snapshot = make.signed_snapshot(by=[], decide_within=timedelta(minutes=5))
    assert against(judge(snapshot)) == {Objection.APPROVALS_MISSING, Objection.DECISION_OVERDUE}


# --- who


def test_whoever_signed_may_not_act() -> None:
    proposal = make.make_proposal(proposer=make.ALICE)
    snapshot = make.make_snapshot(make.make_candidate(proposal, make.make_signoff(proposal, make.BOB)))
    assert judge(snapshot, actor=make.BOB).is_denied
    assert not judge(snapshot, actor=make.ALICE).is_denied


def test_a_second_uid_does_not_make_two_people_of_one_name() -> None:
    # Two authenticators may know alice, each under a uid of its own.
    proposal = make.make_proposal(proposer=replace(make.ALICE, uid="1"))
    signed = make.make_candidate(proposal, make.make_signoff(proposal, replace(make.ALICE, uid="2")))
    for actor in (make.ALICE, replace(make.ALICE, uid="1")):
        assert against(judge(make.make_snapshot(signed), actor=actor)) == {Objection.APPROVALS_MISSING}
    by_bob = make.make_proposal(proposer=make.BOB)
    word = make.make_signoff(by_bob, replace(make.ALICE, uid="2"))
    verdict = judge(make.make_snapshot(make.make_candidate(by_bob, word)), actor=replace(make.ALICE, uid="1"))
    assert Objection.WRONG_ACTOR in against(verdict)


@pytest.mark.parametrize(
    ("entry", "objection"),
    [
        (replace(make.make_signed_change(), baseline={"replicas": "6"}), Objection.DRIFTED),
        (replace(make.make_signed_change(), baseline={}), Objection.DRIFTED),
        (replace(make.make_signed_change(), effects=frozenset()), Objection.UNSIGNED_EFFECT),
    ],
)
def test_what_the_entry_does_not_hold_is_told(entry: SignedChange, objection: Objection) -> None:
    proposal = make.make_proposal(entry)
    snapshot = make.make_snapshot(make.make_candidate(proposal, make.make_signoff(proposal)))
    assert against(judge(snapshot)) == {objection}


def test_a_proposal_that_carries_another_digest_than_its_own_is_told() -> None:
    proposal = replace(make.make_proposal(), stored_digest="sha256:0")
    snapshot = make.make_snapshot(make.make_candidate(proposal, make.make_signoff(proposal)))
    assert against(judge(snapshot)) == {Objection.TAMPERED}


@pytest.mark.parametrize(
    ("policies", "reason"),
    [
        (make.make_policies(is_fresh=False), Reason.STALE_POLICIES),
        (make.make_policies(broken=["torn"]), Reason.BROKEN_POLICY),
    ],
)
def test_a_label_that_may_leave_a_line_that_nobody_sees_is_undecided(policies: Policies, reason: Reason) -> None:
    label = make.make_change(None, Field("/metadata/labels/team", ABSENT, "x"))
    assert judge(make.make_snapshot(policies=policies), label).reason is reason


@pytest.mark.parametrize(("decision", "objection"), [(Decision.REJECT, REJECTED), (Decision.REVOKE, REVOKED)])
def test_an_objection_is_told_by_name(decision: Decision, objection: Objection) -> None:
    snapshot = make.signed_snapshot()
    (candidate,) = snapshot.candidates
    said = make.make_signoff(candidate.proposal, make.BOB, decision)
    verdict = judge(replace(snapshot, candidates=(replace(candidate, signoffs=(*candidate.signoffs, said)),)))
    assert [finding.text for finding in verdict.evaluations[0].findings] == [f"{objection.value.lower()} by bob"]


def test_what_a_human_rejected_comes_nearer_than_an_older_draft_that_nobody_has_seen() -> None:
    draft = make.make_proposal(name="draft", uid="draft-uid", created=make.ago(minutes=20))
    asked = make.make_proposal(name="asked", uid="asked-uid")
    rejection = make.make_signoff(asked, make.BOB, Decision.REJECT)
    approval = make.make_signoff(asked, make.ALICE)
    verdict = judge(make.make_snapshot(make.make_candidate(draft), make.make_candidate(asked, rejection, approval)))
    assert [one.proposal.name for one in verdict.evaluations] == ["asked", "draft"]
    assert against(verdict) == {REJECTED}


# --- emergencies


def emergency(
    proposer: User = make.ALICE, minutes: float = 1, *signoffs: tuple[User, Decision], valid_for: int = 15
) -> Snapshot:
    proposal = make.make_proposal(
        proposer=proposer,
        created=make.ago(minutes=minutes),
        emergency=Emergency("fire", "INC-1"),
        valid_for=timedelta(minutes=valid_for),
    )
    said = [make.make_signoff(proposal, who, decision, created=make.NOW) for who, decision in signoffs]
    return make.make_snapshot(make.make_candidate(proposal, *said))


def test_a_human_in_an_emergency_needs_nobody() -> None:
    verdict = judge(emergency(), actor=make.ALICE)
    assert (verdict.conclusion, verdict.reason, verdict.needs_claim) == (Conclusion.SIGNED, Reason.EMERGENCY, True)


@pytest.mark.parametrize(
    ("snapshot", "actor"),
    [
        (emergency(make.AGENT), make.AGENT),
        (emergency(make.ROBOT), make.ROBOT),
        (emergency(), make.BOB),
        (emergency(make.ALICE, 15.1), make.ALICE),
        (emergency(make.ALICE, 6, valid_for=5), make.ALICE),
        (emergency(make.ALICE, 1, (make.BOB, Decision.REJECT)), make.ALICE),
    ],
    ids=["agent", "robot", "another human", "too late", "shorter life", "rejected"],
)
def test_an_emergency_is_a_humans_own_and_short(snapshot: Snapshot, actor: User) -> None:
    assert judge(snapshot, actor=actor).is_denied


@pytest.mark.parametrize(("seconds", "denied"), [(0, False), (1, True)])
def test_an_emergency_ends_with_its_last_second(seconds: int, denied: bool) -> None:
    snapshot = emergency()
    last = snapshot.candidates[0].proposal.created + timedelta(minutes=15, seconds=seconds)
    assert judge(replace(snapshot, now=last), actor=make.ALICE).is_denied is denied


# --- which proposal is used


def test_a_use_under_way_comes_before_an_unused_proposal() -> None:
    snapshot = make.signed_snapshot()
    (older,) = snapshot.candidates
    newer = make.make_proposal(name="a-newer", uid="a-newer", created=make.ago(minutes=9))
    claim = make.make_claim(newer, SCALE, snapshot.world.live)
    claimed = make.make_candidate(newer, make.make_signoff(newer), claims=[claim])
    verdict = judge(replace(snapshot, candidates=(older, claimed)))
    assert verdict.covering is not None
    assert (verdict.covering.proposal.name, verdict.covering.is_claimed) == ("a-newer", True)


def test_a_signed_proposal_spares_an_emergency() -> None:
    (urgent,) = emergency().candidates
    ordinary = make.make_proposal(proposer=make.ALICE, name="z-ordinary", uid="z", created=make.NOW)
    snapshot = make.make_snapshot(
        urgent, make.make_candidate(ordinary, make.make_signoff(ordinary, make.BOB, created=make.NOW))
    )
    assert judge(snapshot, actor=make.ALICE).reason is Reason.COVERED


def test_a_spent_proposal_denies_and_says_so() -> None:
    snapshot = make.signed_snapshot()
    (candidate,) = snapshot.candidates
    claim = make.make_claim(candidate.proposal, SCALE, snapshot.world.live, created=make.ago(minutes=2))
    moved = replace(claim, generation=1)
    verdict = judge(replace(snapshot, candidates=(replace(candidate, claims=(moved,)),)))
    assert against(verdict) == {Objection.SPENT}


def test_a_drain_covers_the_pods_that_it_lists_and_no_other() -> None:
    first, second = (make.make_live(POD, wire.make_pod(name)) for name in ("web-1", "web-2"))
    entries = [
        make.make_signed_change(make.make_change(live, verb=Verb.EVICT), make.make_world(live))
        for live in (first, second)
    ]
    proposal = make.make_proposal(*entries, namespace=make.SYSTEM, action=Action.DRAIN)
    candidate = make.make_candidate(proposal, make.make_signoff(proposal))
    for live, denied in [(first, False), (second, False), (make.make_live(POD, wire.make_pod("web-3")), True)]:
        eviction = make.make_change(live, verb=Verb.EVICT, end=End())
        snapshot = make.make_snapshot(candidate, world=make.make_world(live))
        assert judge(snapshot, eviction).is_denied is denied


# --- covering


def test_an_image_that_rides_on_a_scale_down_is_named() -> None:
    more = make.make_change(None, Field("/spec/paused", ABSENT, True), Field("/spec/replicas", 5, 3))
    texts = list(uncovered(SCALE, more, {Effect.SCALE_DOWN}, UNNARROWED, make.make_world()))
    assert texts == ["not signed: /spec/paused (send it on its own)"]


def test_how_an_object_ends_is_signed_with_its_end() -> None:
    world = make.make_world(make.make_live(NODE))
    signed = make.make_change(world.live, verb=Verb.DELETE, end=End(propagation="Background"))
    orphaning = make.make_change(world.live, verb=Verb.DELETE, end=End(propagation="Orphan"))
    assert list(uncovered(signed, orphaning, {Effect.DRAIN}, UNNARROWED, world)) == [
        "Delete (Background) was signed, not Delete (Orphan)"
    ]
    assert list(uncovered(signed, signed, {Effect.DRAIN}, UNNARROWED, world)) == []


# Python finds `1 == True`.
def test_a_signed_number_covers_no_truth() -> None:
    signed, requested = (
        make.make_change(None, Field("/spec/replicas", 5, 3), Field("/spec/x", ABSENT, value)) for value in (1, True)
    )
    assert list(uncovered(signed, requested, {Effect.SCALE_DOWN}, UNNARROWED, make.make_world()))


def test_part_of_what_was_signed_for_two_effects_is_another_change() -> None:
    image = Field(
        "/spec/template/spec/containers", [{"name": "main", "image": "web:2"}], [{"name": "main", "image": "web:1"}]
    )
    history = (make.make_revision(wire.make_template("web:1"), 1), make.make_revision(wire.make_template("web:2"), 2))
    world = make.make_world(revisions=history)
    both = make.make_change(None, Field("/spec/replicas", 5, 3), image)
    snapshot = make.signed_snapshot(both, world)
    assert not judge(snapshot, both).is_denied
    assert judge(snapshot, SCALE).is_denied
    assert judge(snapshot, make.make_change(None, image)).is_denied


# As a newer gate stored it before a downgrade.
@pytest.mark.parametrize("effect", sorted(frozenset(Effect) - make.EFFECTS_OF_ALL_MODELS))
def test_a_signed_effect_that_no_model_knows_stops_nobody_else(effect: Effect) -> None:
    snapshot = make.signed_snapshot()
    strange = replace(make.make_signed_change(), effects=frozenset({Effect.SCALE_DOWN, effect}))
    newer = make.make_proposal(strange, name="newer", uid="newer")
    verdict = judge(replace(snapshot, candidates=(*snapshot.candidates, make.make_candidate(newer))))
    assert verdict.covering is not None
