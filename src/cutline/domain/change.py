"""A change: what a request does to one object, the same for every client and verb.

A scale-down by `kubectl scale`, by a patch of `spec.replicas`, by PUT or by server-side
apply is one change with one digest. Deletes and evictions have no new object: their
change is the target's end, with how it ends.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from cutline.domain.difference import Field, difference, field_from_tree
from cutline.domain.errors import BadObject, Unrecognised
from cutline.domain.kind import Role
from cutline.domain.live import Live
from cutline.domain.normal_form import content_of
from cutline.domain.request import Operation, Request
from cutline.domain.target import Target
from cutline.domain.tree import JsonObject, canonical, digest_text

FORMAT = "cutline/1"

# Subresources that carry the whole object and let its labels through, whatever else they keep.
METADATA_SUBRESOURCES = ("status", "finalize")


class Verb(StrEnum):
    """What happens to the object as a whole."""

    UPDATE = "Update"
    EVICT = "Evict"
    DELETE = "Delete"


@dataclass(frozen=True, slots=True)
class End:
    """How an object ends: seconds of grace, never below zero, and propagation, where the request says."""

    grace_seconds: int | None = None
    propagation: str = ""


@dataclass(frozen=True)
class Change:
    """The whole semantic difference that a request makes to one object.

    `fields` is empty for an eviction or a delete, `end` is `None` for an update.
    """

    target: Target
    verb: Verb
    fields: tuple[Field, ...] = ()
    end: End | None = None

    @cached_property
    def canonical(self) -> str:
        """The one text of the change, in the format `cutline/1`."""
        tree: dict[str, Any] = {
            "format": FORMAT,
            "target": self.target.as_tree(),
            "verb": self.verb.value,
        }
        if self.fields:
            tree["difference"] = [field.as_tree() for field in self.fields]
        if self.end is not None:
            tree["end"] = _end_as_tree(self.end)
        return canonical(tree)

    @cached_property
    def digest(self) -> str:
        """The change digest: SHA-256 of the canonical text."""
        return digest_text(self.canonical)

    @property
    def removes_pod(self) -> bool:
        return self.verb is not Verb.UPDATE and self.target.kind_row.role is Role.POD

    def field(self, path: str) -> Field | None:
        """The changed field at exactly `path`."""
        return next((field for field in self.fields if field.path == path), None)


def change_of(request: Request, live: Live) -> Change:
    """The change that `request` makes to its target, which is `live` before it.

    For a write to a subresource `live` is the parent object; for an eviction it is
    the pod, which the request only names.
    """
    if request.operation is Operation.DELETE:
        return Change(live.target, Verb.DELETE, end=_end_of(request.options))
    if request.subresource == "eviction":
        options = (request.object or {}).get("deleteOptions") or {}
        return Change(live.target, Verb.EVICT, end=_end_of(options))
    if request.operation is not Operation.UPDATE or request.object is None:
        raise Unrecognised(f"{request.operation} of {request.resource}/{request.subresource} is not a change")
    if request.subresource == "scale":
        return Change(live.target, Verb.UPDATE, _scale_fields(request))
    if request.subresource and request.subresource not in METADATA_SUBRESOURCES:
        raise Unrecognised(f"subresource {request.subresource} of {request.resource} is not one the gate knows")
    return Change(live.target, Verb.UPDATE, difference(live.content, content_of(live.kind, request.object)))


def change_from_canonical(text: str, field: str) -> Change:
    """The change that `Change.canonical` wrote; `field` names where the text stood.

    Raises `BadObject` where the text is not canonical: a second spelling of the same
    change would have another digest than the one people sign.
    """
    try:
        tree = json.loads(text)
        if tree["format"] != FORMAT:
            raise BadObject(field, f"format must be {FORMAT}")
        change = Change(
            target=Target(**tree["target"]),
            verb=Verb(tree["verb"]),
            fields=tuple(field_from_tree(item) for item in tree.get("difference", ())),
            end=_end_from_tree(tree["end"]) if "end" in tree else None,
        )
        same = change.canonical == text
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadObject(field, "is not a change; take it from a denial as it is") from error
    if not same:
        raise BadObject(field, "is not in canonical form; take it from a denial as it is")
    return change


def _scale_fields(request: Request) -> tuple[Field, ...]:
    """`replicas` of a Scale; zero has no key at all (`json:"replicas,omitempty"`)."""
    old = ((request.old_object or {}).get("spec") or {}).get("replicas") or 0
    new = ((request.object or {}).get("spec") or {}).get("replicas") or 0
    return () if old == new else (Field("/spec/replicas", old, new),)


def _end_of(options: JsonObject) -> End:
    grace = options.get("gracePeriodSeconds")
    if grace is not None:
        # The API server reads a negative grace as one second (`rest/delete.go`).
        grace = int(grace) if int(grace) >= 0 else 1
    return End(grace, str(options.get("propagationPolicy") or ""))


def _end_from_tree(tree: JsonObject) -> End:
    grace, propagation = tree.get("gracePeriodSeconds"), tree.get("propagation", "")
    is_grace = grace is None or (type(grace) is int and grace >= 0)
    if not is_grace or not isinstance(propagation, str):
        raise TypeError("not an end")
    return End(grace, propagation)


def _end_as_tree(end: End) -> JsonObject:
    tree: dict[str, Any] = {}
    if end.grace_seconds is not None:
        tree["gracePeriodSeconds"] = end.grace_seconds
    if end.propagation:
        tree["propagation"] = end.propagation
    return tree
