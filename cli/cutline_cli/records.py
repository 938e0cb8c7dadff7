"""Reading proposals and sign-offs from the API server."""

from typing import Any

from cutline.api.proposals import proposal_of
from cutline.api.signoffs import signoff_of
from cutline.domain.errors import BadObject
from cutline.domain.signoff import Signoff, of_proposal
from cutline.kube.errors import NotFound
from cutline.kube.resources import PROPOSALS, SIGNOFFS
from cutline_cli.exits import CliError, Missing
from cutline_cli.session import Session
from cutline_cli.standing import Record


async def read_record(session: Session, name: str) -> Record:
    """The proposal `name` of the session's namespace, with its sign-offs."""
    try:
        tree = await session.client.get(PROPOSALS, name, session.namespace)
    except NotFound as error:
        if not error.details.get("name"):
            raise
        raise Missing(
            f"there is no proposal {name} in namespace {session.namespace}; "
            "kubectl cutline list -A shows those of all namespaces"
        ) from None
    try:
        proposal = proposal_of(tree)
    except BadObject as error:
        raise CliError(f"proposal {name} did not pass Cutline's gate and means nothing: {error}") from error
    signoffs = await session.client.list(SIGNOFFS, session.namespace, field_selector=f"spec.proposalUID={proposal.uid}")
    return Record(tree, proposal, of_proposal(proposal, _readable(signoffs)))


async def read_records(session: Session, namespace: str | None) -> tuple[Record, ...]:
    """All proposals of a namespace, or of all namespaces, with their sign-offs; those that can be read."""
    trees = await session.client.list(PROPOSALS, namespace)
    signoffs = _readable(await session.client.list(SIGNOFFS, namespace))
    records = []
    for tree in trees:
        try:
            proposal = proposal_of(tree)
        except BadObject as error:
            session.console.note(f"warning: left out a proposal that did not pass the gate: {error}")
            continue
        records.append(Record(tree, proposal, of_proposal(proposal, signoffs)))
    return tuple(sorted(records, key=lambda record: (record.proposal.created, record.proposal.key), reverse=True))


def _readable(trees: list[dict[str, Any]]) -> tuple[Signoff, ...]:
    """Sign-offs as the gate counts them: what it did not stamp counts for nothing."""
    signoffs = []
    for tree in trees:
        try:
            signoffs.append(signoff_of(tree))
        except BadObject:
            continue
    return tuple(signoffs)
