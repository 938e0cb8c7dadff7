"""Laws of a change that is admitted because it was signed: nothing about it may be otherwise."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from cutline.domain.change import Change, Verb
from cutline.domain.decide import decide
from cutline.domain.difference import Field
from cutline.domain.effect import Action
from cutline.domain.signoff import Decision
from cutline.domain.snapshot import Candidate, Snapshot
from cutline.domain.tree import ABSENT
from cutline.domain.user import User
from cutline.domain.verdict import Conclusion, Objection, Reason, Verdict
from tests import builders as make
from tests import strategies as some


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
