"""Reading proposals, sign-offs and uses from the API server."""

from collections.abc import Iterable, Mapping
from typing import Any

from cutline.api.proposals import proposal_of
from cutline.api.signoffs import signoff_of
from cutline.domain.errors import BadObject
from cutline.domain.lifecycle import ClaimState, Use
from cutline.domain.proposal import Proposal
from cutline.domain.signoff import Signoff, of_proposal
from cutline.kube.errors import Forbidden, NotFound
from cutline.kube.resources import ADMITTED_CHANGES, PROPOSALS, SIGNOFFS
from cutline.kube.world import readable
from cutline_cli.exits import CliError, Missing
from cutline_cli.rejections import Rejection, rejected_before
from cutline_cli.session import Session
from cutline_cli.standing import Record

_Trees = Iterable[dict[str, Any]]


async def read_record(session: Session, name: str) -> Record:
    """The proposal `name` of the session's namespace, with all that was said about it."""
    client, namespace = session.client, session.namespace
    try:
        tree = await client.get(PROPOSALS, name, namespace)
    except NotFound as error:
        if not error.details.get("name"):
            raise
        raise Missing(
            f"there is no proposal {name} in namespace {namespace}; kubectl cutline list -A shows all there are"
        ) from None
    try:
        proposal = proposal_of(tree)
        trees = await client.list(SIGNOFFS, namespace, field_selector=f"spec.proposalUID={proposal.uid}")
        # One that cannot be read may be a rejection: to leave it out would be to overlook that.
        signoffs = [signoff_of(one) for one in trees]
    except BadObject as error:
        raise CliError(f"proposal {name} or a sign-off on it did not pass Cutline's gate: {error}") from error
    return Record(tree, proposal, of_proposal(proposal, signoffs), await _uses(session, proposal))


async def read_records(session: Session, namespace: str | None) -> tuple[Record, ...]:
    """All proposals of a namespace, or of all namespaces, the newest first; a warning for each unreadable one."""
    trees = await session.client.list(PROPOSALS, namespace)
    signoffs = _readable(session, await session.client.list(SIGNOFFS, namespace))
    uses = await _all_uses(session)
    records = []
    for tree in trees:
        try:
            proposal = proposal_of(tree)
        except BadObject as error:
            _warn(session, tree, error)
            continue
        records.append(
            Record(
                tree, proposal, of_proposal(proposal, signoffs), None if uses is None else uses.get(proposal.uid, ())
            )
        )
    return tuple(sorted(records, key=lambda record: (record.proposal.created, record.proposal.key), reverse=True))


async def read_rejections(session: Session, record: Record) -> tuple[Rejection, ...] | None:
    """Standing rejections of other proposals here about the same targets; `None` if they may not be read."""
    namespace = record.proposal.namespace
    try:
        trees = await session.client.list(PROPOSALS, namespace)
        signoffs = _readable(session, await session.client.list(SIGNOFFS, namespace))
    except Forbidden:
        return None
    return rejected_before(record.proposal, readable(trees), signoffs)


async def _uses(session: Session, proposal: Proposal) -> tuple[Use, ...] | None:
    selector = f"spec.proposal.uid={proposal.uid}"
    try:
        trees = await session.client.list(ADMITTED_CHANGES, session.system_namespace, field_selector=selector)
    except Forbidden:
        return None
    return tuple(map(_use, trees))


async def _all_uses(session: Session) -> Mapping[str, tuple[Use, ...]] | None:
    """The uses of all proposals, by the proposal's uid; `None` for those who may not read them."""
    try:
        trees = await session.client.list(ADMITTED_CHANGES, session.system_namespace)
    except Forbidden:
        return None
    result: dict[str, tuple[Use, ...]] = {}
    for tree in trees:
        uid = str(((tree.get("spec") or {}).get("proposal") or {}).get("uid", ""))
        result[uid] = (*result.get(uid, ()), _use(tree))
    return result


def _use(tree: Mapping[str, Any]) -> Use:
    return Use(
        name=str(tree["metadata"]["name"]),
        signed_digest=str((tree.get("spec") or {}).get("changeDigest", "")),
        state=_state((tree.get("status") or {}).get("state")),
    )


def _state(word: object) -> ClaimState:
    """What the operator has seen of a use; where it has seen nothing yet, it is under way."""
    try:
        return ClaimState(str(word))
    except ValueError:
        return ClaimState.CLAIMED


def _readable(session: Session, trees: _Trees) -> tuple[Signoff, ...]:
    signoffs = []
    for tree in trees:
        try:
            signoffs.append(signoff_of(tree))
        except BadObject as error:
            _warn(session, tree, error)
    return tuple(signoffs)


def _warn(session: Session, tree: dict[str, Any], error: BadObject) -> None:
    name = (tree.get("metadata") or {}).get("name", "?")
    session.console.note(f"warning: {tree.get('kind')} {name} did not pass Cutline's gate and is left out: {error}")
