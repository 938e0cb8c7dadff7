"""Where a certificate may come from: the one shape that the operator's own authority and given Secrets share."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from cutline_operator.certificate_steps import Wanted
from cutline_operator.certificate_store import Stored
from cutline_operator.owner import Owner


class Problem(StrEnum):
    """What is wrong with a certificate that others have to provide."""

    MISSING = "Missing"
    UNREADABLE = "Unreadable"
    KEY_MISMATCH = "KeyMismatch"
    NO_AUTHORITY = "NoAuthority"
    NOT_YET_VALID = "NotYetValid"
    EXPIRED = "Expired"
    WRONG_NAME = "WrongName"
    UNTRUSTED = "Untrusted"
    UNUSABLE = "Unusable"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is nothing to serve with; `text` names the Secret and what to do."""

    problem: Problem
    text: str


class Preparation:
    """A source has to do something of its own before it can say what is wanted."""


Supply = Wanted | Trouble | Preparation


class Source(Protocol):
    """Says what should be served."""

    async def supply(self, stored: Stored, now: datetime) -> Supply:
        """What should be served, in view of what is `stored`. Raises `KubeError`."""

    async def prepare(self, owner: Owner, now: datetime) -> None:
        """What `Preparation` asked for; one write. Raises `KubeError`."""

    def secret_name(self) -> str:
        """The Secret that people look at when something is wrong."""
