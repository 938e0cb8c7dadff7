"""Refusing a request on our own kinds, with what its author should do instead."""

from cutline.domain.errors import BadObject


class Refused(Exception):
    """The request may not pass; the text says why and what to do instead."""


def refusal_of(error: BadObject) -> Refused:
    """A bad field as its author reads it."""
    return Refused(f"{error.field}: {error.problem}")
