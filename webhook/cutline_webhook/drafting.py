"""Drafting a proposal from a denial, after the answer, best effort.

GitOps controllers and agents repeat what was denied: one live draft per actor, target
and effects, of which the newest replaces unsigned older ones, and a limit per actor. A draft that was
signed stays for the record; once it is used or out of time, the next denial gets another.
The proposer of a draft is the one who was denied. Nothing that is decided depends on a draft.
"""

import asyncio
import hashlib
import logging
from dataclasses import dataclass

from cutline.api.fields import Fields
from cutline.api.proposals import API_VERSION, KIND, stamped_spec
from cutline.domain.change import Change, Verb
from cutline.domain.effect import Effect
from cutline.domain.errors import CutlineError
from cutline.domain.exempt import is_part_of_kubernetes
from cutline.domain.kind import Role
from cutline.domain.policy import OnDeny
from cutline.domain.proposal import Proposal
from cutline.domain.render import action_of
from cutline.domain.tree import JsonObject
from cutline.domain.user import User
from cutline.domain.verdict import Conclusion, Evaluation, Objection, Verdict
from cutline.kube.client import KubeClient
from cutline.kube.errors import KubeError, NotFound
from cutline.kube.resources import PROPOSALS
from cutline.kube.world import WorldReader, readable
from cutline.process.clock import Clock
from cutline_webhook.policies import PolicyStore
from cutline_webhook.proposing import Draft, ProposalMaker

_log = logging.getLogger(__name__)

MOST_PER_ACTOR = 20
DRAFT_LABEL = "cutline.dev/draft-by"  # which actor a draft was made for, as a hash
_QUEUE_LENGTH = 200
_MOST_FOR_THE_RECORD = 30
_HASH_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Wish:
    """A denied change that should become a draft."""

    actor: User
    change: Change
    effects: frozenset[Effect]


def wish_of(verdict: Verdict, actor: User) -> Wish | None:
    """The draft that a verdict asks for: its policy says so, and nobody has proposed it yet."""
    if verdict.conclusion is not Conclusion.UNSIGNED or not verdict.is_denied or verdict.change is None:
        return None
    if any(_is_pending_wish(one, verdict.change, actor) for one in verdict.evaluations):
        return None
    # A controller's denial says that somebody's order passed unseen; a draft would let him sign it.
    if is_part_of_kubernetes(actor):
        return None
    # Evictions come in dozens, from a drain whose own draft covers them all.
    if verdict.change.verb is Verb.EVICT:
        return None
    if not any(line.policy.on_deny is OnDeny.DRAFT for line in verdict.lines):
        return None
    return Wish(actor, verdict.change, verdict.effects)


def _is_pending_wish(evaluation: Evaluation, change: Change, actor: User) -> bool:
    """Whether the actor has proposed this very change, and only signatures are missing."""
    is_mine = actor.is_same_as(evaluation.proposal.proposer)
    only_unsigned = all(finding.objection is Objection.APPROVALS_MISSING for finding in evaluation.findings)
    return is_mine and only_unsigned and evaluation.entry.change.digest == change.digest


class Drafter:
    """Works a bounded queue of wishes; what does not fit is dropped, for it will come again."""

    def __init__(
        self,
        client: KubeClient,
        maker: ProposalMaker,
        reader: WorldReader,
        policies: PolicyStore,
        system_namespace: str,
        clock: Clock,
    ) -> None:
        self._client = client
        self._maker = maker
        self._reader = reader
        self._policies = policies
        self._system_namespace = system_namespace
        self._now = clock
        self._queue: asyncio.Queue[Wish] = asyncio.Queue(_QUEUE_LENGTH)

    def offer(self, wish: Wish) -> None:
        """Queue a wish; never waits and never fails."""
        try:
            self._queue.put_nowait(wish)
        except asyncio.QueueFull:
            _log.warning("draft dropped: the queue is full")

    async def run(self) -> None:
        """Make drafts until cancelled; no failure ends it."""
        while True:
            wish = await self._queue.get()
            try:
                await self._draft(wish)
            except (KubeError, CutlineError) as error:
                _log.info("no draft for %s by %s: %s", wish.change.target, wish.actor.username, error)
            except Exception:
                _log.exception("drafting failed")

    async def _draft(self, wish: Wish) -> None:
        namespace = wish.change.target.namespace or self._system_namespace
        name = await self._free_name(wish, namespace)
        if not name:
            return
        author_spec = _spec_of(wish)
        draft = Draft(namespace, name, Fields(author_spec, "spec"), wish.actor)
        proposal = await self._maker.make(draft, self._policies.current(), self._now())
        tree = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": name, "namespace": namespace, "labels": {DRAFT_LABEL: _hash(wish.actor.username)}},
            "spec": dict(stamped_spec(author_spec, proposal)),
        }
        await self._client.create(PROPOSALS, tree, namespace)
        _log.info("drafted proposal %s/%s for %s", namespace, name, wish.actor.username)

    async def _free_name(self, wish: Wish, namespace: str) -> str:
        """The name for a new draft; empty where none is to be made.

        What is not this actor's own untouched draft stays, and once it is over the next one gets a number.
        """
        first = draft_name(wish)
        for number in range(1, _MOST_FOR_THE_RECORD + 1):
            name = first if number == 1 else f"{first}-{number}"
            try:
                existing = await self._reader.proposal(namespace, name)
            except NotFound:
                return name if await self._has_some_left(wish.actor) else ""
            if not existing.proposer.is_same_as(wish.actor):
                continue  # Names can be guessed, and taken.
            if await self._may_be_replaced(existing):
                return await self._replaced(existing, wish)
            if not await self._comes_to_nothing_more(existing):
                return ""
        return ""

    async def _has_some_left(self, actor: User) -> bool:
        mine = await self._client.list(PROPOSALS, label_selector=f"{DRAFT_LABEL}={_hash(actor.username)}")
        drafts = [proposal for proposal in readable(mine) if proposal.proposer.may_be(actor)]
        return sum(self._now() < draft.decide_by for draft in drafts) < MOST_PER_ACTOR

    async def _may_be_replaced(self, existing: Proposal) -> bool:
        """Whether nothing is lost with it: nobody guards what the gate itself deletes."""
        return existing.emergency is None and await self._reader.is_untouched(existing)

    async def _replaced(self, existing: Proposal, wish: Wish) -> str:
        """The name of a draft that nobody has signed, free again; empty where it is what is wished for."""
        is_same = any(entry.change.digest == wish.change.digest for entry in existing.changes)
        if is_same and self._now() < existing.decide_by:
            return ""
        await self._client.delete(PROPOSALS, existing.name, existing.namespace, uid=existing.uid)
        return existing.name

    async def _comes_to_nothing_more(self, existing: Proposal) -> bool:
        """Whether what people signed was used, or its time has run out."""
        return self._now() >= existing.ends or await self._reader.was_used(existing)


def draft_name(wish: Wish) -> str:
    """One name per actor, target and effects: a repeated denial meets its own draft."""
    target = wish.change.target
    effects = "+".join(sorted(wish.effects))
    seed = "\n".join((wish.actor.username, target.group, target.kind, target.namespace, target.name, effects))
    action = action_of(wish.effects)
    prefix = f"{action.value.lower() if action else 'change'}-{target.name}"[:48].strip("-.")
    return f"{prefix}-{_hash(seed)}"


def _spec_of(wish: Wish) -> JsonObject:
    target = wish.change.target
    action = action_of(wish.effects)
    spec = {
        "action": action.value if action else "",
        "target": {"group": target.group, "kind": target.kind, "name": target.name},
        "why": {"summary": "Drafted by the gate from a denied request; its sender has not said why."},
    }
    # A drain is a cordon and every pod: the gate renders it whole.
    if wish.effects == {Effect.DRAIN} and target.kind_row.role is Role.NODE and wish.change.fields:
        return {**spec, "drain": {}}
    return {**spec, "changes": [{"canonical": wish.change.canonical}]}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]
