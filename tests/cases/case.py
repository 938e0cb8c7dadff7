"""One case on disk, read and written; nothing is judged here (`deciding.py`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
POLICY = FOLDER / "policy.yaml"
Tree = dict[str, Any]


class Ends(StrEnum):
    """What the write put an end to, as it was seen in the cluster."""

    NOTHING = "Nothing"
    CONTAINER = "Container"  # killed, or killed and started again; the pod stays
    POD = "Pod"  # all its containers for good: deleted, or over


@dataclass(frozen=True, slots=True)
class Observed:
    """What happened in the cluster: by what was sent, and in words."""

    sent: str
    ends: Ends
    did: str
    kubernetes: str


@dataclass(frozen=True, slots=True)
class Case:
    """A recorded review with everything that is known about it.

    `asked_by` are the gate's webhooks that the API server would have asked, by their rules and
    conditions. `target` is the object where the review only names it. `open_` says why the gate
    lets pass what ends something; empty where it does not.
    """

    name: str
    what: str
    observed: Observed
    review: Tree
    asked_by: tuple[str, ...]
    decides: Tree = field(default_factory=dict)
    open_: str = ""
    target: Tree | None = None
    policy: Tree = field(default_factory=dict)
    proposal: Tree | None = None

    @property
    def request(self) -> Tree:
        found: Tree = self.review["request"]
        return found

    def verdict(self) -> Tree:
        """`verdict.yaml`, as a tree."""
        seen = self.observed
        tree: Tree = {
            "what": self.what,
            "observed": {"kubernetes": seen.kubernetes, "sent": seen.sent, "ends": seen.ends.value, "did": seen.did},
            "askedBy": list(self.asked_by),
            "decides": self.decides,
        }
        return tree | ({"open": self.open_} if self.open_ else {})

    def write(self) -> None:
        folder = FOLDER / self.name
        folder.mkdir(exist_ok=True)
        files: Mapping[str, Tree | None] = {
            "review.yaml": self.review,
            "verdict.yaml": self.verdict(),
            "target.yaml": self.target,
            "proposal.yaml": self.proposal,
        }
        for name, tree in files.items():
            if tree is not None:
                (folder / name).write_text(_text(tree))


def load_cases() -> tuple[Case, ...]:
    """Every folder beside this file that holds a review."""
    return tuple(_load(path.parent) for path in sorted(FOLDER.glob("*/review.yaml")))


def _load(folder: Path) -> Case:
    verdict = _read(folder / "verdict.yaml")
    seen = verdict["observed"]
    policy = folder / POLICY.name
    return Case(
        name=folder.name,
        what=verdict["what"],
        observed=Observed(seen["sent"], Ends(seen["ends"]), seen["did"], seen["kubernetes"]),
        review=_read(folder / "review.yaml"),
        asked_by=tuple(verdict["askedBy"]),
        decides=verdict["decides"],
        open_=verdict.get("open", ""),
        target=_optional(folder / "target.yaml"),
        policy=_read(policy if policy.exists() else POLICY),
        proposal=_optional(folder / "proposal.yaml"),
    )


def default_policy() -> Tree:
    """The policy that cases are judged under unless they bring one."""
    return _read(POLICY)


def _read(path: Path) -> Tree:
    tree: Tree = yaml.safe_load(path.read_text())
    return tree


def _optional(path: Path) -> Tree | None:
    return _read(path) if path.exists() else None


class _Dumper(yaml.SafeDumper):
    """Writes shared parts out each time: an alias is nothing that people want to read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(tree: Tree) -> str:
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
