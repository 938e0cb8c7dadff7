"""Whose signatures a line demands, and which of them are still missing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from cutline.domain.duration import format_duration
from cutline.domain.tree import JsonObject
from cutline.domain.user import User


@dataclass(frozen=True, slots=True)
class Including:
    """Among the approvals, at least this many from this group."""

    user_group: str
    at_least: int


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one line of one policy demands of the approvals.

    `approvals` distinct humans out of `from_groups`; `valid_for` caps how long an
    approval may be used.
    """

    policy: str
    line: str
    approvals: int
    from_groups: frozenset[str]
    including: tuple[Including, ...] = ()
    valid_for: timedelta | None = None

    @property
    def name(self) -> str:
        return f"{self.policy}/{self.line}"

    def as_tree(self) -> JsonObject:
        tree: dict[str, object] = {
            "policy": self.policy,
            "line": self.line,
            "approvals": self.approvals,
            "from": [{"userGroup": group} for group in sorted(self.from_groups)],
        }
        if self.including:
            tree["including"] = [{"userGroup": part.user_group, "atLeast": part.at_least} for part in self.including]
        if self.valid_for is not None:
            tree["validFor"] = format_duration(self.valid_for)
        return tree

    def describe(self) -> str:
        """The demand as a person reads it: `2 approvals from sre, 1 of them from seniors`."""
        return self._wanted(self.approvals, self.including)

    def missing(self, signers: Iterable[User]) -> tuple[str, ...]:
        """What is still wanted after these distinct signers: always how many people, and of which of them
        something more is asked. Empty when the demand is met."""
        counted = [signer for signer in signers if self.from_groups & frozenset(signer.groups)]
        parts = tuple(
            Including(part.user_group, part.at_least - have)
            for part in self.including
            if (have := sum(part.user_group in signer.groups for signer in counted)) < part.at_least
        )
        people = max(self.approvals - len(counted), *(part.at_least for part in parts), 0)
        if not people:
            return ()
        if len(parts) == 1 and parts[0].at_least == people:
            # Of all of them it is asked; they have to be of the groups at large, too.
            return (f"{_approvals(people)} from {parts[0].user_group} who are in {_groups(self.from_groups)}",)
        return (self._wanted(people, parts),)

    def _wanted(self, people: int, parts: tuple[Including, ...]) -> str:
        some = "".join(f", {part.at_least} of them from {part.user_group}" for part in parts)
        return f"{_approvals(people)} from {_groups(self.from_groups)}{some}"


def _approvals(count: int) -> str:
    return f"{count} approval" + ("s" if count != 1 else "")


def _groups(groups: frozenset[str]) -> str:
    return " or ".join(sorted(groups))
