"""The status of a proposal, worked out from what was written. Pure: state in, status out.

It says what the gate would say, with the domain's own functions; the gate never reads it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from cutline.domain.lifecycle import FINISHED, ClaimState, Phase, Standing, needed_approvals
from cutline.domain.signoff import Decision
from cutline.domain.snapshot import Candidate
from cutline.domain.tree import JsonObject
from cutline_operator.statuses import Condition, Truth, condition_before, conditions_as_trees, rfc3339, told, truth

_MAX_SIGNERS: Final = 256
_MAX_CLAIMS: Final = 512
DRIFT_CHECK: Final = timedelta(seconds=15)
"""How often the targets of a live proposal are looked at."""


def proposal_status(
    candidate: Candidate, standing: Standing, before: JsonObject, generation: int, now: datetime
) -> dict[str, Any]:
    """The status of a proposal that stands like this; `before` is the one that it has."""
    proposal = candidate.proposal
    status: dict[str, Any] = {
        "phase": standing.phase.value,
        "observedGeneration": generation,
        "signed": _signed(standing),
        "decideBy": rfc3339(proposal.decide_by),
        "conditions": conditions_as_trees(tuple(_conditions(standing, before)), before, generation, now),
    }
    if standing.valid_until is not None and standing.phase in (Phase.APPROVED, Phase.USED):
        status["validUntil"] = rfc3339(standing.valid_until)
    if standing.missing and standing.phase is Phase.PENDING:
        status["missing"] = told("; ".join(standing.missing))
    signers = sorted(candidate.signoffs, key=lambda one: (one.created, one.name))
    if signers:
        # The newest, should there ever be more than the field holds.
        status["signers"] = [
            {"username": one.by.username, "decision": one.decision.value, "at": rfc3339(one.created)}
            for one in signers[-_MAX_SIGNERS:]
        ]
    if standing.uses:
        status["claims"] = [{"name": use.name, "state": use.state.value} for use in standing.uses[:_MAX_CLAIMS]]
    return status


def _signed(standing: Standing) -> str:
    if standing.is_emergency:
        return "emergency"
    return f"{len(standing.counted.counted)}/{needed_approvals(standing.requirement)}"


def _conditions(standing: Standing, before: JsonObject) -> Iterator[Condition]:
    yield _approved(standing, before)
    yield _current(standing, before)
    yield _used(standing)
    effect = _effect_observed(standing)
    if effect is not None:
        yield effect


def _approved(standing: Standing, before: JsonObject) -> Condition:
    name = "Approved"
    earlier = condition_before(before, name)
    if standing.phase is Phase.COMPLETED and earlier is not None:
        # It was approved when it was used: that its approvals have ended since means nothing.
        return earlier
    if standing.objections:
        decisive = max(standing.objections, key=lambda one: one.decision is Decision.REJECT)
        word = "Rejected" if decisive.decision is Decision.REJECT else "Revoked"
        who = ", ".join(one.by.username for one in standing.objections)
        return Condition(name, Truth.FALSE, word, f"{word.lower()} by {who}")
    if standing.valid_until is not None:
        if standing.is_emergency:
            return Condition(name, Truth.TRUE, "Emergency", f"an emergency, until {rfc3339(standing.valid_until)}")
        who = ", ".join(signer.username for signer in standing.counted.signers)
        return Condition(name, Truth.TRUE, "Signed", f"signed by {who}, until {rfc3339(standing.valid_until)}")
    if standing.is_emergency:
        return Condition(name, Truth.FALSE, "EmergencyOver", "the emergency is over")
    if not standing.may_be_decided:
        reason = "ApprovalExpired" if standing.counted.expired else "DecisionOverdue"
        return Condition(name, Truth.FALSE, reason, "the time to decide is over: propose again")
    reason = "ApprovalExpired" if standing.counted.expired else "ApprovalsMissing"
    return Condition(name, Truth.FALSE, reason, f"missing: {'; '.join(standing.missing)}")


def _current(standing: Standing, before: JsonObject) -> Condition:
    """Once it is used or over, nobody looks any more: what was seen last stays."""
    name = "Current"
    if standing.drift is None:
        unknown = Condition(name, Truth.UNKNOWN, "NotLookedAt", "the target has not been looked at yet")
        return condition_before(before, name) or unknown
    if not standing.drift:
        return Condition(name, Truth.TRUE, "AsSigned", "the target is still as it was signed")
    return Condition(name, Truth.FALSE, "Drifted", "; ".join(standing.drift))


def _used(standing: Standing) -> Condition:
    name = "Used"
    count = sum(use.state is not ClaimState.NEVER_HAPPENED for use in standing.uses)
    if not count:
        return Condition(name, Truth.FALSE, "NotUsed", "nothing of it has been used")
    return Condition(name, Truth.TRUE, "Claimed", f"{count} of its changes let through")


def _effect_observed(standing: Standing) -> Condition | None:
    name = "EffectObserved"
    if not standing.uses:
        return None
    settled = sum(use.state is ClaimState.SETTLED for use in standing.uses)
    pending = sum(use.state is ClaimState.CLAIMED for use in standing.uses)
    message = f"{settled} of {len(standing.uses)} used changes have settled"
    if pending:
        return Condition(name, Truth.FALSE, "Pending", message)
    return Condition(name, truth(settled == len(standing.uses)), "Settled" if settled else "NeverHappened", message)


def is_live(standing: Standing) -> bool:
    """Whether its targets are worth looking at: it may still be used, and nothing of it has been."""
    return standing.phase not in FINISHED and not standing.was_used and not _has_lapsed(standing)


def _has_lapsed(standing: Standing) -> bool:
    return standing.valid_until is None and not standing.may_be_decided


def next_due(candidate: Candidate, standing: Standing, now: datetime) -> datetime | None:
    """When the status may change although nobody writes anything; None if it will not."""
    # Just after: at the moment itself an approval still counts.
    ends = (candidate.proposal.decide_by + _JUST_AFTER, standing.valid_until and standing.valid_until + _JUST_AFTER)
    coming = [moment for moment in ends if moment is not None and moment > now]
    if is_live(standing):
        coming.append(now + DRIFT_CHECK)
    return min(coming, default=None)


_JUST_AFTER: Final = timedelta(seconds=1)


def over_at(candidate: Candidate) -> datetime:
    """From when a proposal can admit nothing any more, whatever anybody signs, and nothing was said about it."""
    said = (signoff.created for signoff in candidate.signoffs)
    done = (claim.created for claim in candidate.claims)
    return max((candidate.proposal.ends, *said, *done))
