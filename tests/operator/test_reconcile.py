"""A proposal's status: state in, status out."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from cutline.domain.lifecycle import ClaimState, Standing, Use, standing_of
from cutline.domain.proposal import Emergency, Proposal
from cutline.domain.signoff import Decision, Signoff
from cutline.domain.tree import JsonObject
from cutline_operator import reconcile
from cutline_operator.statuses import patch_of
from tests.builders import (
    ALICE,
    BOB,
    NOW,
    SETTINGS,
    ago,
    make_candidate,
    make_proposal,
    make_requirement,
    make_signoff,
)

PROPOSAL = make_proposal(requirement=[make_requirement(2)])
APPROVED = make_signoff(PROPOSAL)


def standing(
    *signoffs: Signoff,
    proposal: Proposal = PROPOSAL,
    uses: Iterable[Use] = (),
    drift: tuple[str, ...] | None = (),
    now: datetime = NOW,
) -> Standing:
    return standing_of(make_candidate(proposal, *signoffs), proposal.requirement, uses, drift, SETTINGS, now)


def status(
    *signoffs: Signoff,
    proposal: Proposal = PROPOSAL,
    uses: Iterable[Use] = (),
    drift: tuple[str, ...] | None = (),
    before: JsonObject | None = None,
    now: datetime = NOW,
) -> dict[str, Any]:
    found = standing(*signoffs, proposal=proposal, uses=uses, drift=drift, now=now)
    return reconcile.proposal_status(make_candidate(proposal, *signoffs), found, before or {}, 1, now)


def condition(tree: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in tree["conditions"] if one["type"] == name)


def test_a_new_proposal_says_what_is_missing() -> None:
    found = status()
    assert found["phase"] == "Pending"
    assert found["signed"] == "0/2"
    assert found["missing"] == "2 approvals from sre"
    assert found["decideBy"] == "2026-03-01T12:50:00Z"
    assert condition(found, "Approved")["reason"] == "ApprovalsMissing"
    assert "validUntil" not in found
    assert "claims" not in found


def test_half_signed() -> None:
    found = status(APPROVED)
    assert (found["phase"], found["signed"]) == ("Pending", "1/2")
    assert found["signers"] == [{"username": "alice", "decision": "Approve", "at": "2026-03-01T11:55:00Z"}]


def test_signed() -> None:
    found = status(APPROVED, make_signoff(PROPOSAL, BOB, created=ago(minutes=1)))
    assert (found["phase"], found["signed"]) == ("Approved", "2/2")
    assert found["validUntil"] == "2026-03-01T12:10:00Z"
    assert condition(found, "Approved")["message"] == "signed by alice, bob, until 2026-03-01T12:10:00Z"
    assert "missing" not in found


def test_rejected() -> None:
    found = status(APPROVED, make_signoff(PROPOSAL, BOB, Decision.REJECT))
    assert found["phase"] == "Rejected"
    assert condition(found, "Approved")["message"] == "rejected by bob"


def test_drifted() -> None:
    found = status(drift=("replicas of deployment/web (shop) is no longer what was signed",))
    assert found["phase"] == "Stale"
    assert condition(found, "Current")["status"] == "False"


def test_what_was_seen_of_the_target_stays_when_nobody_looks_any_more() -> None:
    assert condition(status(drift=None), "Current")["status"] == "Unknown"
    seen = status(drift=())
    later = status(drift=None, before=seen, now=NOW + timedelta(minutes=1))
    assert condition(later, "Current") == condition(seen, "Current")


def test_used_and_settled() -> None:
    one = make_proposal()
    signed = make_signoff(one)
    digest = one.changes[0].change.digest
    used = status(signed, proposal=one, uses=[Use("claim", digest, ClaimState.CLAIMED)])
    assert used["phase"] == "Used"
    assert used["claims"] == [{"name": "claim", "state": "Claimed"}]
    assert condition(used, "EffectObserved")["reason"] == "Pending"
    settled = [Use("claim", digest, ClaimState.SETTLED)]
    done = status(signed, proposal=one, uses=settled, before=used)
    assert done["phase"] == "Completed"
    assert condition(done, "EffectObserved")["status"] == "True"
    # The approval ends; that it was approved when it was used stays.
    later = status(signed, proposal=one, uses=settled, before=done, now=NOW + timedelta(hours=2))
    assert condition(later, "Approved") == condition(done, "Approved")
    assert patch_of({key: value for key, value in done.items() if key != "signed"}, later) == {
        "status": {"signed": "0/1"}
    }


def test_an_emergency_says_so() -> None:
    proposal = make_proposal(proposer=ALICE, created=NOW, emergency=Emergency("down", "T-1"))
    found = status(proposal=proposal)
    assert (found["phase"], found["signed"]) == ("Approved", "emergency")
    assert condition(found, "Approved")["reason"] == "Emergency"


def test_the_same_state_is_the_same_status() -> None:
    once = status(APPROVED)
    again = status(APPROVED, before=once, now=NOW + timedelta(minutes=2))
    assert patch_of(once, again) is None


def test_conditions_remember_since_when_they_hold() -> None:
    before = status(APPROVED)
    bob = make_signoff(PROPOSAL, BOB, created=ago(minutes=1))
    after = status(APPROVED, bob, before=before, now=NOW + timedelta(minutes=2))
    assert condition(after, "Approved")["lastTransitionTime"] == "2026-03-01T12:02:00Z"
    assert condition(after, "Used")["lastTransitionTime"] == "2026-03-01T12:00:00Z"


def test_a_patch_takes_away_what_is_gone() -> None:
    assert patch_of({"phase": "Approved", "validUntil": "x"}, {"phase": "Completed"}) == {
        "status": {"phase": "Completed", "validUntil": None}
    }


def test_live_proposals_are_looked_at_again_soon_and_finished_ones_not() -> None:
    assert reconcile.next_due(make_candidate(PROPOSAL), standing(), NOW) == NOW + reconcile.DRIFT_CHECK
    late = PROPOSAL.decide_by + timedelta(hours=1)
    over = standing(now=late)
    assert not reconcile.is_live(over)
    assert reconcile.next_due(make_candidate(PROPOSAL), over, late) is None


def test_is_looked_at_just_after_the_time_to_decide() -> None:
    moment = PROPOSAL.decide_by - timedelta(seconds=5)
    due = reconcile.next_due(make_candidate(PROPOSAL), standing(now=moment), moment)
    assert due is not None
    assert PROPOSAL.decide_by < due <= moment + reconcile.DRIFT_CHECK
    assert status(now=due)["phase"] == "Expired"


@pytest.mark.parametrize("minutes", [0, 90])
def test_is_kept_while_it_could_admit_anything(minutes: int) -> None:
    late = make_signoff(PROPOSAL, BOB, Decision.REJECT, created=NOW + timedelta(minutes=minutes))
    over = reconcile.over_at(make_candidate(PROPOSAL, late))
    assert over >= PROPOSAL.decide_by + timedelta(minutes=30)
    assert over >= late.created
