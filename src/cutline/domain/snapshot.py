"""Everything that one decision may look at, frozen before it starts."""

from dataclasses import dataclass
from datetime import datetime

from cutline.domain.claim import Claim
from cutline.domain.live import World
from cutline.domain.policy import Policies
from cutline.domain.proposal import Proposal
from cutline.domain.signoff import Signoff
from cutline.domain.user import HumanPredicate


@dataclass(frozen=True, slots=True)
class Candidate:
    """A proposal that names the target, with all that was ever said about it and done with it."""

    proposal: Proposal
    signoffs: tuple[Signoff, ...]
    claims: tuple[Claim, ...] = ()

    def claim_of(self, signed_digest: str) -> Claim | None:
        """The use of the signed change with this digest, if there was one."""
        return next((claim for claim in self.claims if claim.signed_digest == signed_digest), None)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the installation says about every decision."""

    system_namespace: str
    humans: HumanPredicate


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the world at `now`; no field is ever read later than that."""

    now: datetime
    settings: Settings
    policies: Policies
    world: World
    candidates: tuple[Candidate, ...] = ()
