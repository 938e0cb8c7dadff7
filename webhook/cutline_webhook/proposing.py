"""Making a proposal: from what its author wrote to what humans sign.

The facts are read on the proposer's behalf: what he may not `get` himself is not read
for him. Used for proposals that somebody creates and for those that a denial drafts.
"""

import asyncio
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cutline.api.fields import Fields
from cutline.api.proposals import emergency_of, kind_of_target, limits_of
from cutline.api.settings import InstallationSettings
from cutline.domain.actions.rollback import REVISIONED
from cutline.domain.change import Change, change_from_canonical
from cutline.domain.distinct import MOST_DEMANDS, distinct
from cutline.domain.effect import Action, Effect, gating_actions
from cutline.domain.errors import BadObject
from cutline.domain.exempt import is_part_of_kubernetes
from cutline.domain.kind import DEPLOYMENT, POD, Kind
from cutline.domain.live import Live, World
from cutline.domain.policy import Policies, denying, lines_of
from cutline.domain.proposal import Proposal, SignedChange
from cutline.domain.render import Parameters, render, signed_change, verify_applies, verify_bounds
from cutline.domain.requirement import Requirement
from cutline.domain.target import Target
from cutline.domain.user import User
from cutline.kube.access import Access, AccessReviewer, SigningVerb, signing
from cutline.kube.errors import NotFound
from cutline.kube.world import WorldReader
from cutline_webhook.refusal import told

MOST_LIVE = 40  # proposals of one proposer in one namespace that are not over yet
# The same, with those that are over: every decision there lists them all, and 200 of the largest (guarding.py)
# are 50 MiB, about what it has the time to read. Creations at the same moment may pass it by a few.
MOST_STORED = 200
_MOST_BROUGHT = 64  # changes that a client may bring; each is read and checked live


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody asks for, before the gate has said anything about it."""

    namespace: str
    name: str
    spec: Fields
    proposer: User


class ProposalMaker:
    """Completes drafts. Raises `BadObject` for everything that its author can mend."""

    def __init__(self, settings: InstallationSettings, reader: WorldReader, reviewer: AccessReviewer) -> None:
        self._settings = settings
        self._reader = reader
        self._reviewer = reviewer

    async def make(self, draft: Draft, policies: Policies, now: datetime) -> Proposal:
        """The proposal that `draft` asks for, rendered, bounded and digested."""
        _verify_policies(policies)
        spec = draft.spec
        action = spec.enum("action", Action)
        if spec.text("executor", "Requester") != "Requester":
            raise BadObject("spec.executor", "must be Requester")
        if is_part_of_kubernetes(draft.proposer):
            raise BadObject("spec", f"{draft.proposer.username} carries out orders and proposes nothing")
        kind = kind_of_target(spec.child("target"))
        self._verify_namespace(draft, kind)
        await self._verify_room(draft, now)
        judged = await self._changes(draft, action, kind)
        entries = tuple(signed_change(change, world, policies) for change, world in judged)
        verify_bounds(entries, action)
        limits = limits_of(spec)
        target = spec.child("target")
        proposal = Proposal(
            namespace=draft.namespace,
            name=draft.name,
            uid="",
            created=now,
            action=action,
            target=Target(kind.group, kind.kind, "", target.text("name"), ""),
            proposer=draft.proposer,
            nonce=secrets.token_hex(16),
            changes=entries,
            requirement=_requirement(judged, entries, policies),
            decide_within=limits.decide_within,
            valid_for=limits.valid_for,
            stored_digest="",
            emergency=emergency_of(spec),
        )
        await self._verify_emergency(proposal)
        return replace(proposal, stored_digest=proposal.digest)

    def _verify_namespace(self, draft: Draft, kind: Kind) -> None:
        system = self._settings.namespace
        if not kind.namespaced and draft.namespace != system:
            raise BadObject("metadata.namespace", f"a {kind.kind} has no namespace: propose it in {system}")

    async def _verify_room(self, draft: Draft, now: datetime) -> None:
        """One proposer's flood is nobody else's."""
        ends = await self._reader.ends_of_proposals(draft.proposer, draft.namespace)
        has = f"{draft.proposer.username} has"
        if sum(now <= end for end in ends) >= MOST_LIVE:
            raise BadObject(
                "spec", f"{has} {MOST_LIVE} proposals here that are not over; wait, or withdraw unsigned ones"
            )
        if len(ends) >= MOST_STORED:
            goes = min(ends) + self._settings.retention.finished_proposals
            raise BadObject(
                "spec",
                f"{has} {MOST_STORED} proposals here, with those that are over; delete some that are over"
                f" (kubectl delete rprop NAME), or wait until the oldest goes by itself, at {told(goes)}",
            )

    async def _changes(self, draft: Draft, action: Action, kind: Kind) -> Sequence[tuple[Change, World]]:
        brought = draft.spec.children("changes")
        if brought:
            _verify_unsaid(draft.spec)
            return await self._brought(draft, brought)
        name = draft.spec.child("target").text("name")
        namespace = draft.namespace if kind.namespaced else ""
        await self._verify_may_read(draft.proposer, kind, namespace, name)
        world = await self._world(kind, namespace, name)
        if action is Action.SCALE_DOWN:
            world = replace(world, autoscaler=await self._reader.autoscaler_of(world.live))
        if action is Action.DRAIN:
            world = replace(world, pods=await self._reader.pods_on(name))
        changes = render(action, _parameters(draft.spec), world)
        return await self._with_worlds(draft.proposer, changes, world)

    async def _brought(self, draft: Draft, brought: Sequence[Fields]) -> Sequence[tuple[Change, World]]:
        """Changes that a denial gave: checked against the live objects, not believed."""
        if len(brought) > _MOST_BROUGHT:
            raise BadObject("spec.changes", f"may hold at most {_MOST_BROUGHT} changes")
        judged = []
        for fields in brought:
            field = fields.path("canonical")
            change = change_from_canonical(fields.text("canonical"), field)
            kind = change.target.kind_row
            await self._verify_may_read(draft.proposer, kind, change.target.namespace, change.target.name)
            world = await self._world(kind, change.target.namespace, change.target.name)
            self._verify_reach(draft, world, field)
            verify_applies(change, world, field)
            judged.append((change, world))
        _verify_target(draft.spec.child("target"), [change.target for change, _ in judged])
        return judged

    def _verify_reach(self, draft: Draft, world: World, field: str) -> None:
        """In its own namespace; where nothing can be proposed any more, in Cutline's own."""
        target, system = world.live.target, self._settings.namespace
        is_terminating = world.namespace is not None and world.namespace.is_terminating
        home = system if is_terminating or not target.namespace else target.namespace
        if draft.namespace != home:
            raise BadObject(field, f"{target} cannot be changed from {draft.namespace}: propose it in {home}")

    async def _with_worlds(
        self, proposer: User, changes: Iterable[Change], world: World
    ) -> Sequence[tuple[Change, World]]:
        """Each change with the world of its own target; a drain's pods each stand in their namespace."""
        pods = {pod.target: pod for pod in world.pods}
        names = sorted({change.target.namespace for change in changes if change.target in pods})
        for name in names:
            await self._verify_may_read(proposer, POD, name, "")
        states = dict(zip(names, await asyncio.gather(*(self._reader.namespace(n) for n in names)), strict=True))
        return [
            (change, World(pods[change.target], states[change.target.namespace]) if change.target in pods else world)
            for change in changes
        ]

    async def _world(self, kind: Kind, namespace: str, name: str) -> World:
        try:
            live: Live = await self._reader.live(kind, namespace, name)
        except NotFound:
            where = f" in namespace {namespace}" if namespace else ""
            raise BadObject("spec.target", f"there is no {kind.kind.lower()}/{name}{where}") from None
        return await self._reader.world(live)

    async def _verify_may_read(self, proposer: User, kind: Kind, namespace: str, name: str) -> None:
        wanted = [Access("get", kind.group, kind.resource, namespace, name)]
        if kind in REVISIONED:
            revisions = "replicasets" if kind is DEPLOYMENT else "controllerrevisions"
            wanted.append(Access("list", "apps", revisions, namespace))
        denied = await self._reviewer.first_denied(proposer, wanted)
        if denied is not None:
            raise BadObject("spec.target", f"{proposer.username} may not {denied}, so it is not rendered for him")

    async def _verify_emergency(self, proposal: Proposal) -> None:
        if proposal.emergency is None:
            return
        if not self._settings.humans.accepts(proposal.proposer):
            raise BadObject("spec.emergency", "only a human can call an emergency")
        if any(Effect.LOOSENING in entry.effects for entry in proposal.changes):
            raise BadObject("spec.emergency", "what leaves a policy's reach stays out of it when the emergency is over")
        wanted = [signing(SigningVerb.EMERGENCY, a, proposal.namespace) for a in signed_actions(proposal.changes)]
        denied = await self._reviewer.first_denied(proposal.proposer, wanted)
        if denied is not None:
            raise BadObject("spec.emergency", f"{proposal.proposer.username} may not {denied}")


def signed_actions(entries: Iterable[SignedChange]) -> list[Action]:
    """The actions that whoever signs these changes must be trusted with.

    Where an effect belongs to two actions, one of the two is enough; it counts with
    the other effects of the proposal.
    """
    effects = {effect for entry in entries for effect in entry.effects}
    named = {Action(effect.value) for effect in effects if len(gating_actions(effect)) == 1}
    shared = {Effect.POD_REMOVAL} & effects
    if shared and not named & gating_actions(Effect.POD_REMOVAL):
        named.add(Action.RESTART)
    return sorted(named)


def _verify_policies(policies: Policies) -> None:
    if not policies.is_fresh or policies.broken:
        raise BadObject("spec", "cannot be judged: the policies cannot all be read right now")


def _verify_target(named: Fields, targets: Sequence[Target]) -> None:
    """What stands above the changes as their target must be one of theirs: people read it first."""
    wanted = (named.text("group", ""), named.text("kind"), named.text("name"))
    if all((target.group, target.kind, target.name) != wanted for target in targets):
        raise BadObject("spec.target", f"is not what spec.changes is about, which is {targets[0]}")


def _verify_unsaid(spec: Fields) -> None:
    """Parameters are what changes are rendered from; beside changes that were brought they could say anything."""
    said = [name for name in ("scaleDown", "rollback", "restart") if name in spec]
    if said:
        raise BadObject(f"spec.{said[0]}", "must be left out beside spec.changes, which alone are signed")


def _parameters(spec: Fields) -> Parameters:
    scale_down = spec.child("scaleDown")
    return Parameters(
        to_revision=spec.child("rollback").integer("toRevision", 0),
        replicas=scale_down.integer("replicas") if "replicas" in scale_down else None,
    )


def _requirement(
    judged: Sequence[tuple[Change, World]], entries: Sequence[SignedChange], policies: Policies
) -> tuple[Requirement, ...]:
    demanded = distinct(
        line.requirement
        for (change, world), entry in zip(judged, entries, strict=True)
        for line in denying(lines_of(change, entry.effects, world, policies))
    )
    if not demanded:
        raise BadObject("spec.target", "no policy draws a line here: this needs no signature, just do it")
    if len(demanded) > MOST_DEMANDS:
        raise BadObject(
            "spec.requirement",
            f"would hold the {len(demanded)} different demands of the lines that this crosses, and has room for"
            f" {MOST_DEMANDS}; let more lines ask for the same approvals",
        )
    return demanded
