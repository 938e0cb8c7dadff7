"""Completing our own kinds when they are created: who asks, who signs, what exactly.

What the gate says of an object is never taken from a client: where one brings it, the
request is refused rather than corrected, so that nobody believes he was heard.
"""

from collections.abc import Callable, Iterable
from typing import Any

from cutline.api.fields import Fields
from cutline.api.proposals import stamped_spec
from cutline.api.users import stamp_of
from cutline.domain.policy import Policies
from cutline.domain.request import Request
from cutline.domain.tree import JsonObject
from cutline.kube.errors import NotFound
from cutline.kube.world import WorldReader
from cutline.process.clock import Clock
from cutline_webhook.proposing import Draft, ProposalMaker
from cutline_webhook.refusal import Refused

_GATES_OWN = {
    "remediationproposals": ("proposer", "nonce", "requirement", "digest"),
    "signoffs": ("by", "proposalUID"),
}

JsonPatch = list[dict[str, Any]]


class Stamper:
    """Answers the mutating webhook for `RemediationProposal` and `Signoff`."""

    def __init__(
        self,
        maker: ProposalMaker,
        reader: WorldReader,
        policies: Callable[[], Policies],
        clock: Clock,
    ) -> None:
        self._maker = maker
        self._reader = reader
        self._policies = policies
        self._clock = clock

    async def stamp(self, request: Request) -> JsonPatch:
        """What the gate adds to the object; raises `Refused` or `BadObject` for what its author can mend."""
        tree = request.object or {}
        spec = Fields(tree).tree("spec")
        _refuse_stamps(spec, _GATES_OWN.get(request.resource, ()))
        name = Fields(tree.get("metadata"), "metadata").text("name", "")
        if not name:
            raise Refused("metadata.name: is missing; generateName cannot be signed, give a name")
        if request.resource == "remediationproposals":
            return await self._stamp_proposal(request, name, spec)
        if request.resource == "signoffs":
            return await self._stamp_signoff(request, spec)
        raise Refused(f"{request.resource} are not stamped")

    async def _stamp_proposal(self, request: Request, name: str, spec: JsonObject) -> JsonPatch:
        _refuse_rendered(spec)
        draft = Draft(request.namespace, name, Fields(spec, "spec"), request.user)
        proposal = await self._maker.make(draft, self._policies(), self._clock())
        return [{"op": "replace", "path": "/spec", "value": stamped_spec(spec, proposal)}]

    async def _stamp_signoff(self, request: Request, spec: JsonObject) -> JsonPatch:
        name = Fields(spec, "spec").text("proposal")
        try:
            proposal = await self._reader.proposal(request.namespace, name)
        except NotFound:
            raise Refused(f"spec.proposal: there is no proposal {name} in namespace {request.namespace}") from None
        stamped = {**spec, "by": stamp_of(request.user), "proposalUID": proposal.uid}
        return [{"op": "replace", "path": "/spec", "value": stamped}]


def _refuse_stamps(spec: JsonObject, keys: Iterable[str]) -> None:
    for key in keys:
        if spec.get(key) is not None:
            raise Refused(f"spec.{key}: is written by the gate alone; leave it out")


def _refuse_rendered(spec: JsonObject) -> None:
    # What is no list of objects has no keys, and is refused by its name.
    Fields(spec, "spec").children("changes")
    for index, entry in enumerate(spec.get("changes") or ()):
        extra = sorted(set(entry or ()) - {"canonical"})
        if extra:
            raise Refused(f"spec.changes[{index}].{extra[0]}: is written by the gate alone; bring only canonical")
