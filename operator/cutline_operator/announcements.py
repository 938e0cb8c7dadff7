"""Which events a proposal's life is worth, and what they say. Pure.

Prose of proposers is never repeated: an event on a workload is read by people who did not ask for it.
"""

from collections.abc import Iterator

from cutline.api.proposals import API_VERSION, KIND
from cutline.domain.lifecycle import ClaimState, Phase, Standing
from cutline.domain.proposal import Proposal
from cutline.domain.signoff import Signoff
from cutline.domain.snapshot import Candidate
from cutline.domain.tree import JsonObject
from cutline_operator.events import Event, EventReason, EventType, Regarding, regarding_target

_REASONS = {
    Phase.APPROVED: (EventType.NORMAL, EventReason.APPROVED),
    Phase.REJECTED: (EventType.NORMAL, EventReason.REJECTED),
    Phase.REVOKED: (EventType.NORMAL, EventReason.REVOKED),
    Phase.EXPIRED: (EventType.NORMAL, EventReason.EXPIRED),
    Phase.STALE: (EventType.WARNING, EventReason.STALE),
    Phase.USED: (EventType.NORMAL, EventReason.USED),
    Phase.COMPLETED: (EventType.NORMAL, EventReason.COMPLETED),
}
# What people who look at the target should find there, too.
_ON_TARGET = frozenset({Phase.APPROVED, Phase.USED})


def announcements(
    candidate: Candidate, standing: Standing, before: JsonObject, *, is_reviewed: bool
) -> tuple[Event, ...]:
    """What is worth telling now; `before` is the status so far, which tells what was told already."""
    events: list[Event] = []
    if standing.is_emergency:
        events += _of_emergency(candidate, before, is_reviewed=is_reviewed)
    events += _of_uses(candidate.proposal, standing, before)
    if standing.phase.value != before.get("phase"):
        events += _of_phase(candidate, standing, is_new=not before.get("phase"))
    return tuple(events)


def regarding_proposal(proposal: Proposal) -> Regarding:
    """The proposal, as events refer to it."""
    return Regarding(API_VERSION, KIND, proposal.namespace, proposal.name, proposal.uid)


def _of_phase(candidate: Candidate, standing: Standing, *, is_new: bool) -> Iterator[Event]:
    proposal, phase = candidate.proposal, standing.phase
    if phase is Phase.PENDING and is_new:
        note = f"{_what(proposal)}, proposed by {proposal.proposer.username}, needs a decision"
        yield Event(regarding_proposal(proposal), EventType.NORMAL, EventReason.PROPOSED, note, "proposed")
        return
    if phase not in _REASONS:
        return
    type_, reason = _REASONS[phase]
    note = f"{_what(proposal)}: {_how(candidate, standing)}"
    # The same phase can be reached again, by another sign-off.
    occurrence = ",".join([phase.value, *(one.name for one in candidate.signoffs), *_names(standing)])
    yield Event(regarding_proposal(proposal), type_, reason, note, occurrence)
    if phase in _ON_TARGET:
        for target in sorted({entry.change.target for entry in proposal.changes if not entry.change.removes_pod}):
            note = f"proposal {proposal.key}: {_how(candidate, standing)}"
            yield Event(regarding_target(target), type_, reason, note, f"{proposal.uid},{occurrence}")


def _names(standing: Standing) -> tuple[str, ...]:
    return tuple(use.name for use in standing.uses)


def _how(candidate: Candidate, standing: Standing) -> str:
    proposer = candidate.proposal.proposer.username
    match standing.phase:
        case Phase.APPROVED if not standing.is_emergency:
            return f"approved by {_people(standing.counted.counted)}; {proposer} may use it now"
        case Phase.REJECTED | Phase.REVOKED:
            return f"{standing.phase.value.lower()} by {_people(standing.objections)}"
        case Phase.STALE:
            return "; ".join(standing.drift or ()) or "the target has changed"
        case Phase.USED:
            return f"used by {proposer}"
        case _:
            return standing.phase.value.lower()


def _people(signoffs: tuple[Signoff, ...]) -> str:
    return ", ".join(signoff.by.username for signoff in signoffs)


def _what(proposal: Proposal) -> str:
    """Where the target stands, if anywhere: the proposal may stand elsewhere."""
    about = (proposal.target.kind, proposal.target.name)
    targets = (entry.change.target for entry in proposal.changes)
    named = next((target for target in targets if (target.kind, target.name) == about), proposal.target)
    return f"{proposal.action.value} of {named}"


def _of_emergency(candidate: Candidate, before: JsonObject, *, is_reviewed: bool) -> Iterator[Event]:
    proposal, emergency = candidate.proposal, candidate.proposal.emergency
    if emergency is None:
        return
    about = regarding_proposal(proposal)
    if not is_reviewed:
        note = f"{proposal.proposer.username} called an emergency, ticket {emergency.ticket}: {_what(proposal)}"
        note += "; another human must review it"
        yield Event(about, EventType.WARNING, EventReason.EMERGENCY, note, "called")
        for target in sorted({entry.change.target for entry in proposal.changes if not entry.change.removes_pod}):
            yield Event(regarding_target(target), EventType.WARNING, EventReason.EMERGENCY, note, proposal.uid)
        return
    if len(before.get("signers") or ()) < len(candidate.signoffs):
        note = f"{_what(proposal)}: the emergency has been reviewed"
        yield Event(about, EventType.NORMAL, EventReason.EMERGENCY_REVIEWED, note, "reviewed")


def _of_uses(proposal: Proposal, standing: Standing, before: JsonObject) -> Iterator[Event]:
    told = {claim.get("name"): claim.get("state") for claim in before.get("claims") or ()}
    for use in standing.uses:
        if use.state is ClaimState.NEVER_HAPPENED and told.get(use.name) != use.state.value:
            note = f"{_what(proposal)}: a change that was let through did not happen ({use.name})"
            yield Event(regarding_proposal(proposal), EventType.WARNING, EventReason.NEVER_HAPPENED, note, use.name)
