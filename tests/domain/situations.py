"""What the laws are about: who wants which change in which state of the world."""

from hypothesis import settings

from cutline.domain.change import Change
from cutline.domain.snapshot import Snapshot
from cutline.domain.user import User
from cutline.domain.verdict import Response, Verdict

Situation = tuple[Change, User, Snapshot]
MANY = settings(max_examples=2 * settings().max_examples)


def is_admitted(verdict: Verdict) -> bool:
    return verdict.response is not Response.DENY
