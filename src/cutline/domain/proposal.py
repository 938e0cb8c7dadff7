"""A proposal: one action that somebody asks for, as the bounded set of changes it consists of.

Nothing here is read from a status. What humans sign is the proposal digest, and the
gate computes it anew from what is stored whenever it needs it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cutline.domain.change import Change
from cutline.domain.duration import EMERGENCY_VALID_FOR, MAX_VALID_FOR
from cutline.domain.effect import Action, Effect
from cutline.domain.requirement import Requirement
from cutline.domain.target import Target
from cutline.domain.tree import JsonObject, canonical, digest_text
from cutline.domain.user import User

MAX_RENDERED_BYTES = 64 * 1024  # of all changes of one proposal together


def ends_at(created: datetime, decide_within: timedelta) -> datetime:
    """The last moment at which such a proposal can admit anything: by an approval that comes last and lasts longest."""
    return created + decide_within + MAX_VALID_FOR


@dataclass(frozen=True, slots=True)
class SignedChange:
    """One entry of a proposal: a change, the effects it had, and the baseline it needs."""

    change: Change
    effects: frozenset[Effect]
    baseline: Mapping[str, str]
    summary: str

    def as_tree(self) -> JsonObject:
        return {
            "canonical": self.change.canonical,
            "digest": self.change.digest,
            "effects": sorted(self.effects),
            "baseline": dict(self.baseline),
        }


@dataclass(frozen=True, slots=True)
class Emergency:
    """Why a human could not wait for another one, and where that is written down."""

    reason: str
    ticket: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A `RemediationProposal` as the gate stamped it.

    `stored_digest` is what the object carries; `digest` is what it must carry.
    `created` is the API server's clock, to the second.
    """

    namespace: str
    name: str
    uid: str
    created: datetime
    action: Action
    target: Target
    proposer: User
    nonce: str
    changes: tuple[SignedChange, ...]
    requirement: tuple[Requirement, ...]
    decide_within: timedelta
    valid_for: timedelta
    stored_digest: str
    executor: str = "Requester"
    emergency: Emergency | None = None
    is_terminating: bool = False

    @property
    def digest(self) -> str:
        """The proposal digest: SHA-256 of everything that humans sign."""
        return digest_text(self.canonical)

    @property
    def canonical(self) -> str:
        """The text that the digest is taken of."""
        return canonical(
            {
                "format": "cutline/1",
                "namespace": self.namespace,
                "name": self.name,
                "nonce": self.nonce,
                "action": self.action.value,
                "proposer": {"username": self.proposer.username, "uid": self.proposer.uid},
                "executor": self.executor,
                "changes": [entry.as_tree() for entry in self.changes],
                "requirement": [requirement.as_tree() for requirement in self.requirement],
                "decideWithin": int(self.decide_within.total_seconds()),
                "validFor": int(self.valid_for.total_seconds()),
                "emergency": self._emergency_as_tree(),
            }
        )

    @property
    def decide_by(self) -> datetime:
        """The last moment at which an approval still counts."""
        return self.created + self.decide_within

    @property
    def emergency_life(self) -> timedelta:
        """How long it may be used unsigned, should it be an emergency."""
        return min(EMERGENCY_VALID_FOR, self.valid_for)

    @property
    def emergency_ends(self) -> datetime:
        """The last moment at which it may be used unsigned, should it be an emergency."""
        return self.created + self.emergency_life

    @property
    def ends(self) -> datetime:
        """The last moment at which it can admit anything, whoever may sign it yet."""
        return ends_at(self.created, self.decide_within)

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    def _emergency_as_tree(self) -> JsonObject | None:
        if self.emergency is None:
            return None
        return {"reason": self.emergency.reason, "ticket": self.emergency.ticket}
