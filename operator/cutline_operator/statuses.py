"""Statuses on the wire: conditions, times, and the patch from one status to another. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from cutline.domain.text import visible_beginning
from cutline.domain.tree import JsonObject


class Truth(StrEnum):
    """Whether a condition holds (metav1.ConditionStatus)."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


def truth(value: bool) -> Truth:
    """What is known either way."""
    return Truth.TRUE if value else Truth.FALSE


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition as it is now; since when is worked out from the status before."""

    type: str
    status: Truth
    reason: str
    message: str


_LONGEST_TEXT: Final = 1024  # as the definitions of our kinds have it


def told(text: str) -> str:
    """A text as a status may hold it: it repeats names that strangers chose."""
    return visible_beginning(text, _LONGEST_TEXT)


def rfc3339(moment: datetime) -> str:
    """A moment as the API writes it, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def conditions_as_trees(
    conditions: Sequence[Condition], before: JsonObject, generation: int, now: datetime
) -> list[dict[str, Any]]:
    """The conditions with their times of transition, which move only when the status does."""
    earlier = {one.get("type"): one for one in before.get("conditions") or ()}
    return [_as_tree(one, earlier.get(one.type), generation, now) for one in conditions]


def condition_before(before: JsonObject, type_: str) -> Condition | None:
    """A condition as the status before says it."""
    for one in before.get("conditions") or ():
        if one.get("type") == type_ and one.get("status") in set(Truth):
            return Condition(type_, Truth(one["status"]), str(one.get("reason", "")), str(one.get("message", "")))
    return None


def _as_tree(condition: Condition, earlier: JsonObject | None, generation: int, now: datetime) -> dict[str, Any]:
    stays = earlier is not None and earlier.get("status") == condition.status.value
    since = earlier.get("lastTransitionTime") if stays and earlier is not None else None
    return {
        "type": condition.type,
        "status": condition.status.value,
        "reason": condition.reason,
        "message": told(condition.message),
        "lastTransitionTime": since or rfc3339(now),
        "observedGeneration": generation,
    }


def patch_of(before: JsonObject, after: Mapping[str, Any]) -> dict[str, Any] | None:
    """The merge patch from one status to another; None where nothing changes."""
    if dict(before) == dict(after):
        return None
    removed = {key: None for key in before if key not in after}
    changed = {key: value for key, value in after.items() if before.get(key) != value}
    return {"status": {**removed, **changed}}
