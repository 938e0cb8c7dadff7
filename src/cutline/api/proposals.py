"""`RemediationProposal` on the wire."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cutline.api.fields import Fields
from cutline.api.requirements import pinned_requirement
from cutline.api.users import stamp_of, user_from_stamp
from cutline.domain.change import change_from_canonical
from cutline.domain.duration import (
    DEFAULT_DECIDE_WITHIN,
    DEFAULT_VALID_FOR,
    MAX_DECIDE_WITHIN,
    MAX_VALID_FOR,
    format_duration,
    parse_duration,
)
from cutline.domain.effect import Action, Effect
from cutline.domain.errors import BadObject, Unrecognised
from cutline.domain.kind import Kind, kind_named
from cutline.domain.proposal import Emergency, Proposal, SignedChange, ends_at
from cutline.domain.target import Target
from cutline.domain.tree import JsonObject
from cutline.domain.user import User

API_VERSION = "cutline.dev/v1alpha1"
KIND = "RemediationProposal"


def proposal_of(tree: JsonObject) -> Proposal:
    """The proposal that a stored object is; raises `BadObject` where the gate's stamps are missing."""
    metadata, spec = Fields(tree.get("metadata"), "metadata"), Fields(tree.get("spec"), "spec")
    target = spec.child("target")
    limits = limits_of(spec)
    return Proposal(
        namespace=metadata.text("namespace"),
        name=metadata.text("name"),
        uid=metadata.text("uid", ""),
        created=metadata.time("creationTimestamp"),
        action=spec.enum("action", Action),
        target=Target(target.text("group", ""), target.text("kind"), "", target.text("name"), ""),
        proposer=user_from_stamp(spec.child("proposer")),
        nonce=spec.text("nonce"),
        changes=tuple(_signed_change(fields) for fields in spec.children("changes")),
        requirement=tuple(pinned_requirement(fields) for fields in spec.children("requirement")),
        decide_within=limits.decide_within,
        valid_for=limits.valid_for,
        stored_digest=spec.text("digest"),
        executor=spec.text("executor", "Requester"),
        emergency=emergency_of(spec),
        is_terminating="deletionTimestamp" in metadata,
    )


def kind_of_target(target: Fields) -> Kind:
    """The kind of the object that a proposal names as its `target`."""
    try:
        return kind_named(target.text("group", ""), target.text("kind"))
    except Unrecognised as error:
        raise BadObject(target.path("kind"), str(error)) from None


def proposer_of(tree: JsonObject) -> User:
    """Who made a stored proposal; raises `BadObject` where the gate did not stamp it."""
    return user_from_stamp(Fields(tree.get("spec"), "spec").child("proposer"))


def end_of(tree: JsonObject) -> datetime:
    """The last moment at which a stored proposal can admit anything (`Proposal.ends`).

    Cheap, unlike `proposal_of`: whoever lists proposals finds many that are over, and large.
    """
    created = Fields(tree.get("metadata"), "metadata").time("creationTimestamp")
    return ends_at(created, limits_of(Fields(tree.get("spec"), "spec")).decide_within)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a proposal may wait for its decision, and an approval for its use."""

    decide_within: timedelta
    valid_for: timedelta


def limits_of(spec: Fields) -> Limits:
    """The two clocks of a proposal, within what they may be at most."""
    return Limits(
        decide_within=_limited(spec, "decideWithin", DEFAULT_DECIDE_WITHIN, MAX_DECIDE_WITHIN),
        valid_for=_limited(spec, "validFor", DEFAULT_VALID_FOR, MAX_VALID_FOR),
    )


def emergency_of(spec: Fields) -> Emergency | None:
    """The emergency that a proposal calls, if it does."""
    if "emergency" not in spec:
        return None
    fields = spec.child("emergency")
    return Emergency(fields.text("reason"), fields.text("ticket"))


def stamped_spec(spec: JsonObject, proposal: Proposal) -> JsonObject:
    """`spec` as its author wrote it, completed by what the gate says about it."""
    return {
        **spec,
        "proposer": stamp_of(proposal.proposer),
        "nonce": proposal.nonce,
        "changes": [_entry(entry) for entry in proposal.changes],
        "requirement": [dict(requirement.as_tree()) for requirement in proposal.requirement],
        "digest": proposal.digest,
    }


def _entry(entry: SignedChange) -> Mapping[str, Any]:
    return {
        **entry.as_tree(),
        "summary": entry.summary,
        "target": entry.change.target.as_tree(),
    }


def _signed_change(fields: Fields) -> SignedChange:
    return SignedChange(
        change=change_from_canonical(fields.text("canonical"), fields.path("canonical")),
        effects=fields.enums("effects", Effect),
        baseline=fields.text_map("baseline"),
        summary=fields.text("summary", ""),
    )


def _limited(spec: Fields, key: str, default: timedelta, longest: timedelta) -> timedelta:
    duration = parse_duration(spec.text(key), spec.path(key)) if key in spec else default
    if duration > longest:
        raise BadObject(spec.path(key), f"must be at most {format_duration(longest)}")
    return duration
