"""A proposal's phase: the table, what drives it, and that it agrees with what the gate counts."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline.domain.evaluate import counted_approvals, missing_approvals
from cutline.domain.lifecycle import (
    FINISHED,
    TRANSITIONS,
    ClaimState,
    Happening,
    Phase,
    Standing,
    Use,
    is_reviewed,
    needed_approvals,
    standing_of,
    transition,
    valid_until,
)
from cutline.domain.narrowing import Narrowing
from cutline.domain.proposal import Emergency, Proposal
from cutline.domain.requirement import Requirement
from cutline.domain.signoff import Decision, Signoff
from tests.builders import (
    AGENT,
    ALICE,
    BOB,
    NOW,
    SAM,
    SETTINGS,
    VISITOR,
    ago,
    make_candidate,
    make_proposal,
    make_requirement,
    make_signoff,
)

PROPOSAL = make_proposal()
APPROVED = make_signoff(PROPOSAL)
REJECTED = make_signoff(PROPOSAL, BOB, Decision.REJECT)


def use(state: ClaimState, proposal: Proposal = PROPOSAL, entry: int = 0) -> Use:
    return Use(f"claim-{entry}", proposal.changes[entry].change.digest, state)


def standing(
    *signoffs: Signoff,
    proposal: Proposal = PROPOSAL,
    requirement: Iterable[Requirement] | None = None,
    uses: Iterable[Use] = (),
    drift: tuple[str, ...] | None = (),
    now: datetime = NOW,
) -> Standing:
    wanted = proposal.requirement if requirement is None else tuple(requirement)
    return standing_of(make_candidate(proposal, *signoffs), wanted, uses, drift, SETTINGS, now)


@pytest.mark.parametrize(("phase", "happening"), list(product(Phase, Happening)))
def test_every_pair_is_in_the_table_or_refused(phase: Phase, happening: Happening) -> None:
    if (phase, happening) in TRANSITIONS:
        assert transition(phase, happening) is TRANSITIONS[phase, happening]
        return
    with pytest.raises(ValueError, match=f"{happening.value} cannot happen"):
        transition(phase, happening)


def test_nothing_leads_out_of_a_finished_phase() -> None:
    assert {phase for phase, _ in TRANSITIONS} & FINISHED == set()


def test_every_phase_can_be_reached() -> None:
    assert {Phase.PENDING, *TRANSITIONS.values()} == set(Phase)


def test_waits_for_people() -> None:
    found = standing()
    assert found.phase is Phase.PENDING
    assert found.missing == ("1 approval from sre",)
    assert found.valid_until is None


def test_is_approved_until_the_approval_ends() -> None:
    found = standing(APPROVED)
    assert found.phase is Phase.APPROVED
    assert found.missing == ()
    assert found.valid_until == APPROVED.created + timedelta(minutes=15)


def test_a_rejection_stands_until_its_author_withdraws_it() -> None:
    assert standing(APPROVED, REJECTED).phase is Phase.REJECTED
    withdrawn = make_signoff(PROPOSAL, BOB, created=ago(minutes=1))
    assert standing(APPROVED, REJECTED, withdrawn).phase is Phase.APPROVED


def test_a_revocation_stops_what_was_approved() -> None:
    revoked = make_signoff(PROPOSAL, ALICE, Decision.REVOKE, created=ago(minutes=1))
    assert standing(APPROVED, revoked).phase is Phase.REVOKED


def test_a_rejection_weighs_more_than_a_revocation() -> None:
    revoked = make_signoff(PROPOSAL, ALICE, Decision.REVOKE, created=ago(minutes=1))
    assert standing(revoked, REJECTED).phase is Phase.REJECTED


def test_expires_when_nobody_decides_in_time() -> None:
    assert standing(now=PROPOSAL.decide_by).phase is Phase.PENDING
    assert standing(now=PROPOSAL.decide_by + timedelta(seconds=1)).phase is Phase.EXPIRED


def test_an_approval_that_has_ended_can_be_given_again_in_time() -> None:
    later = APPROVED.created + timedelta(minutes=16)
    assert standing(APPROVED, now=later).phase is Phase.PENDING
    assert standing(APPROVED, now=PROPOSAL.decide_by + timedelta(minutes=1)).phase is Phase.EXPIRED


def test_an_approval_in_time_may_be_used_after_the_time_to_decide() -> None:
    last = make_signoff(PROPOSAL, created=PROPOSAL.decide_by)
    assert standing(last, now=PROPOSAL.decide_by + timedelta(minutes=14)).phase is Phase.APPROVED


def test_drift_voids_what_was_approved_and_what_waits() -> None:
    assert standing(drift=("replicas",)).phase is Phase.STALE
    assert standing(APPROVED, drift=("replicas",)).phase is Phase.STALE
    assert standing(drift=("replicas",), now=PROPOSAL.decide_by + timedelta(hours=1)).phase is Phase.EXPIRED


def test_a_use_is_seen_through_to_its_end() -> None:
    assert standing(APPROVED, uses=[use(ClaimState.CLAIMED)]).phase is Phase.USED
    assert standing(APPROVED, uses=[use(ClaimState.SETTLED)]).phase is Phase.COMPLETED
    assert standing(APPROVED, uses=[use(ClaimState.SETTLED)], drift=("its own effect",)).phase is Phase.COMPLETED


def test_a_use_that_came_to_nothing_leaves_the_proposal_as_it_was() -> None:
    uses = [use(ClaimState.NEVER_HAPPENED)]
    assert standing(APPROVED, uses=uses).phase is Phase.APPROVED
    assert standing(APPROVED, uses=uses, now=PROPOSAL.decide_by + timedelta(hours=1)).phase is Phase.EXPIRED


def test_a_rejection_after_the_use_changes_nothing_any_more() -> None:
    assert standing(APPROVED, REJECTED, uses=[use(ClaimState.SETTLED)]).phase is Phase.COMPLETED


def test_stricter_policies_of_today_count_too() -> None:
    stricter = (*PROPOSAL.requirement, make_requirement(2, policy="new"))
    assert standing(APPROVED, requirement=stricter).phase is Phase.PENDING
    assert needed_approvals(stricter) == 2
    both = (APPROVED, make_signoff(PROPOSAL, BOB))
    assert standing(*both, requirement=stricter).phase is Phase.APPROVED


def test_an_emergency_needs_nobody_and_is_soon_over() -> None:
    proposal = make_proposal(proposer=ALICE, emergency=Emergency("down", "T-1"), created=NOW)
    found = standing(proposal=proposal)
    assert (found.phase, found.missing) == (Phase.APPROVED, ())
    assert found.valid_until == NOW + timedelta(minutes=15)
    assert standing(proposal=proposal, now=NOW + timedelta(minutes=16)).phase is Phase.EXPIRED


def test_machines_call_no_emergencies() -> None:
    proposal = make_proposal(proposer=AGENT, emergency=Emergency("down", "T-1"), created=NOW)
    assert standing(proposal=proposal).phase is Phase.EXPIRED


def test_only_another_human_reviews_an_emergency() -> None:
    proposal = make_proposal(proposer=ALICE, emergency=Emergency("down", "T-1"), created=NOW)

    def reviewed(*signoffs: Signoff) -> bool:
        return is_reviewed(make_candidate(proposal, *signoffs), SETTINGS)

    assert not reviewed()
    assert not reviewed(make_signoff(proposal, ALICE))
    assert not reviewed(make_signoff(proposal, AGENT))
    assert not reviewed(make_signoff(proposal, BOB, Decision.REVOKE))
    assert reviewed(make_signoff(proposal, BOB, Decision.REJECT))
    assert reviewed(make_signoff(proposal, BOB))


PEOPLE = (ALICE, BOB, SAM, VISITOR)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Signoff, ...]:
    """Sign-offs of several people at several times, some with a shorter life."""
    minutes = st.integers(0, 40)
    lives = st.none() | st.integers(1, 30).map(lambda value: timedelta(minutes=value))
    count = draw(st.integers(0, 6))
    return tuple(
        make_signoff(
            PROPOSAL,
            draw(st.sampled_from(PEOPLE)),
            draw(st.sampled_from(Decision)),
            created=ago(minutes=draw(minutes)),
            narrowing=Narrowing(valid_for=draw(lives)),
            name=f"signoff-{number}",
        )
        for number in range(count)
    )


@st.composite
def requirements(draw: st.DrawFn) -> tuple[Requirement, ...]:
    lives = st.none() | st.integers(1, 30).map(lambda value: timedelta(minutes=value))
    return tuple(
        make_requirement(draw(st.integers(1, 3)), line=f"line-{number}", valid_for=draw(lives))
        for number in range(draw(st.integers(0, 3)))
    )


@given(histories(), requirements(), st.lists(st.sampled_from(ClaimState)), st.booleans(), st.integers(-60, 180))
def test_every_history_has_a_phase(
    history: tuple[Signoff, ...], wanted: tuple[Requirement, ...], states: list[ClaimState], drifted: bool, minutes: int
) -> None:
    uses = [Use(f"claim-{number}", "sha256:x", state) for number, state in enumerate(states)]
    drift = ("replicas",) if drifted else ()
    found = standing(*history, requirement=wanted, uses=uses, drift=drift, now=NOW + timedelta(minutes=minutes))
    assert found.phase in Phase


@given(histories(), requirements())
def test_valid_until_is_the_last_moment_at_which_the_gate_counts_enough(
    history: tuple[Signoff, ...], wanted: tuple[Requirement, ...]
) -> None:
    candidate = make_candidate(PROPOSAL, *history)

    def is_enough(moment: datetime) -> bool:
        counted = counted_approvals(candidate, wanted, SETTINGS, moment)
        return bool(counted.counted) and not missing_approvals(wanted, counted)

    until = valid_until(candidate, wanted, SETTINGS, NOW)
    assert (until is not None) == is_enough(NOW)
    if until is not None:
        assert is_enough(until)
        assert not is_enough(until + timedelta(microseconds=1))


@given(histories(), requirements())
def test_order_does_not_matter(history: tuple[Signoff, ...], wanted: tuple[Requirement, ...]) -> None:
    assert standing(*history, requirement=wanted).phase is standing(*reversed(history), requirement=wanted).phase
