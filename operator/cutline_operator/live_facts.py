"""What of the live state a proposal's status depends on: has its target drifted, what is demanded now.

The gate reads the same facts for itself at each decision; here they only inform people.
"""

from dataclasses import dataclass
from datetime import datetime

from cutline.domain.change import Change
from cutline.domain.drift import drift_of
from cutline.domain.effect import Action
from cutline.domain.live import Live, World
from cutline.domain.policy import MatchedLine, Policies, denying, in_order, lines_of
from cutline.domain.proposal import Proposal, SignedChange
from cutline.domain.target import Target
from cutline.kube.errors import NotFound
from cutline.kube.world import WorldReader


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What one look at a proposal's targets found; `at` is when."""

    drift: tuple[str, ...]
    lines: tuple[MatchedLine, ...]
    at: datetime


def watched_entries(proposal: Proposal) -> tuple[SignedChange, ...]:
    """The changes whose targets are looked at: in a drain the node's, for its pods come and go."""
    if proposal.action is not Action.DRAIN:
        return proposal.changes
    return tuple(entry for entry in proposal.changes if not entry.change.removes_pod)


def demanded(entry: SignedChange, world: World | None, policies: Policies) -> tuple[MatchedLine, ...]:
    """The lines that refuse this change today unless it is signed."""
    if world is None:
        return ()
    change: Change = entry.change
    return denying(lines_of(change, entry.effects, world, policies))


async def look(reader: WorldReader, proposal: Proposal, policies: Policies, now: datetime) -> LiveFacts:
    """Look at the targets. Raises `KubeError` where that is not possible."""
    drift: list[str] = []
    lines: set[MatchedLine] = set()
    for entry in watched_entries(proposal):
        world = await _world_of(reader, entry.change.target)
        drift += (f"{entry.change.target}: {text}" for text in drift_of(entry, world))
        lines |= set(demanded(entry, world, policies))
    return LiveFacts(tuple(drift), in_order(lines), now)


async def live_of_target(reader: WorldReader, target: Target) -> Live | None:
    """The object that has the target's name now; None where there is none."""
    try:
        return await reader.live(target.kind_row, target.namespace, target.name)
    except NotFound:
        return None


async def _world_of(reader: WorldReader, target: Target) -> World | None:
    live = await live_of_target(reader, target)
    try:
        return None if live is None else await reader.world(live)
    except NotFound:  # its namespace went in between
        return None
