"""The laws of the design, as properties of `decide` over generated worlds.

They are about every change, policy and proposal that there may be; examples of single
rules stand in the neighbouring modules.
"""

from dataclasses import replace
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from cutline.domain.decide import decide
from cutline.domain.duration import EMERGENCY_VALID_FOR, MAX_VALID_FOR
from cutline.domain.effects import effects_of
from cutline.domain.errors import MissingFact
from cutline.domain.policy import Enforcement, Policies, lines_of, may_leave_lines
from cutline.domain.proposal import Proposal
from cutline.domain.signoff import Decision
from cutline.domain.snapshot import Candidate, Snapshot
from cutline.domain.verdict import Conclusion, Evaluation, Verdict
from tests import strategies as some
from tests.domain.situations import MANY, Situation, is_admitted

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
