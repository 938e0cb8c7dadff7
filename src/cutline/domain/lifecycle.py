"""The life of a proposal, in one word for people: a table of transitions, and what drives them.

Nothing that decides reads a phase. It is worked out from what was written (`standing_of`), each time
anew and from the beginning: the facts about a proposal are first put as happenings, and the
happenings then walk through the table. Deleting a status therefore loses nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import reduce

from cutline.domain.duration import MAX_VALID_FOR
from cutline.domain.evaluate import counted_approvals, missing_approvals
from cutline.domain.requirement import Requirement
from cutline.domain.signoff import Approvals, Decision, Signoff, objections
from cutline.domain.snapshot import Candidate, Settings


class Phase(StrEnum):
    """Where a proposal stands."""

    PENDING = "Pending"
    APPROVED = "Approved"
    REJECTED = "Rejected"
    EXPIRED = "Expired"
    STALE = "Stale"
    REVOKED = "Revoked"
    USED = "Used"
    COMPLETED = "Completed"


class Happening(StrEnum):
    """What moves a proposal on."""

    APPROVED = "Approved"  # enough approvals count, or it is an emergency
    REJECTED = "Rejected"
    REVOKED = "Revoked"
    DRIFTED = "Drifted"  # the target is no longer what was signed
    CLAIMED = "Claimed"  # a signed change was let through
    SETTLED = "Settled"  # all of it was used and came to rest
    LAPSED = "Lapsed"  # no more of it can be used


TRANSITIONS: Mapping[tuple[Phase, Happening], Phase] = {
    (Phase.PENDING, Happening.APPROVED): Phase.APPROVED,
    (Phase.PENDING, Happening.REJECTED): Phase.REJECTED,
    # An approval can be taken back before there are enough.
    (Phase.PENDING, Happening.REVOKED): Phase.REVOKED,
    (Phase.PENDING, Happening.DRIFTED): Phase.STALE,
    (Phase.PENDING, Happening.LAPSED): Phase.EXPIRED,
    (Phase.APPROVED, Happening.REJECTED): Phase.REJECTED,
    (Phase.APPROVED, Happening.REVOKED): Phase.REVOKED,
    (Phase.APPROVED, Happening.DRIFTED): Phase.STALE,
    (Phase.APPROVED, Happening.LAPSED): Phase.EXPIRED,
    (Phase.APPROVED, Happening.CLAIMED): Phase.USED,
    (Phase.STALE, Happening.LAPSED): Phase.EXPIRED,
    # What is left of a proposal in use can still be stopped.
    (Phase.USED, Happening.REJECTED): Phase.REJECTED,
    (Phase.USED, Happening.REVOKED): Phase.REVOKED,
    (Phase.USED, Happening.SETTLED): Phase.COMPLETED,
    (Phase.USED, Happening.LAPSED): Phase.COMPLETED,
}

FINISHED: frozenset[Phase] = frozenset({Phase.EXPIRED, Phase.COMPLETED})
"""Phases that nothing leads out of, however people change their minds."""


def transition(phase: Phase, happening: Happening) -> Phase:
    """The phase after `happening`; raises `ValueError` for what cannot happen then."""
    try:
        return TRANSITIONS[phase, happening]
    except KeyError:
        raise ValueError(f"{happening.value} cannot happen to a proposal that is {phase.value}") from None


class ClaimState(StrEnum):
    """What became of a change that was let through."""

    CLAIMED = "Claimed"  # not seen yet
    SETTLED = "Settled"
    NEVER_HAPPENED = "NeverHappened"


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a proposal: which signed change, and what became of it."""

    name: str
    signed_digest: str
    state: ClaimState


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything about a proposal that its phase depends on, at one moment.

    `valid_until` is None unless it may be used now. `may_be_decided` says that approvals given
    now would count. `drift` names what of the live state is no longer what was signed; None where
    nobody has looked.
    """

    requirement: tuple[Requirement, ...]
    counted: Approvals
    missing: tuple[str, ...]
    objections: tuple[Signoff, ...]
    valid_until: datetime | None
    may_be_decided: bool
    drift: tuple[str, ...] | None
    uses: tuple[Use, ...]
    is_emergency: bool
    used_up: bool

    @property
    def phase(self) -> Phase:
        """The phase that everything together amounts to."""
        return reduce(transition, happenings(self), Phase.PENDING)

    @property
    def has_pending_uses(self) -> bool:
        return any(use.state is ClaimState.CLAIMED for use in self.uses)

    @property
    def was_used(self) -> bool:
        """Whether anything was let through that is not known to have come to nothing."""
        return any(use.state is not ClaimState.NEVER_HAPPENED for use in self.uses)


def standing_of(
    candidate: Candidate,
    requirement: tuple[Requirement, ...],
    uses: Iterable[Use],
    drift: tuple[str, ...] | None,
    settings: Settings,
    now: datetime,
) -> Standing:
    """How a proposal stands at `now`, under `requirement` (what was pinned and what is demanded now)."""
    proposal = candidate.proposal
    used = tuple(sorted(uses, key=lambda use: use.name))
    settled = {use.signed_digest for use in used if use.state is ClaimState.SETTLED}
    counted = counted_approvals(candidate, requirement, settings, now)
    return Standing(
        requirement=requirement,
        counted=counted,
        missing=() if proposal.emergency is not None else _wanted(requirement, counted),
        objections=objections(candidate.signoffs),
        valid_until=valid_until(candidate, requirement, settings, now),
        may_be_decided=proposal.emergency is None and now <= proposal.decide_by,
        drift=drift,
        uses=used,
        is_emergency=proposal.emergency is not None,
        used_up=all(entry.change.digest in settled for entry in proposal.changes),
    )


def happenings(standing: Standing) -> Iterator[Happening]:
    """What has happened to a proposal, in an order that the table knows."""
    if standing.was_used:
        yield from _after_use(standing)
        return
    if standing.valid_until is not None:
        yield Happening.APPROVED
    objection = _objection(standing)
    if objection is not None:
        yield objection
        return
    if standing.valid_until is None and not standing.may_be_decided:
        yield Happening.LAPSED
        return
    if standing.drift:
        yield Happening.DRIFTED


def _after_use(standing: Standing) -> Iterator[Happening]:
    """It was approved once, whoever counts now; a drift may be its own effect."""
    yield Happening.APPROVED
    yield Happening.CLAIMED
    if standing.used_up:
        yield Happening.SETTLED
        return
    objection = _objection(standing)
    if objection is not None:
        yield objection
        return
    if standing.valid_until is None and not standing.may_be_decided and not standing.has_pending_uses:
        yield Happening.LAPSED


def _objection(standing: Standing) -> Happening | None:
    """A rejection weighs more than a revocation."""
    decisions = {signoff.decision for signoff in standing.objections}
    if Decision.REJECT in decisions:
        return Happening.REJECTED
    return Happening.REVOKED if Decision.REVOKE in decisions else None


def valid_until(
    candidate: Candidate, requirement: tuple[Requirement, ...], settings: Settings, now: datetime
) -> datetime | None:
    """Until when the proposal may be used if nobody signs again; None where it may not be used now.

    The gate's own count is asked at every moment at which an approval could come to its end.
    """
    proposal = candidate.proposal
    if proposal.emergency is not None:
        end = proposal.emergency_ends
        return end if now <= end and settings.humans.accepts(proposal.proposer) else None

    def is_met(moment: datetime) -> bool:
        return not _wanted(requirement, counted_approvals(candidate, requirement, settings, moment))

    if not is_met(now):
        return None
    lives = {proposal.valid_for, MAX_VALID_FOR}
    lives |= {one.valid_for for one in requirement if one.valid_for is not None}
    lives |= {one.narrowing.valid_for for one in candidate.signoffs if one.narrowing.valid_for is not None}
    ends = {signoff.created + life for signoff in candidate.signoffs for life in lives}
    return max((end for end in ends if end >= now and is_met(end)), default=now)


def _wanted(requirement: tuple[Requirement, ...], counted: Approvals) -> tuple[str, ...]:
    """What is missing; even where no line demands anything, one approval is."""
    return missing_approvals(requirement, counted) or (() if counted.counted else ("1 approval",))


def needed_approvals(requirement: Iterable[Requirement]) -> int:
    """How many distinct humans have to approve at the least."""
    return max((one.approvals for one in requirement), default=1)


def is_reviewed(candidate: Candidate, settings: Settings) -> bool:
    """Whether another human has looked at an emergency and said what he thinks of it."""
    return any(
        signoff.decision in (Decision.APPROVE, Decision.REJECT)
        and settings.humans.accepts(signoff.by)
        and not signoff.by.may_be(candidate.proposal.proposer)
        for signoff in candidate.signoffs
    )
