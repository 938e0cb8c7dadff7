"""Reading the facts that a decision depends on, live and consistently.

What comes from here is frozen before anything is decided. Reads that do not depend on
each other go out together; none of them is an admission request, so none comes back.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from cutline.api.admitted_changes import claim_of
from cutline.api.proposals import end_of, proposal_of, proposer_of
from cutline.api.signoffs import signoff_of
from cutline.domain.actions.rollback import REVISIONED
from cutline.domain.claim import Claim, claim_name
from cutline.domain.errors import BadObject
from cutline.domain.kind import DEPLOYMENT, POD, Kind
from cutline.domain.live import Live, NamespaceState, Revision, World, live_of
from cutline.domain.policy import SCOPE_LABEL
from cutline.domain.proposal import Proposal
from cutline.domain.signoff import Signoff
from cutline.domain.snapshot import Candidate
from cutline.domain.target import Target
from cutline.domain.tree import JsonObject, canonical
from cutline.domain.user import User
from cutline.kube.client import KubeClient
from cutline.kube.errors import NotFound
from cutline.kube.resources import (
    ADMITTED_CHANGES,
    CONTROLLERREVISIONS,
    HPAS,
    NAMESPACES,
    PODS,
    PROPOSALS,
    REPLICASETS,
    SIGNOFFS,
    ResourceRef,
)
from cutline.kube.revisions import controller_revision, replica_set_revision

_MOST_OTHERS = 5  # proposals by others that a denial tells about


class WorldReader:
    """Reads live objects and what belongs to them; holds no state between calls."""

    def __init__(self, client: KubeClient, system_namespace: str) -> None:
        self._client = client
        self._system_namespace = system_namespace

    async def live(self, kind: Kind, namespace: str, name: str) -> Live:
        """One object as it stands; raises `NotFound` where there is none."""
        tree = await self._client.get(ref_of(kind), name, namespace if kind.namespaced else None)
        return live_of(kind, tree)

    async def world(self, live: Live) -> World:
        """`live` with its namespace and, for a workload that has them, its revisions."""
        namespace, revisions = await asyncio.gather(self._namespace_of(live), self._revisions_of(live))
        return World(live=live, namespace=namespace, revisions=revisions)

    async def autoscaler_of(self, live: Live) -> str:
        """The HorizontalPodAutoscaler that owns the workload's replicas, or the empty string."""
        for tree in await self._client.list(HPAS, live.target.namespace):
            reference = (tree.get("spec") or {}).get("scaleTargetRef") or {}
            group = str(reference.get("apiVersion", "")).rpartition("/")[0]
            if (group, reference.get("kind"), reference.get("name")) == (
                live.target.group,
                live.target.kind,
                live.target.name,
            ):
                return str(tree["metadata"]["name"])
        return ""

    async def pods_on(self, node: str) -> tuple[Live, ...]:
        """The pods that are bound to a node, in every namespace."""
        trees = await self._client.list(PODS, field_selector=f"spec.nodeName={node}")
        return tuple(live_of(POD, tree) for tree in trees)

    async def namespace(self, name: str) -> NamespaceState:
        """A namespace's labels, and whether it is on its way out."""
        tree = await self._client.get(NAMESPACES, name)
        metadata = tree.get("metadata") or {}
        return NamespaceState(metadata.get("labels") or {}, bool(metadata.get("deletionTimestamp")))

    async def labels_in_scope(self) -> tuple[Mapping[str, str], ...]:
        """The labels of each namespace that policies may select."""
        trees = await self._client.list(NAMESPACES, label_selector=SCOPE_LABEL)
        return tuple(tree["metadata"].get("labels") or {} for tree in trees)

    async def _namespace_of(self, live: Live) -> NamespaceState | None:
        return await self.namespace(live.target.namespace) if live.kind.namespaced else None

    async def _revisions_of(self, live: Live) -> tuple[Revision, ...] | None:
        if live.kind not in REVISIONED:
            return None
        ref = REPLICASETS if live.kind is DEPLOYMENT else CONTROLLERREVISIONS
        trees = await self._client.list(ref, live.target.namespace)
        read = replica_set_revision if live.kind is DEPLOYMENT else controller_revision
        return tuple(read(tree) for tree in trees if _is_owned_by(tree, live.target.uid))

    async def proposal(self, namespace: str, name: str) -> Proposal:
        """One proposal; raises `NotFound`, or `BadObject` where the gate did not stamp it."""
        return proposal_of(await self._client.get(PROPOSALS, name, namespace))

    async def signoffs(self, proposal: Proposal) -> tuple[Signoff, ...]:
        """Everything ever signed about a proposal. One that cannot be read may be a
        rejection: `BadObject` is raised rather than leaving it out."""
        selector = f"spec.proposalUID={proposal.uid}"
        trees = await self._client.list(SIGNOFFS, proposal.namespace, field_selector=selector)
        return tuple(signoff_of(tree) for tree in trees)

    async def was_used(self, proposal: Proposal) -> bool:
        """Whether the gate ever let a change of this proposal through."""
        selector = f"spec.proposal.uid={proposal.uid}"
        return bool(await self._client.list(ADMITTED_CHANGES, self._system_namespace, field_selector=selector, limit=1))

    async def is_untouched(self, proposal: Proposal) -> bool:
        """Whether nobody has said a word about the proposal or used it."""
        return not await self.signoffs(proposal) and not await self.was_used(proposal)

    async def ends_of_proposals(self, proposer: User, namespace: str) -> tuple[datetime, ...]:
        """For each of somebody's proposals in a namespace, until when it can admit anything; past or to come."""
        trees = await self._client.list(PROPOSALS, namespace)
        return tuple(end for _, one, end in _outlines(trees) if one.may_be(proposer))

    async def claim(self, name: str) -> Claim | None:
        """The claim of that name, if there is one."""
        try:
            return claim_of(await self._client.get(ADMITTED_CHANGES, name, self._system_namespace))
        except NotFound:
            return None

    async def candidates(self, target: Target, actor: User, now: datetime) -> tuple[Candidate, ...]:
        """The proposals that name `target` and are not over, with their sign-offs and the claims on them.

        All of the actor's own, for nobody else's can admit his change; of others' the newest
        few, which are worth telling him about. Those that are over stay for days, and can admit nothing:
        reading them, and what was said about each, would take the time that a decision has.
        """
        namespaces = {self._system_namespace, target.namespace} - {""}
        listings = await asyncio.gather(*(self._client.list(PROPOSALS, name) for name in sorted(namespaces)))
        opening = _opening_of(target)
        about = [
            (tree, proposer)
            for trees in listings
            for tree, proposer, end in _outlines(trees)
            if now <= end and _names(tree, opening) and not tree["metadata"].get("deletionTimestamp")
        ]
        own = [tree for tree, proposer in about if proposer.is_same_as(actor)]
        others = [tree for tree, proposer in about if not proposer.is_same_as(actor)]
        told = sorted(others, key=_newest, reverse=True)[:_MOST_OTHERS]
        named = [
            proposal
            for proposal in readable((*own, *told))
            if any(entry.change.target.is_named_like(target) for entry in proposal.changes)
        ]
        return tuple(await asyncio.gather(*(self._candidate(proposal, target) for proposal in named)))

    async def _candidate(self, proposal: Proposal, target: Target) -> Candidate:
        names = [
            claim_name(proposal.name, proposal.uid, entry.change.digest)
            for entry in proposal.changes
            if entry.change.target.is_named_like(target)
        ]
        signoffs, claims = await asyncio.gather(
            self.signoffs(proposal), asyncio.gather(*(self.claim(name) for name in names))
        )
        return Candidate(proposal, signoffs, tuple(claim for claim in claims if claim is not None))


def ref_of(kind: Kind) -> ResourceRef:
    """Where objects of a kind live in the API."""
    return ResourceRef(kind.group, kind.version, kind.resource, namespaced=kind.namespaced)


def readable(trees: Iterable[JsonObject]) -> Iterable[Proposal]:
    """The proposals that the gate stamped; what it did not stamp authorises nothing."""
    for tree in trees:
        try:
            yield proposal_of(tree)
        except BadObject:
            continue


def _outlines(trees: Iterable[JsonObject]) -> Iterable[tuple[JsonObject, User, datetime]]:
    """The proposals that the gate stamped: each as it is, whose it is, until when it can admit anything."""
    for tree in trees:
        try:
            yield tree, proposer_of(tree), end_of(tree)
        except BadObject:
            continue


def _newest(tree: JsonObject) -> tuple[str, str]:
    return str(tree["metadata"]["creationTimestamp"]), str(tree["metadata"]["name"])


def _opening_of(target: Target) -> str:
    """How a canonical text names the target, whatever its uid: that it is another object now is worth saying."""
    return canonical({"target": replace(target, uid="").as_tree()})[1:-3]  # up to the uid's first quote


def _names(tree: JsonObject, opening: str) -> bool:
    """Whether a change may be about the target with that opening.

    A canonical text says its target in one way only, so that nothing has to be parsed to see it: anybody's
    proposals are looked through at every decision. A field's value may look like a target as well, which costs no
    more than a look.
    """
    return any(opening in str(entry.get("canonical", "")) for entry in (tree.get("spec") or {}).get("changes") or ())


def _is_owned_by(tree: JsonObject, uid: str) -> bool:
    owners = (tree.get("metadata") or {}).get("ownerReferences") or ()
    return any(owner.get("uid") == uid and owner.get("controller") for owner in owners)
