"""Time, as something that is handed in: the only place of a process that reads the clock."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Answers the current time, with its zone."""


def utc_now() -> datetime:
    """The time in production."""
    return datetime.now(UTC)
