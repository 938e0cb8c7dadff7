"""What was said no to before: rejections that stand, of other proposals about the same targets."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from cutline.domain.proposal import Proposal
from cutline.domain.signoff import Decision, Signoff, objections, of_proposal

_Object: TypeAlias = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Rejection:
    """A standing rejection of another proposal."""

    proposal: str
    by: str
    at: datetime

    def as_tree(self) -> dict[str, Any]:
        return {"proposal": self.proposal, "by": self.by, "at": self.at.isoformat()}


def rejected_before(
    proposal: Proposal, others: Iterable[Proposal], signoffs: Iterable[Signoff]
) -> tuple[Rejection, ...]:
    """The standing rejections of `others` that share a target with `proposal`, the latest first."""
    objects, said = _objects(proposal), tuple(signoffs)
    found = [
        Rejection(other.name, signoff.by.username, signoff.created)
        for other in others
        if other.uid != proposal.uid and objects & _objects(other)
        for signoff in objections(of_proposal(other, said))
        if signoff.decision is Decision.REJECT
    ]
    return tuple(sorted(found, key=lambda one: (one.at, one.proposal, one.by), reverse=True))


def _objects(proposal: Proposal) -> frozenset[_Object]:
    """Everything that a proposal is about, whatever the uid: a new object of that name counts as well."""
    targets = (entry.change.target for entry in proposal.changes)
    named = proposal.target
    namespace = proposal.namespace if named.kind_row.namespaced else ""
    own = (named.group, named.kind, namespace, named.name)
    return frozenset({own, *((one.group, one.kind, one.namespace, one.name) for one in targets)})
