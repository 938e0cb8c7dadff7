"""Guarding our own kinds: who may create, change and delete what, and until when.

Specs never change, statuses are the operator's, records are the gate's. What weighs
against a change (a rejection, a revocation, a used claim) stays until its proposal can
admit nothing any more, whoever asks for it to go: a person, a controller, the garbage
collector.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cutline.api.fields import Fields
from cutline.api.policies import policy_of
from cutline.api.proposals import proposal_of
from cutline.api.settings import InstallationSettings
from cutline.api.signoffs import signoff_of
from cutline.domain.duration import MAX_DECIDE_WITHIN
from cutline.domain.kind import POLICY
from cutline.domain.narrowable import verify_narrowable
from cutline.domain.policy import SCOPE_LABEL, Policy
from cutline.domain.proposal import Proposal, ends_at
from cutline.domain.recognised import unrecognised
from cutline.domain.request import Operation, Request
from cutline.domain.signoff import Decision, Signoff, last_words
from cutline.domain.text import visible_beginning
from cutline.domain.tree import JsonObject
from cutline.kube.access import AccessReviewer, SigningVerb, signing
from cutline.kube.errors import KubeError, NotFound
from cutline.kube.world import WorldReader
from cutline.process.clock import Clock
from cutline_webhook.proposing import signed_actions
from cutline_webhook.refusal import Refused, told

_NONCE = re.compile(r"[0-9a-f]{32}")
_REFUSED_WHOLE = {
    "resourcequotas": "spec.hard: must not count Cutline's own kinds: a rejection that finds no room is lost",
    "customresourcedefinitions": "the status of Cutline's definitions is written by the API server alone",
    "apiservices": (
        "who serves Cutline's kinds and the API groups of Kubernetes itself is written by the API server alone:"
        " another server could answer in the name of everybody who signs"
    ),
}
_PART_OF_CUTLINE = (
    ": part of Cutline's own installation, which only those may change who may delete the"
    " ValidatingWebhookConfiguration cutline-gate; ask whoever runs helm upgrade here"
)
_LONGEST_WARNING = 256  # characters; the API server cuts off what is longer where there are many
_BOUND_METADATA = ("ownerReferences", "finalizers")
# Of one object. Decisions list proposals whole, and the API server allows 256 KiB of annotations alone, and about
# as much again for each field manager of theirs. What people can judge, 64 KiB of changes, is stored as about 200.
MOST_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Guard:
    """Answers the validating webhook for our own kinds."""

    settings: InstallationSettings
    reader: WorldReader
    reviewer: AccessReviewer
    clock: Clock

    async def check(self, request: Request) -> Collection[str]:
        """Warnings for a request that may pass; raises `Refused` or `BadObject` for one that may not."""
        if request.resource in _REFUSED_WHOLE:
            # The rules bring only those here that would stop people from objecting.
            raise Refused(_REFUSED_WHOLE[request.resource])
        if request.group != POLICY.group:
            # The same holds for Cutline's own objects: those who could end the gate anyway were not sent here.
            raise Refused(f"{request.resource} {request.name}".rstrip() + _PART_OF_CUTLINE)
        if request.subresource == "status":
            self._check_is_operator(request, "status")
            return ()
        match request.operation:
            case Operation.CREATE:
                return await self._check_create(request)
            case Operation.UPDATE:
                return await self._check_update(request)
            case Operation.DELETE:
                await self._check_delete(request)
                return ()
            case _:
                raise Refused(f"{request.operation.value} of {request.resource} is not possible")

    def _check_is_operator(self, request: Request, what: str) -> None:
        if request.user.username != self.settings.operator_user:
            raise Refused(f"the {what} of {request.resource} is written by Cutline's operator alone")

    async def _check_create(self, request: Request) -> Collection[str]:
        tree = request.object or {}
        _refuse_bound_metadata({}, tree)
        _refuse_oversize({}, tree)
        match request.resource:
            case "remediationproposals":
                return _check_proposal(request, tree)
            case "signoffs":
                return await self._check_signoff(request, tree)
            case "reversibilitypolicies":
                return await self._policy_warnings(policy_of(tree))
            case _:
                raise Refused(f"{request.resource} are written by Cutline's webhook alone")

    async def _policy_warnings(self, policy: Policy) -> Collection[str]:
        """Neither that nothing of it is recognised is an error, nor that it selects nothing: both may come."""
        idle = (f"policy {policy.name}: {text}" for text in unrecognised(policy))
        return (
            *(visible_beginning(text, _LONGEST_WARNING) for text in idle),
            *await self._warnings_of_selection(policy),
        )

    async def _warnings_of_selection(self, policy: Policy) -> Collection[str]:
        if policy.cluster:
            return ()
        try:
            labels = await self.reader.labels_in_scope()
        except KubeError:
            return ()  # nobody is kept from a policy for want of a warning
        if any(policy.selects_namespace(one) for one in labels):
            return ()
        return (
            f"policy {policy.name} selects no namespace so far: spec.where.namespaces matches none of the"
            f" {len(labels)} that carry the label {SCOPE_LABEL}",
        )

    async def _check_update(self, request: Request) -> Collection[str]:
        old, new = request.old_object or {}, request.object or {}
        if request.user.username != self.settings.operator_user:
            _refuse_bound_metadata(old, new)
        _refuse_oversize(old, new)
        if request.resource == "reversibilitypolicies":
            return await self._policy_warnings(policy_of(new))
        if old.get("spec") != new.get("spec"):
            raise Refused(f"spec: never changes; create another of {request.resource} instead")
        if request.resource == "admittedchanges":
            self._check_is_operator(request, "record")
        return ()

    async def _check_delete(self, request: Request) -> None:
        if request.resource == "reversibilitypolicies":
            return
        tree = request.old_object
        if tree is None:
            raise Refused("the object to delete did not come with the request")
        # First: what another version wrote, and this one cannot read, must not keep its namespace either.
        if await self._is_ending(request.namespace, request):
            return
        what = _named(request, tree)
        proposal = await self._proposal_of_record(request, tree)
        if proposal is None:
            end = _weighs_until(request, tree)
            if end is None or self.clock() > end:
                return
            raise Refused(f"{what} stays until {told(end)}: until then what it records could be used again")
        if self._is_over(proposal):
            await self._check_review(request, proposal)
            return
        is_withdrawal = request.resource == "remediationproposals" and request.user.is_same_as(proposal.proposer)
        if is_withdrawal and await self.reader.is_untouched(proposal):
            return
        until = told(proposal.ends)
        raise Refused(
            f"{what} stays while proposal {proposal.key} can still admit a change (until {until});"
            " reject or revoke instead"
        )

    async def _check_review(self, request: Request, proposal: Proposal) -> None:
        """Whoever called an emergency does not make it disappear before somebody else has looked at it."""
        if proposal.emergency is None or request.user.username == self.settings.operator_user:
            return
        reviewed = any(not one.by.may_be(proposal.proposer) for one in await self.reader.signoffs(proposal))
        if not reviewed and await self.reader.was_used(proposal):
            raise Refused(
                f"proposal {proposal.key} stays until somebody else has reviewed the emergency: any sign-off of it does"
            )

    async def _proposal_of_record(self, request: Request, tree: JsonObject) -> Proposal | None:
        """The proposal that a record is about, unless that is gone or another one by now."""
        if request.resource == "remediationproposals":
            return proposal_of(tree)
        spec = Fields(tree.get("spec"), "spec")
        if request.resource == "signoffs":
            namespace, name = request.namespace, spec.text("proposal")
            uid = spec.text("proposalUID")
        else:
            reference = spec.child("proposal")
            namespace, name = reference.text("namespace"), reference.text("name")
            uid = reference.text("uid")
        try:
            proposal = await self.reader.proposal(namespace, name)
        except NotFound:
            return None
        return proposal if proposal.uid == uid else None

    def _is_over(self, proposal: Proposal) -> bool:
        """Whether the proposal can admit nothing any more, not even by its latest approval."""
        return self.clock() > proposal.ends

    async def _is_ending(self, namespace: str, request: Request) -> bool:
        """A proposal in a terminating namespace admits nothing; keeping it would only keep the namespace."""
        if request.resource == "admittedchanges":
            return False
        return (await self.reader.namespace(namespace)).is_terminating

    async def _check_signoff(self, request: Request, tree: JsonObject) -> Collection[str]:
        signoff = signoff_of(_with_creation(tree, self.clock()))
        if not signoff.by.is_same_as(request.user) or signoff.by.groups != request.user.groups:
            raise Refused("spec.by: is not who sent this")
        name = Fields(tree.get("spec"), "spec").text("proposal")
        try:
            proposal = await self.reader.proposal(request.namespace, name)
        except NotFound:
            raise Refused(f"spec.proposal: there is no proposal {name} in {request.namespace}") from None
        await self._check_signer(request, proposal)
        _check_word(signoff, proposal, await self.reader.signoffs(proposal), self.clock())
        return _signoff_warnings(signoff, proposal)

    async def _check_signer(self, request: Request, proposal: Proposal) -> None:
        user = request.user
        if user.is_service_account or not self.settings.humans.accepts(user):
            raise Refused(f"{user.username} cannot sign: only people can (humans.userGroups of the installation)")
        if user.may_be(proposal.proposer):
            raise Refused(f"{user.username} proposed this and cannot sign it: somebody else must")
        wanted = [
            signing(SigningVerb.APPROVE, action, proposal.namespace) for action in signed_actions(proposal.changes)
        ]
        denied = await self.reviewer.first_denied(user, wanted)
        if denied is not None:
            raise Refused(f"{user.username} may not {denied}")


def _named(request: Request, tree: JsonObject) -> str:
    """A collection is deleted object by object, and the request then names none."""
    return f"{request.resource} {Fields(tree.get('metadata'), 'metadata').text('name', request.name)}"


def _weighs_until(request: Request, tree: JsonObject) -> datetime | None:
    """Of a record whose proposal is gone: what people said means nothing any more, but
    whoever made the proposal disappear must not make its use disappear, too."""
    if request.resource != "admittedchanges":
        return None
    created = Fields(tree.get("metadata"), "metadata").time("creationTimestamp")
    return ends_at(created, MAX_DECIDE_WITHIN)


def _check_proposal(request: Request, tree: JsonObject) -> Collection[str]:
    """What the mutating webhook wrote must still stand: another one may have come after it."""
    proposal = proposal_of(_with_creation(tree, None))
    proposer = proposal.proposer
    if not proposer.is_same_as(request.user) or proposer.groups != request.user.groups:
        raise Refused("spec.proposer: is not who sent this")
    if not _NONCE.fullmatch(proposal.nonce):
        raise Refused("spec.nonce: is written by the gate alone; leave it out")
    if proposal.digest != proposal.stored_digest:
        raise Refused("spec.digest: is not that of the proposal: something changed it after the gate")
    return ()


def _check_word(signoff: Signoff, proposal: Proposal, earlier: Collection[Signoff], now: datetime) -> None:
    if proposal.is_terminating:
        raise Refused("spec.proposal: is being deleted")
    if signoff.proposal_uid != proposal.uid:
        raise Refused("spec.proposalUID: is that of another proposal of this name")
    if signoff.digest != proposal.digest:
        raise Refused(
            f"spec.digest: is not that of {proposal.name}, which is {proposal.digest}; read it again before you sign"
        )
    verify_narrowable(proposal, signoff.narrowing)
    mine = last_words(earlier).get(signoff.by.person)
    match signoff.decision:
        case Decision.REVOKE if mine is None or mine.decision is not Decision.APPROVE:
            raise Refused("spec.decision: there is no approval of yours to revoke")
        case Decision.APPROVE if now > proposal.decide_by and proposal.emergency is None:
            raise Refused(f"spec.proposal: the time to decide ended at {told(proposal.decide_by)}; propose again")


def _signoff_warnings(signoff: Signoff, proposal: Proposal) -> Collection[str]:
    if signoff.decision is not Decision.APPROVE or not proposal.requirement:
        return ()
    wanted = frozenset(group for requirement in proposal.requirement for group in requirement.from_groups)
    if wanted & frozenset(signoff.by.groups):
        return ()
    return (f"this approval counts for nothing: approvals must come from {' or '.join(sorted(wanted))}"[:120],)


def _refuse_bound_metadata(old: JsonObject, new: JsonObject) -> None:
    """An owner reference to a dead uid lets the garbage collector delete an object; a finalizer
    lets its writer decide when it goes."""
    for key in _BOUND_METADATA:
        before = (old.get("metadata") or {}).get(key) or []
        after: Any = (new.get("metadata") or {}).get(key) or []
        if any(item not in before for item in after):
            raise Refused(f"metadata.{key}: must not be set on Cutline's own kinds")


def _refuse_oversize(old: JsonObject, new: JsonObject) -> None:
    """An object that is too large already may still shrink."""
    sizes = _sizes(new)
    total = sum(sizes.values())
    if total <= MOST_BYTES or total <= sum(_sizes(old).values()):
        return
    largest = max(sizes, key=lambda field: sizes[field])
    raise Refused(
        f"{largest}: takes {sizes[largest] // 1024} KiB; metadata and spec may take {MOST_BYTES // 1024} KiB together"
    )


def _sizes(tree: JsonObject) -> dict[str, int]:
    """How many bytes each field of metadata and spec takes; the status is the operator's."""
    return {
        f"{part}.{key}": len(json.dumps(value, ensure_ascii=False).encode())
        for part in ("metadata", "spec")
        for key, value in Fields(tree).tree(part).items()
    }


def _with_creation(tree: JsonObject, now: datetime | None) -> JsonObject:
    """The tree with a creation time, which an object does not have before it is stored."""
    moment = now.isoformat() if now is not None else "1970-01-01T00:00:00+00:00"
    metadata = {**(tree.get("metadata") or {}), "creationTimestamp": moment}
    return {**tree, "metadata": metadata}
