"""Sign-offs: what each human last said about a proposal, and which approvals count.

Nothing that a sign-off says is ever changed or taken away; people change their minds by
signing again. What weighs against a change wins every tie.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cutline.domain.duration import MAX_VALID_FOR
from cutline.domain.narrowing import UNNARROWED, Narrowing, meet_of
from cutline.domain.proposal import Proposal
from cutline.domain.requirement import Requirement
from cutline.domain.user import HumanPredicate, User


class Decision(StrEnum):
    """One human's decision on one proposal."""

    APPROVE = "Approve"
    REJECT = "Reject"
    REVOKE = "Revoke"


# Creation times have whole seconds. Of two decisions in one second the one that
# weighs against the change is taken as the later.
_WEIGHT = {Decision.APPROVE: 0, Decision.REVOKE: 1, Decision.REJECT: 2}


@dataclass(frozen=True, slots=True)
class Signoff:
    """A `Signoff` as the gate stamped it; `created` is the API server's clock."""

    namespace: str
    name: str
    uid: str
    created: datetime
    proposal_uid: str
    digest: str
    decision: Decision
    by: User
    narrowing: Narrowing = UNNARROWED
    reason: str = ""


def last_words(signoffs: Iterable[Signoff]) -> Mapping[str, Signoff]:
    """What each author's word is now: his latest sign-off, by person.

    What weighs against a change gives way only to the very account that said it: under one
    name somebody else may sign by now.
    """
    latest: dict[str, Signoff] = {}
    for signoff in sorted(signoffs, key=_order):
        former = latest.get(signoff.by.person)
        withdraws = former is not None and former.decision is not Decision.APPROVE
        if former is None or not withdraws or signoff.by.is_same_as(former.by):
            latest[signoff.by.person] = signoff
    return latest


def _order(signoff: Signoff) -> tuple[datetime, int, str]:
    return signoff.created, _WEIGHT[signoff.decision], signoff.name


def of_proposal(proposal: Proposal, signoffs: Iterable[Signoff]) -> tuple[Signoff, ...]:
    """The sign-offs that are about this very proposal, by name."""
    return tuple(
        sorted(
            (
                signoff
                for signoff in signoffs
                if signoff.proposal_uid == proposal.uid and signoff.namespace == proposal.namespace
            ),
            key=lambda signoff: signoff.name,
        )
    )


def objections(signoffs: Iterable[Signoff]) -> tuple[Signoff, ...]:
    """The standing rejections and revocations, by author."""
    now = last_words(signoffs)
    return tuple(now[author] for author in sorted(now) if now[author].decision is not Decision.APPROVE)


@dataclass(frozen=True, slots=True)
class Approvals:
    """The approvals that count at one moment.

    `narrowing` is the meet of what they took away; `expired` says that some approval
    would have counted had it not grown too old; `life` is how long each may be used.
    """

    counted: tuple[Signoff, ...]
    expired: tuple[Signoff, ...]
    narrowing: Narrowing
    life: timedelta

    @property
    def signers(self) -> tuple[User, ...]:
        return tuple(signoff.by for signoff in self.counted)


def approvals(
    proposal: Proposal,
    signoffs: Iterable[Signoff],
    requirement: Iterable[Requirement],
    humans: HumanPredicate,
    now: datetime,
) -> Approvals:
    """The approvals of `proposal` that count at `now`, each from another human.

    An approval counts if it names this proposal's digest, comes from a human who is not
    the proposer and belongs to a group that some requirement asks, was given before
    `decideBy` and is not older than the shortest of all limits.
    """
    requirement = tuple(requirement)
    asked = frozenset(group for one in requirement for group in one.from_groups)
    eligible = tuple(
        signoff
        for _, signoff in sorted(last_words(signoffs).items())
        if signoff.decision is Decision.APPROVE
        and signoff.digest == proposal.digest
        and humans.accepts(signoff.by)
        and not signoff.by.may_be(proposal.proposer)
        and asked & frozenset(signoff.by.groups)
        and signoff.created <= proposal.decide_by
    )
    narrowing = meet_of(signoff.narrowing for signoff in eligible)
    caps = (narrowing.valid_for, *(one.valid_for for one in requirement))
    life = min(proposal.valid_for, MAX_VALID_FOR, *(cap for cap in caps if cap is not None))
    counted = tuple(signoff for signoff in eligible if now <= signoff.created + life)
    return Approvals(
        counted=counted,
        expired=tuple(signoff for signoff in eligible if signoff not in counted),
        narrowing=meet_of(signoff.narrowing for signoff in counted),
        life=life,
    )
