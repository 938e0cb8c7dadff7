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
        text = f"{_approvals(self.approvals)} from {_groups(self.from_groups)}"
        for part in self.including:
            text += f", {part.at_least} of them from {part.user_group}"
        return text

    def missing(self, signers: Iterable[User]) -> tuple[str, ...]:
        """What is still wanted after these distinct signers; empty when the demand is met."""
        counted = [signer for signer in signers if self.from_groups & frozenset(signer.groups)]
        wanted = [
            f"{_approvals(part.at_least - have)} from {part.user_group}"
            for part in self.including
            if (have := sum(part.user_group in signer.groups for signer in counted)) < part.at_least
        ]
        if not wanted and len(counted) < self.approvals:
            wanted.append(f"{_approvals(self.approvals - len(counted))} from {_groups(self.from_groups)}")
        return tuple(wanted)


def _approvals(count: int) -> str:
    return f"{count} approval" + ("s" if count != 1 else "")


def _groups(groups: frozenset[str]) -> str:
    return " or ".join(sorted(groups))
