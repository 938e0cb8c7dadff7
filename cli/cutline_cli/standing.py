"""A proposal with all that was said about it, and where it stands.

Where it stands is worked out by the domain from what was written, not read from the
status: with the operator down it is the same. Only what this user may not read is
taken from there, since nothing is decided by it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cutline.domain.claim import claim_name
from cutline.domain.evaluate import requirements_of
from cutline.domain.lifecycle import (
    ClaimState,
    Phase,
    Standing,
    Use,
    is_reviewed,
    needed_approvals,
    standing_of,
)
from cutline.domain.policy import MatchedLine
from cutline.domain.proposal import Proposal
from cutline.domain.signoff import Signoff
from cutline.domain.snapshot import Candidate, Settings
from cutline.domain.user import HumanPredicate


@dataclass(frozen=True, slots=True)
class Record:
    """A proposal with its sign-offs and uses, as read from the API server.

    `uses` is `None` where this user may not read the records of admitted changes.
    """

    tree: Mapping[str, Any]
    proposal: Proposal
    signoffs: tuple[Signoff, ...]
    uses: tuple[Use, ...] | None = None

    @property
    def name(self) -> str:
        return self.proposal.name

    @property
    def is_untampered(self) -> bool:
        """Whether the digest that people sign is that of what they are shown."""
        return self.proposal.digest == self.proposal.stored_digest


def standing_now(
    record: Record,
    humans: HumanPredicate | None,
    now: datetime,
    *,
    lines: Iterable[MatchedLine] = (),
    drift: tuple[str, ...] | None = None,
) -> Standing:
    """Where the proposal stands at `now`.

    `lines` are what policies demand now, beside what was pinned; `drift` is `None` where
    nobody has looked at the target. `humans` is `None` for those who may not read the
    configuration: then whoever the gate let sign, and is not plainly a machine, is human.
    """
    proposal = record.proposal
    return standing_of(
        Candidate(proposal, record.signoffs),
        requirements_of(proposal, lines),
        _uses_in_status(record) if record.uses is None else record.uses,
        drift,
        Settings("", humans or _whoever_took_part(record)),
        now,
    )


def phase_of(record: Record, standing: Standing) -> Phase:
    """The phase; that the target has drifted, where nobody looked here, is the operator's word."""
    stored = (record.tree.get("status") or {}).get("phase")
    nobody_looked = standing.drift is None and standing.phase in (Phase.PENDING, Phase.APPROVED)
    return Phase.STALE if nobody_looked and stored == Phase.STALE.value else standing.phase


def signed_of(standing: Standing) -> str:
    """Approvals that count and approvals needed: `1/2`."""
    return f"{len(standing.counted.counted)}/{needed_approvals(standing.requirement)}"


def reviewed(record: Record, humans: HumanPredicate | None) -> bool:
    """Whether another human has looked at an emergency afterwards."""
    settings = Settings("", humans or _whoever_took_part(record))
    return is_reviewed(Candidate(record.proposal, record.signoffs), settings)


def counts(signoff: Signoff, standing: Standing) -> bool:
    """Whether a sign-off weighs anything now, for the change or against it."""
    return signoff in standing.counted.counted or signoff in standing.objections


def _uses_in_status(record: Record) -> tuple[Use, ...]:
    """The uses that the operator has listed; what it wrote in another form is left out."""
    proposal = record.proposal
    digests = {
        claim_name(proposal.name, proposal.uid, entry.change.digest): entry.change.digest for entry in proposal.changes
    }
    claims = (record.tree.get("status") or {}).get("claims") or ()
    states = {state.value: state for state in ClaimState}
    return tuple(
        Use(claim["name"], digests[claim["name"]], states.get(claim.get("state", ""), ClaimState.CLAIMED))
        for claim in claims
        if claim.get("name") in digests
    )


def _whoever_took_part(record: Record) -> HumanPredicate:
    users = (record.proposal.proposer, *(signoff.by for signoff in record.signoffs))
    return HumanPredicate(frozenset(group for user in users for group in user.groups))
