"""The targets as they stand now: read live, compared with what was signed."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cutline.api.policies import policies_of
from cutline.domain.change import Change
from cutline.domain.drift import drift_of
from cutline.domain.effect import Action, Effect
from cutline.domain.errors import MissingFact, Unrecognised
from cutline.domain.kind import Role, kind_named
from cutline.domain.live import Live, World
from cutline.domain.policy import MatchedLine, Policies, crossed_lines, in_order
from cutline.domain.proposal import SignedChange
from cutline.domain.target import Target
from cutline.domain.tree import lookup
from cutline.kube.errors import Forbidden, NotFound
from cutline.kube.resources import POLICIES
from cutline.kube.revisions import REVISION
from cutline.kube.world import WorldReader
from cutline_cli.session import Session
from cutline_cli.standing import Record

_AT_ONCE = 8  # targets that are read at the same time


@dataclass(frozen=True, slots=True)
class LiveTarget:
    """What could be read of one target of a proposal.

    `live` is `None` where there is nothing to read, and `problem` says why; `drift` names
    what is no longer as it was signed, `None` if that is unknown; `lines` are those of
    today's policies that the changes to it cross.
    """

    live: Live | None
    problem: str = ""
    drift: tuple[str, ...] | None = None
    lines: tuple[MatchedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveTargets:
    """What could be read of a proposal's targets, its own first; `unread` says of how many nobody looked at."""

    seen: Mapping[Target, LiveTarget]
    unread: int = 0

    @property
    def is_one(self) -> bool:
        return len(self.seen) + self.unread == 1

    @property
    def drift(self) -> tuple[str, ...] | None:
        """What has drifted of any target; `None` if nothing is known to have, and of some nothing is known."""
        found = tuple(
            text if self.is_one else f"{target}: {text}"
            for target, live in self.seen.items()
            for text in live.drift or ()
        )
        unknown = not self.seen or any(live.drift is None for live in self.seen.values())
        return found or (None if unknown else ())

    @property
    def lines(self) -> tuple[MatchedLine, ...]:
        return in_order(line for live in self.seen.values() for line in live.lines)


async def read_live(session: Session, record: Record) -> LiveTargets:
    """The proposal's targets, as far as this user may read them; in a drain its node, for pods come and go."""
    targets = _by_target(record)
    watched = _watched(record, targets)
    reader, policies = WorldReader(session.client, session.system_namespace), await _policies(session)
    turns = asyncio.Semaphore(_AT_ONCE)

    async def read(target: Target) -> LiveTarget:
        async with turns:
            return await _read_target(reader, target, targets[target], policies)

    lives = await asyncio.gather(*map(read, watched))
    return LiveTargets(dict(zip(watched, lives, strict=True)), len(targets) - len(watched))


def _by_target(record: Record) -> dict[Target, list[SignedChange]]:
    """The entries about each target, those about the proposal's own first."""
    main = main_entry(record)
    targets: dict[Target, list[SignedChange]] = {} if main is None else {main.change.target: []}
    for entry in record.proposal.changes:
        targets.setdefault(entry.change.target, []).append(entry)
    return targets


def _watched(record: Record, targets: Mapping[Target, list[SignedChange]]) -> list[Target]:
    if record.proposal.action is not Action.DRAIN:
        return list(targets)
    stays = [target for target, entries in targets.items() if not any(entry.change.removes_pod for entry in entries)]
    return stays or list(targets)[:1]


async def _read_target(
    reader: WorldReader, target: Target, entries: list[SignedChange], policies: Policies | None
) -> LiveTarget:
    try:
        live = await reader.live(kind_named(target.group, target.kind), target.namespace, target.name)
    except Unrecognised as error:
        return LiveTarget(None, str(error))
    except NotFound:
        gone = tuple(dict.fromkeys(text for entry in entries for text in drift_of(entry, None)))
        return LiveTarget(None, "it does not exist any more", gone)
    except Forbidden:
        return LiveTarget(None, "you may not read it")
    world = await _world(reader, live)
    return LiveTarget(live, drift=_drift(entries, world), lines=_lines(entries, world, policies))


async def _world(reader: WorldReader, live: Live) -> World:
    """What surrounds the target, or nothing of it for those who may not read it."""
    try:
        return await reader.world(live)
    except (Forbidden, NotFound):
        return World(live)


async def _policies(session: Session) -> Policies | None:
    """Today's policies; those who may not read them see what was pinned."""
    try:
        trees = await session.client.list(POLICIES)
    except Forbidden:
        return None
    return policies_of(tuple(trees), is_fresh=True)


def _lines(entries: list[SignedChange], world: World, policies: Policies | None) -> tuple[MatchedLine, ...]:
    """What policies demand today; nothing where this user may not read what that depends on."""
    if policies is None:
        return ()
    try:
        return in_order(
            line
            for entry in entries
            for line in crossed_lines(entry.change, entry.effects - {Effect.LOOSENING}, world, policies)
        )
    except MissingFact:
        return ()


def main_entry(record: Record) -> SignedChange | None:
    """The change to the proposal's own target, else its first one (a drain of a cordoned node)."""
    wanted, changes = record.proposal.target, record.proposal.changes
    for entry in changes:
        if (entry.change.target.kind, entry.change.target.name) == (wanted.kind, wanted.name):
            return entry
    return changes[0] if changes else None


def _drift(entries: list[SignedChange], world: World) -> tuple[str, ...] | None:
    """What the gate would find to have moved; None where this user may not read what that depends on."""
    try:
        return tuple(dict.fromkeys(text for entry in entries for text in drift_of(entry, world)))
    except MissingFact:
        return None


def state_words(live: Live) -> list[str]:
    """What matters of an object's state, in a few words each."""
    match live.kind.role:
        case Role.WORKLOAD:
            return _workload_words(live)
        case Role.NODE:
            cordoned = lookup(live.content, "/spec/unschedulable") is True
            return [_ready_word(live.tree), "cordoned" if cordoned else "takes pods"]
        case Role.POD:
            status = live.tree.get("status") or {}
            return [str(status.get("phase", "of unknown phase")), f"on node {live.node_name or 'none'}"]
        case _:
            return [f"labels: {', '.join(f'{k}={v}' for k, v in sorted(live.labels.items())) or 'none'}"]


def _workload_words(live: Live) -> list[str]:
    status, spec = live.tree.get("status") or {}, live.tree.get("spec") or {}
    replicas = status.get("desiredNumberScheduled", spec.get("replicas", 1))
    ready = status.get("readyReplicas", status.get("numberReady", 0))
    updated = status.get("updatedReplicas", status.get("updatedNumberScheduled"))
    words = [f"{replicas} replicas, {ready} ready"]
    if updated is not None and updated != replicas:
        words.append(f"{updated} of the current template")
    images = [
        f"{container.get('name', '?')}={container.get('image', '?')}"
        for container in ((spec.get("template") or {}).get("spec") or {}).get("containers") or ()
    ]
    return [*words, *images]


def _ready_word(tree: Mapping[str, Any]) -> str:
    conditions = (tree.get("status") or {}).get("conditions") or ()
    ready = next((one.get("status") for one in conditions if one.get("type") == "Ready"), None)
    return {"True": "ready", "False": "not ready"}.get(str(ready), "readiness unknown")


def revision_of(live: Live) -> str:
    """The revision that a Deployment runs now, by which an undo can return to it."""
    annotations = (live.tree.get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(REVISION, ""))


def removed_pods(changes: tuple[Change, ...]) -> tuple[str, ...]:
    """The pods whose end is signed, as `namespace/name`."""
    return tuple(f"{change.target.namespace}/{change.target.name}" for change in changes if change.removes_pod)
