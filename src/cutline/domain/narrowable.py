"""Whether what a signer takes away is something that the proposal's changes can do without.

A limit that nothing holds to would be taken for one: it is refused when it is signed.
"""

from cutline.domain.actions.scale_down import REPLICAS
from cutline.domain.errors import BadObject
from cutline.domain.narrowing import Narrowing
from cutline.domain.proposal import Proposal


def verify_narrowable(proposal: Proposal, narrowing: Narrowing) -> None:
    """Raises `BadObject` for a limit that is about none of the changes."""
    changes = [entry.change for entry in proposal.changes]
    if narrowing.replicas is not None and not any(change.field(REPLICAS) for change in changes):
        raise BadObject("spec.narrow.replicas", "no change here sets replicas; approve it whole, or reject it")
    if narrowing.pods is not None and not any(change.removes_pod for change in changes):
        raise BadObject("spec.narrow.pods", "no change here removes single pods; approve it whole, or reject it")
