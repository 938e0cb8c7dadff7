"""Durations as people write them in the custom resources: `90s`, `15m`, `1h30m`."""

import re
from datetime import timedelta

from cutline.domain.errors import BadObject

_SHAPE = re.compile(r"(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,7})s)?", re.ASCII)

MAX_VALID_FOR = timedelta(minutes=30)
DEFAULT_VALID_FOR = timedelta(minutes=15)
MAX_DECIDE_WITHIN = timedelta(hours=24)
DEFAULT_DECIDE_WITHIN = timedelta(hours=1)
EMERGENCY_VALID_FOR = timedelta(minutes=15)


def parse_duration(text: str, field: str) -> timedelta:
    """The duration that `text` writes; raises `BadObject` naming `field` otherwise."""
    match = _SHAPE.fullmatch(text)
    if not text or match is None:
        raise BadObject(field, f"{text!r} is not a duration; write it like 15m, 90s or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    duration = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if not duration:
        raise BadObject(field, "must be longer than nothing, for example 15m")
    return duration


def format_duration(duration: timedelta) -> str:
    """A duration in whole seconds as people write it: `12m`, `1h30m`, `45s`."""
    seconds = max(0, int(duration.total_seconds()))
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [(hours, "h"), (minutes, "m"), (seconds if not hours else 0, "s")]
    return "".join(f"{value}{unit}" for value, unit in parts if value) or "0s"
