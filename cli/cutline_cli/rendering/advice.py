"""Which command comes next, for whoever looks. Pure."""

from cutline.domain.actions.scale_down import REPLICAS
from cutline.domain.effect import Action
from cutline.domain.lifecycle import Phase
from cutline.domain.narrowing import Narrowing
from cutline.domain.user import User
from cutline_cli.live_target import main_entry, removed_pods
from cutline_cli.standing import Record
from cutline_cli.targets import where

_SHOWN_DIGITS = 16


def short_digest(digest: str) -> str:
    """As many digits of a digest as `approve --digest` asks for at least."""
    algorithm, _, digits = digest.partition(":")
    return f"{algorithm}:{digits[:_SHOWN_DIGITS]}"


def next_command(
    record: Record, phase: Phase, narrowing: Narrowing, viewer: User, *, needs_review: bool = False
) -> str:
    """The command to type next, for whoever looks."""
    proposal = record.proposal
    name = f"{proposal.name} -n {proposal.namespace}"
    is_proposer = viewer.may_be(proposal.proposer)
    if not record.is_untampered:
        return "nothing: its digest is not that of its content; propose again"
    sign = f"kubectl cutline approve {name} --digest {short_digest(proposal.digest)} --reason '…'"
    # A sign-off by somebody else is the review, whatever he thinks of it.
    if needs_review and not is_proposer:
        return f"{sign}   (or reject)"
    if phase is Phase.APPROVED:
        command = command_of(record, narrowing) or "run the command that was proposed"
        return command if is_proposer else f"{command}, as {proposal.proposer.username}"
    if phase is not Phase.PENDING:
        return f"kubectl cutline list -n {proposal.namespace}"
    return f"kubectl cutline wait {name} --for Approved" if is_proposer else sign


def command_of(record: Record, narrowing: Narrowing) -> str:
    """The plainest command that does what is signed, as narrowed; empty where none surely does."""
    entry = main_entry(record)
    if entry is None:
        return ""
    change = entry.change
    # No single command does several changes, but for a drain, which is one of many evictions.
    if len(record.proposal.changes) > 1 and record.proposal.action is not Action.DRAIN:
        return ""
    match record.proposal.action:
        case Action.SCALE_DOWN if len(change.fields) == 1 and change.field(REPLICAS) is not None:
            replicas = max(change.fields[0].new, narrowing.replicas or 0)
            return f"kubectl scale {where(change.target)} --replicas={replicas}"
        case Action.DRAIN if len(removed_pods(tuple(one.change for one in record.proposal.changes))):
            return f"kubectl drain {record.proposal.target.name} --ignore-daemonsets"
        case Action.RESTART if change.removes_pod:
            return f"kubectl delete {where(change.target)}"
        # Brought out of a denial, a rollback may be any command; asked for by name, it is this one.
        case Action.ROLLBACK if (parameters := record.tree["spec"].get("rollback")) is not None:
            revision = parameters.get("toRevision") or 0
            to = f" --to-revision={revision}" if revision else ""
            return f"kubectl rollout undo {where(change.target)}{to}"
        case _:
            return ""
