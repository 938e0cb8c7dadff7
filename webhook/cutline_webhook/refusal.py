"""Refusing a request on our own kinds, with what its author should do instead."""

from datetime import UTC, datetime


class Refused(Exception):
    """The request may not pass; the text says why and what to do instead."""


def told(moment: datetime) -> str:
    """A moment in a refusal, with its day: it may be tomorrow."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
