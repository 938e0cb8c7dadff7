"""Our own kinds on the wire, as the gate stamped them."""

from typing import Any

from cutline.api.proposals import stamped_spec
from cutline.api.users import stamp_of
from cutline.domain.proposal import Proposal
from cutline.domain.signoff import Signoff
from tests import builders as make


def wire_time(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))


def proposal_tree(proposal: Proposal | None = None, **spec: Any) -> dict[str, Any]:
    """The object that stores `proposal`; `spec` is what else its author wrote."""
    proposal = proposal or make.make_proposal()
    author: dict[str, Any] = {
        "action": proposal.action.value,
        "target": {"group": proposal.target.group, "kind": proposal.target.kind, "name": proposal.target.name},
        "decideWithin": f"{int(proposal.decide_within.total_seconds())}s",
        "validFor": f"{int(proposal.valid_for.total_seconds())}s",
        **spec,
    }
    if proposal.emergency is not None:
        author["emergency"] = {"reason": proposal.emergency.reason, "ticket": proposal.emergency.ticket}
    return {
        "apiVersion": "cutline.dev/v1alpha1",
        "kind": "RemediationProposal",
        "metadata": {
            "name": proposal.name,
            "namespace": proposal.namespace,
            "uid": proposal.uid,
            "creationTimestamp": wire_time(proposal.created),
        },
        "spec": dict(stamped_spec(author, proposal)),
    }


def signoff_tree(signoff: Signoff, proposal: str = "web-to-3") -> dict[str, Any]:
    """The object that stores `signoff`."""
    spec: dict[str, Any] = {
        "proposal": proposal,
        "proposalUID": signoff.proposal_uid,
        "digest": signoff.digest,
        "decision": signoff.decision.value,
        "by": stamp_of(signoff.by),
    }
    narrow: dict[str, Any] = {}
    if signoff.narrowing.replicas is not None:
        narrow["replicas"] = signoff.narrowing.replicas
    if signoff.narrowing.pods is not None:
        narrow["pods"] = sorted(signoff.narrowing.pods)
    if signoff.narrowing.valid_for is not None:
        narrow["validFor"] = f"{int(signoff.narrowing.valid_for.total_seconds())}s"
    if narrow:
        spec["narrow"] = narrow
    return {
        "apiVersion": "cutline.dev/v1alpha1",
        "kind": "Signoff",
        "metadata": {
            "name": signoff.name,
            "namespace": signoff.namespace,
            "uid": signoff.uid,
            "creationTimestamp": wire_time(signoff.created),
        },
        "spec": spec,
    }
