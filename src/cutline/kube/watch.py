"""The events of a watch."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import msgspec

from cutline.kube.errors import NO_ANSWER, Unavailable, error_from_status
from cutline.kube.resources import JsonObject


class WatchEventKind(Enum):
    """What happened to the object of an event; the value is the word on the wire."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"
    """Nothing did: the object carries only the resource version that the watch has reached."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event. `object` is the state after it, for DELETED the last state."""

    kind: WatchEventKind
    object: JsonObject

    @property
    def resource_version(self) -> str:
        """The version from which a watch goes on after this event."""
        return str(self.object.get("metadata", {}).get("resourceVersion", ""))


class _Line(msgspec.Struct):
    type: str
    object: dict[str, Any]


_decoder: Final = msgspec.json.Decoder(_Line)


def event_from_line(line: bytes) -> WatchEvent:
    """Parse one line of a watch.

    Raises the error that an ERROR event stands for (`Gone` for an expired version), and `Unavailable`
    for a line that is no event or an event of an unknown type: skipping it could lose a change.
    """
    try:
        parsed = _decoder.decode(line)
        if parsed.type == "ERROR":
            raise error_from_status(parsed.object)
        return WatchEvent(WatchEventKind(parsed.type), parsed.object)
    except (msgspec.DecodeError, ValueError) as error:
        raise Unavailable(NO_ANSWER, "BadAnswer", f"not a watch event: {error}") from error
