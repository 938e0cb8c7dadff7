"""The laws of the design, as properties of `decide` over generated worlds.

They are about every change, policy and proposal that there may be; examples of single
rules stand in the neighbouring modules.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cutline.domain.change import Change, Verb, change_from_canonical
from cutline.domain.decide import decide
from cutline.domain.difference import Field, apply, difference
from cutline.domain.duration import EMERGENCY_VALID_FOR, MAX_VALID_FOR
from cutline.domain.effect import Action, Effect
from cutline.domain.effects import effects_of
from cutline.domain.errors import BadObject, MissingFact
from cutline.domain.policy import Enforcement, Line, Policies, Policy, lines_of, may_leave_lines
from cutline.domain.proposal import Proposal
from cutline.domain.signoff import Decision
from cutline.domain.snapshot import Candidate, Snapshot
from cutline.domain.tree import ABSENT
from cutline.domain.user import User
from cutline.domain.verdict import Conclusion, Evaluation, Objection, Reason, Response, Verdict
from tests import builders as make
from tests import strategies as some

Situation = tuple[Change, User, Snapshot]
MANY = settings(max_examples=2 * settings().max_examples)


def is_admitted(verdict: Verdict) -> bool:
    return verdict.response is not Response.DENY


def objections_to(verdict: Verdict) -> set[Objection]:
    return {finding.objection for one in verdict.evaluations for finding in one.findings}


def only(snapshot: Snapshot) -> Candidate:
    (candidate,) = snapshot.candidates
    return candidate


def with_proposal(snapshot: Snapshot, **fields: Any) -> Snapshot:
    """The snapshot with another proposal in the place of its only one, signed by the same people."""
    candidate = only(snapshot)
    proposal = make.restamped(candidate.proposal, **fields)
    signoffs = tuple(replace(one, digest=proposal.digest) for one in candidate.signoffs)
    return replace(snapshot, candidates=(Candidate(proposal, signoffs, candidate.claims),))


# --- the function itself


@MANY
@given(some.decisions())
def test_every_change_gets_a_verdict(situation: Situation) -> None:
    change, actor, snapshot = situation
    verdict = decide(change, actor, snapshot)
    assert verdict == decide(change, actor, snapshot)
    assert (verdict.covering is not None) == (verdict.conclusion is Conclusion.SIGNED)


@given(some.decisions())
def test_only_a_fact_that_was_never_read_can_stop_a_decision(situation: Situation) -> None:
    change, actor, snapshot = situation
    blind = replace(snapshot, world=replace(snapshot.world, revisions=None))
    try:
        seen = decide(change, actor, blind)
    except MissingFact:
        return
    # Where the revisions were not missed, they play no part.
    assert seen == decide(change, actor, snapshot)


@MANY
@given(some.decisions(), st.randoms(use_true_random=False))
def test_the_order_of_policies_proposals_and_signoffs_does_not_matter(situation: Situation, random: Any) -> None:
    change, actor, snapshot = situation

    def shuffled(items: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(random.sample(items, len(items)))

    policies = replace(
        snapshot.policies,
        items=shuffled(tuple(replace(one, lines=shuffled(one.lines)) for one in snapshot.policies.items)),
    )
    candidates = shuffled(tuple(replace(one, signoffs=shuffled(one.signoffs)) for one in snapshot.candidates))
    other = decide(change, actor, replace(snapshot, policies=policies, candidates=candidates))
    verdict = decide(change, actor, snapshot)

    def told(verdict: Verdict) -> tuple[Any, ...]:
        evaluations = [(one.proposal.key, one.findings, one.counted, one.is_claimed) for one in verdict.evaluations]
        lines = {(line.policy_name, line.line_name, line.line) for line in verdict.lines}
        return verdict.conclusion, verdict.response, verdict.reason, verdict.effects, lines, evaluations

    assert told(verdict) == told(other)


# --- what an admission proves


@MANY
@given(some.decisions(gated=True))
def test_what_is_admitted_was_signed_in_every_respect(situation: Situation) -> None:
    change, actor, snapshot = situation
    verdict = decide(change, actor, snapshot)
    if verdict.covering is None:
        return
    proposal = verdict.covering.proposal
    candidate = next(one for one in snapshot.candidates if one.proposal == proposal)

    assert proposal.stored_digest == proposal.digest
    assert actor.username == proposal.proposer.username
    assert verdict.covering.entry.change.target == change.target
    assert verdict.effects <= verdict.covering.entry.effects
    assert _last_words_are_approvals(candidate)
    if proposal.emergency is None:
        _assert_humans_signed(proposal, verdict, verdict.covering, snapshot)
    else:
        assert snapshot.settings.humans.accepts(actor)
        assert snapshot.now - proposal.created <= EMERGENCY_VALID_FOR


def _last_words_are_approvals(candidate: Candidate) -> bool:
    """Written again, more simply: nobody's latest word is a No; in one second the No is the later."""
    for one in candidate.signoffs:
        if one.decision is Decision.APPROVE:
            continue
        taken_back = [
            other
            for other in candidate.signoffs
            if other.by.username == one.by.username and other.created > one.created
        ]
        if not taken_back:
            return False
    return True


def _assert_humans_signed(proposal: Proposal, verdict: Verdict, covering: Evaluation, snapshot: Snapshot) -> None:
    counted = covering.counted
    assert len({one.by.username for one in counted}) == len(counted) >= 1
    for one in counted:
        assert one.decision is Decision.APPROVE
        assert one.digest == proposal.digest
        assert snapshot.settings.humans.accepts(one.by)
        assert not one.by.is_service_account
        assert one.by.username != proposal.proposer.username
        assert one.created <= proposal.created + proposal.decide_within
        assert snapshot.now <= one.created + min(proposal.valid_for, MAX_VALID_FOR)
    for demand in (*proposal.requirement, *(line.requirement for line in verdict.lines)):
        signers = [one.by for one in counted if demand.from_groups & set(one.by.groups)]
        assert len(signers) >= demand.approvals
        for part in demand.including:
            assert sum(part.user_group in signer.groups for signer in signers) >= part.at_least
        if demand.valid_for is not None:
            assert all(snapshot.now <= one.created + demand.valid_for for one in counted)


@given(some.decisions())
def test_without_a_proposal_nothing_is_signed(situation: Situation) -> None:
    change, actor, snapshot = situation
    verdict = decide(change, actor, replace(snapshot, candidates=()))
    assert verdict.conclusion is not Conclusion.SIGNED
    denying = [line for line in verdict.lines if line.policy.enforcement is Enforcement.DENY]
    assert verdict.is_denied == (bool(denying) or verdict.conclusion is Conclusion.UNDECIDED)


# --- what never admits, from a state in which the change is admitted


@given(some.signed_decisions())
def test_a_signed_change_is_admitted(situation: tuple[Change, Snapshot]) -> None:
    change, snapshot = situation
    verdict = decide(change, make.AGENT, snapshot)
    assert (verdict.conclusion, verdict.reason, verdict.needs_claim) == (Conclusion.SIGNED, Reason.COVERED, True)


@given(some.signed_decisions(), st.integers(1, 10**6))
def test_an_expired_proposal_never_admits(situation: tuple[Change, Snapshot], seconds: int) -> None:
    change, snapshot = situation
    candidate = only(snapshot)
    latest = max(one.created for one in candidate.signoffs) + candidate.proposal.valid_for
    verdict = decide(change, make.AGENT, replace(snapshot, now=latest + timedelta(seconds=seconds)))
    assert verdict.is_denied
    assert Objection.APPROVAL_EXPIRED in objections_to(verdict)


@given(some.signed_decisions(), st.sampled_from([Decision.REJECT, Decision.REVOKE]), some.people, some.moments)
def test_a_standing_objection_never_admits(
    situation: tuple[Change, Snapshot], decision: Decision, author: User, when: Any
) -> None:
    change, snapshot = situation
    candidate = only(snapshot)
    earlier = [one.created for one in candidate.signoffs if one.by == author]
    assume(all(created <= when for created in earlier))
    said = make.make_signoff(candidate.proposal, author, decision, created=when)
    against = replace(candidate, signoffs=(*candidate.signoffs, said))
    verdict = decide(change, make.AGENT, replace(snapshot, candidates=(against,)))
    assert verdict.is_denied
    assert objections_to(verdict) & {Objection.REJECTED, Objection.REVOKED}


@given(some.signed_decisions(), st.data())
def test_a_target_that_was_made_again_is_another(situation: tuple[Change, Snapshot], data: st.DataObject) -> None:
    change, snapshot = situation
    recreated = replace(change.target, uid="made-again")
    live = replace(snapshot.world.live, target=recreated)
    moved = replace(snapshot, world=replace(snapshot.world, live=live))
    verdict = decide(replace(change, target=recreated), make.AGENT, moved)
    assert verdict.is_denied
    assert Objection.NOT_EXACT in objections_to(verdict)


@given(some.signed_decisions())
def test_a_baseline_that_no_longer_holds_never_admits(situation: tuple[Change, Snapshot]) -> None:
    change, snapshot = situation
    entry = only(snapshot).proposal.changes[0]
    for key in entry.baseline:
        drifted = replace(entry, baseline={**entry.baseline, key: "what it was before"})
        verdict = decide(change, make.AGENT, with_proposal(snapshot, changes=(drifted,)))
        assert verdict.is_denied
        assert Objection.DRIFTED in objections_to(verdict)


@given(some.signed_decisions(), some.people)
def test_another_actor_never_uses_it(situation: tuple[Change, Snapshot], actor: User) -> None:
    change, snapshot = situation
    assume(actor.username != make.AGENT.username)
    verdict = decide(change, actor, snapshot)
    assert verdict.is_denied
    assert Objection.WRONG_ACTOR in objections_to(verdict)


@given(some.signed_decisions())
def test_an_account_that_was_made_again_is_another_actor(situation: tuple[Change, Snapshot]) -> None:
    change, snapshot = situation
    assert decide(change, replace(make.AGENT, uid="made-again"), snapshot).is_denied


@given(some.signed_decisions(), st.data())
def test_a_proposal_that_was_tampered_with_never_admits(
    situation: tuple[Change, Snapshot], data: st.DataObject
) -> None:
    change, snapshot = situation
    candidate = only(snapshot)
    field, value = data.draw(
        st.sampled_from(
            [
                ("name", "another"),
                ("nonce", "f" * 32),
                ("action", Action.DELETE),
                ("executor", "Operator"),
                ("requirement", ()),
                ("decide_within", timedelta(hours=23)),
                ("valid_for", timedelta(minutes=29)),
                ("stored_digest", "sha256:0"),
            ]
        )
    )
    changed: dict[str, Any] = {field: value}
    tampered = replace(candidate.proposal, **changed)
    verdict = decide(change, make.AGENT, replace(snapshot, candidates=(replace(candidate, proposal=tampered),)))
    assert verdict.is_denied
    assert Objection.TAMPERED in objections_to(verdict)


@given(some.signed_decisions())
def test_what_was_signed_for_one_proposal_does_not_count_for_another(situation: tuple[Change, Snapshot]) -> None:
    change, snapshot = situation
    candidate = only(snapshot)
    other = make.restamped(candidate.proposal, nonce="f" * 32)
    verdict = decide(change, make.AGENT, replace(snapshot, candidates=(replace(candidate, proposal=other),)))
    assert verdict.is_denied
    assert Objection.APPROVALS_MISSING in objections_to(verdict)


@given(some.signed_decisions(), st.text(st.characters(categories=["Ll"]), min_size=1, max_size=3))
def test_nothing_unsigned_rides_along(situation: tuple[Change, Snapshot], key: str) -> None:
    change, snapshot = situation
    assume(change.verb is Verb.UPDATE)
    path = f"/spec/template/metadata/annotations/rides-{key}"
    more = replace(change, fields=tuple(sorted([*change.fields, Field(path, ABSENT, "along")], key=lambda f: f.path)))
    verdict = decide(more, make.AGENT, snapshot)
    assert verdict.is_denied
    assert any(path in finding.text for one in verdict.evaluations for finding in one.findings)


@given(some.signed_decisions(), st.data())
def test_every_gated_effect_must_be_signed(situation: tuple[Change, Snapshot], data: st.DataObject) -> None:
    change, snapshot = situation
    entry = only(snapshot).proposal.changes[0]
    unsigned = data.draw(st.sampled_from(sorted(entry.effects)))
    less = replace(entry, effects=entry.effects - {unsigned})
    verdict = decide(change, make.AGENT, with_proposal(snapshot, changes=(less,)))
    assert verdict.is_denied
    assert Objection.UNSIGNED_EFFECT in objections_to(verdict)


@given(some.signed_decisions())
def test_no_effect_of_any_proposal_is_signed_for_another_namespace(situation: tuple[Change, Snapshot]) -> None:
    change, snapshot = situation
    verdict = decide(change, make.AGENT, with_proposal(snapshot, namespace="elsewhere"))
    assert verdict.is_denied


# --- monotony


@MANY
@given(some.decisions(gated=True), some.narrowings, st.data())
def test_narrowing_only_ever_takes_away(situation: Situation, narrowing: Any, data: st.DataObject) -> None:
    change, actor, snapshot = situation
    assume(any(one.signoffs for one in snapshot.candidates))
    narrower = []
    for candidate in snapshot.candidates:
        signoffs = tuple(
            replace(one, narrowing=one.narrowing.meet(narrowing))
            if one.decision is Decision.APPROVE and data.draw(st.booleans())
            else one
            for one in candidate.signoffs
        )
        narrower.append(replace(candidate, signoffs=signoffs))
    if is_admitted(decide(change, actor, replace(snapshot, candidates=tuple(narrower)))):
        assert is_admitted(decide(change, actor, snapshot))


@MANY
@given(some.decisions(gated=True), some.policies_named("one-more"))
def test_another_policy_never_turns_a_denial_into_an_admission(situation: Situation, policy: Policy) -> None:
    change, actor, snapshot = situation
    if is_admitted(decide(change, actor, snapshot)):
        return
    more = replace(snapshot.policies, items=(*snapshot.policies.items, policy))
    assert decide(change, actor, replace(snapshot, policies=more)).is_denied


@MANY
@given(some.decisions(gated=True), some.lines, st.data())
def test_another_line_never_turns_a_denial_into_an_admission(
    situation: Situation, line: Line, data: st.DataObject
) -> None:
    change, actor, snapshot = situation
    if is_admitted(decide(change, actor, snapshot)):
        return
    index = data.draw(st.integers(0, len(snapshot.policies.items) - 1))
    items = list(snapshot.policies.items)
    items[index] = replace(items[index], lines=(*items[index].lines, replace(line, name="one-more")))
    assert decide(change, actor, replace(snapshot, policies=Policies(tuple(items)))).is_denied


@MANY
@given(some.decisions(gated=True), some.people, some.moments, st.sampled_from([Decision.REJECT, Decision.REVOKE]))
def test_another_objection_never_turns_a_denial_into_an_admission(
    situation: Situation, author: User, when: Any, decision: Decision
) -> None:
    change, actor, snapshot = situation
    if not snapshot.candidates or is_admitted(decide(change, actor, snapshot)):
        return
    candidate, *others = snapshot.candidates
    said = make.make_signoff(candidate.proposal, author, decision, created=when, name="one-more")
    more = replace(candidate, signoffs=(*candidate.signoffs, said))
    assert decide(change, actor, replace(snapshot, candidates=(more, *others))).is_denied


@given(some.decisions(gated=True), st.data())
def test_a_proposal_less_never_turns_a_denial_into_an_admission(situation: Situation, data: st.DataObject) -> None:
    change, actor, snapshot = situation
    if not snapshot.candidates or is_admitted(decide(change, actor, snapshot)):
        return
    kept = tuple(one for one in snapshot.candidates if data.draw(st.booleans()))
    assert decide(change, actor, replace(snapshot, candidates=kept)).is_denied


@given(some.signed_decisions(), some.decisions())
def test_somebody_elses_proposal_never_spoils_ones_own(situation: tuple[Change, Snapshot], other: Situation) -> None:
    change, snapshot = situation
    foreign = tuple(
        replace(one, proposal=make.restamped(one.proposal, name=f"foreign-{index}"))
        for index, one in enumerate(other[2].candidates)
    )
    verdict = decide(change, make.AGENT, replace(snapshot, candidates=(*snapshot.candidates, *foreign)))
    assert verdict.conclusion is Conclusion.SIGNED


# --- the rules themselves must be known


@given(some.decisions(known=True), st.sampled_from([("torn",), ()]))
def test_stale_or_broken_policies_leave_the_gated_undecided(situation: Situation, broken: tuple[str, ...]) -> None:
    change, actor, snapshot = situation
    blind = Policies(snapshot.policies.items, broken, is_fresh=bool(broken))
    verdict = decide(change, actor, replace(snapshot, policies=blind))
    in_scope = bool(effects_of(change, snapshot.world, snapshot.policies)) or may_leave_lines(change, snapshot.world)
    assert (verdict.conclusion is Conclusion.UNDECIDED) == in_scope
    assert verdict.is_denied == in_scope


@given(some.decisions(known=True))
def test_what_no_deny_policy_gates_is_never_denied(situation: Situation) -> None:
    change, actor, snapshot = situation
    effects = effects_of(change, snapshot.world, snapshot.policies)
    lines = lines_of(change, effects, snapshot.world, snapshot.policies)
    assume(not any(line.policy.enforcement is Enforcement.DENY for line in lines))
    assert is_admitted(decide(change, actor, snapshot))


# --- changes and their digests


@given(some.json_objects, some.json_objects)
def test_a_difference_applied_to_the_old_gives_the_new(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert apply(old, difference(old, new)) == new


@given(some.json_objects, some.json_objects)
def test_there_is_no_difference_exactly_between_equals(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert difference(old, old) == ()
    if old != new:
        assert difference(old, new)


@given(some.worlds(some.ALL_GATED_KINDS), st.data())
def test_a_change_has_one_digest_and_no_two_changes_share_it(world: Any, data: st.DataObject) -> None:
    one, other = data.draw(some.changes(world.live)), data.draw(some.changes(world.live))
    assert (one == other) == (one.digest == other.digest)


@given(some.worlds(some.ALL_GATED_KINDS), st.data())
def test_a_proposal_digest_says_everything_that_is_signed(world: Any, data: st.DataObject) -> None:
    entry = make.make_signed_change(data.draw(some.changes(world.live)), world)
    proposal = make.make_proposal(entry)
    parts: dict[str, Any] = {
        "namespace": "elsewhere",
        "name": "another",
        "nonce": "f" * 32,
        "action": Action.DELETE,
        "proposer": make.BOB,
        "executor": "Operator",
        "changes": (replace(entry, effects=entry.effects ^ {Effect.CUSTOM}),),
        "requirement": (make.make_requirement(2),),
        "decide_within": timedelta(minutes=1),
        "valid_for": timedelta(minutes=1),
    }
    for field, value in parts.items():
        other: dict[str, Any] = {field: value}
        assert replace(proposal, **other).digest != proposal.digest, field
    for baseline in ({}, {**entry.baseline, "more": "x"}):
        if baseline != entry.baseline:
            assert replace(proposal, changes=(replace(entry, baseline=baseline),)).digest != proposal.digest


@given(st.text(max_size=200) | some.json_values.map(str))
@pytest.mark.parametrize("shape", ["{}", '{{"format":"cutline/1","target":{}}}'])
def test_no_text_that_is_not_a_change_is_read_as_one(shape: str, text: str) -> None:
    with pytest.raises(BadObject) as refused:
        change_from_canonical(shape.format(text), "spec.changes[0].canonical")
    assert refused.value.field == "spec.changes[0].canonical"
