"""Where a proposal stands, worked out from what was written, as the gate would.

The operator's `status.phase` is believed only for what sign-offs cannot tell (used,
completed, stale); with the operator down everything else is still true.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from cutline.domain.duration import EMERGENCY_VALID_FOR
from cutline.domain.evaluate import counted_approvals, missing_approvals
from cutline.domain.proposal import Proposal
from cutline.domain.signoff import Approvals, Decision, Signoff, objections
from cutline.domain.snapshot import Candidate, Settings
from cutline.domain.user import HumanPredicate


class Phase(StrEnum):
    """`status.phase` of a proposal."""

    PENDING = "Pending"
    APPROVED = "Approved"
    REJECTED = "Rejected"
    EXPIRED = "Expired"
    STALE = "Stale"
    REVOKED = "Revoked"
    USED = "Used"
    COMPLETED = "Completed"


# Phases from which nothing but a new proposal leads anywhere. A rejection can be withdrawn
# by its author, but whoever waits for an approval had better be told of it.
ENDED = frozenset({Phase.REJECTED, Phase.EXPIRED, Phase.STALE, Phase.REVOKED, Phase.USED, Phase.COMPLETED})
_ONLY_THE_OPERATOR_SEES = frozenset({Phase.STALE, Phase.USED, Phase.COMPLETED})


@dataclass(frozen=True, slots=True)
class Record:
    """A proposal with all sign-offs about it, as read from the API server."""

    tree: Mapping[str, Any]
    proposal: Proposal
    signoffs: tuple[Signoff, ...]

    @property
    def name(self) -> str:
        return self.proposal.name

    @property
    def status(self) -> Mapping[str, Any]:
        return self.tree.get("status") or {}

    @property
    def is_untampered(self) -> bool:
        """Whether the digest that people sign is that of what they are shown."""
        return self.proposal.digest == self.proposal.stored_digest


@dataclass(frozen=True, slots=True)
class Standing:
    """What follows from a record at one moment."""

    phase: Phase
    approvals: Approvals
    missing: tuple[str, ...]
    objections: tuple[Signoff, ...]
    wanted: int

    @property
    def signed(self) -> str:
        """Approvals that count and approvals needed: `1/2`."""
        return f"{len(self.approvals.counted)}/{self.wanted}"


def standing_of(record: Record, humans: HumanPredicate | None, now: datetime) -> Standing:
    """Where the proposal stands at `now`.

    `humans` is `None` for those who may not read the configuration; then every signer
    that is not plainly a machine is taken for the human that the gate let sign.
    """
    proposal = record.proposal
    predicate = humans or _whoever_signed(record.signoffs)
    counted = counted_approvals(
        Candidate(proposal, record.signoffs), proposal.requirement, Settings("", predicate), now
    )
    missing = missing_approvals(proposal.requirement, counted)
    if not missing and not counted.counted:
        missing = ("1 approval",)
    against = objections(record.signoffs)
    return Standing(
        phase=_phase(record, missing, against, now),
        approvals=counted,
        missing=() if proposal.emergency else missing,
        objections=against,
        wanted=max((one.approvals for one in proposal.requirement), default=1),
    )


def stored_phase(record: Record) -> Phase | None:
    """The phase that the operator wrote; `None` where there is none, or an unknown one."""
    try:
        return Phase(record.status.get("phase", ""))
    except ValueError:
        return None


def _phase(record: Record, missing: tuple[str, ...], against: tuple[Signoff, ...], now: datetime) -> Phase:
    stored, proposal = stored_phase(record), record.proposal
    # Something has happened to the target that sign-offs say nothing about.
    if stored in _ONLY_THE_OPERATOR_SEES:
        return stored

    # Somebody has said no, and has not taken it back.
    if against:
        rejected = any(signoff.decision is Decision.REJECT for signoff in against)
        return Phase.REJECTED if rejected else Phase.REVOKED

    # An emergency needs nobody's approval, for a quarter of an hour.
    if proposal.emergency is not None:
        is_over = now > proposal.created + min(EMERGENCY_VALID_FOR, proposal.valid_for)
        return Phase.EXPIRED if is_over else Phase.APPROVED

    if not missing:
        return Phase.APPROVED
    return Phase.EXPIRED if now > proposal.decide_by else Phase.PENDING


def _whoever_signed(signoffs: tuple[Signoff, ...]) -> HumanPredicate:
    return HumanPredicate(frozenset(group for signoff in signoffs for group in signoff.by.groups))
