"""What a change touches, how it is undone, and which command comes next. Pure."""

from collections.abc import Mapping

from cutline.domain.actions.drain import UNSCHEDULABLE
from cutline.domain.actions.scale_down import REPLICAS
from cutline.domain.change import Change, Verb
from cutline.domain.effect import Action
from cutline.domain.lifecycle import Phase
from cutline.domain.narrowing import Narrowing
from cutline.domain.tree import ABSENT
from cutline.domain.user import User
from cutline_cli.live_target import LiveTarget, main_entry, removed_pods, revision_of
from cutline_cli.standing import Record
from cutline_cli.targets import where

TAINTS = "/spec/taints"
_SHOWN_DIGITS = 16
_SHOWN_PODS = 6


def short_digest(digest: str) -> str:
    """As many digits of a digest as `approve --digest` asks for at least."""
    algorithm, _, digits = digest.partition(":")
    return f"{algorithm}:{digits[:_SHOWN_DIGITS]}"


def touched(record: Record, live: LiveTarget) -> list[str]:
    """The pods that the change would end, as far as it says."""
    pods = removed_pods(tuple(entry.change for entry in record.proposal.changes))
    if pods:
        more = f" and {len(pods) - _SHOWN_PODS} more" if len(pods) > _SHOWN_PODS else ""
        return [f"ends {len(pods)} pod{'s' if len(pods) != 1 else ''}: {', '.join(pods[:_SHOWN_PODS])}{more}"]
    match record.proposal.action:
        case Action.SCALE_DOWN:
            return [_scaled(record)]
        case Action.ROLLBACK | Action.RESTART:
            return [f"replaces every pod of the workload ({_running(live)} now)"]
        case Action.DRAIN:
            return [_marked(record)]
        case _:
            return ["ends no pod by itself"]


def _marked(record: Record) -> str:
    """What a mark alone does; the pods that a drain evicts itself stand in its changes."""
    entry = main_entry(record)
    if entry is None or entry.change.verb is not Verb.UPDATE:
        return "ends every pod on the node"
    if any(field.is_within(TAINTS) for field in entry.change.fields):
        return "ends every pod on the node that does not tolerate the taint, whatever its disruption budget"
    return "marks the node; no pod has to leave it now"


def _scaled(record: Record) -> str:
    entry = main_entry(record)
    field = entry.change.field(REPLICAS) if entry else None
    if field is None or not isinstance(field.old, int) or not isinstance(field.new, int):
        return "may end pods of the workload"
    return f"ends {field.old - field.new} of {field.old} pods; the controller chooses which"


def _running(live: LiveTarget) -> str:
    if live.live is None:
        return "an unknown number"
    status: Mapping[str, object] = live.live.tree.get("status") or {}
    return str(status.get("replicas", status.get("currentNumberScheduled", 0)))


def undo(record: Record, live: LiveTarget) -> list[str]:
    """How the change is taken back, and what cannot be."""
    entry = main_entry(record)
    if entry is None:
        return []
    target, change = entry.change.target, entry.change
    # The end of an object has no other side; a pod's owner makes a new one.
    if change.verb is not Verb.UPDATE and record.proposal.action is not Action.DRAIN:
        return ["not possible: what is gone is gone, its owner may make a new one"]
    match record.proposal.action:
        case Action.SCALE_DOWN:
            field = change.field(REPLICAS)
            before = 1 if field is None or field.old is ABSENT else field.old
            return [f"kubectl scale {where(target)} --replicas={before}"]
        case Action.ROLLBACK:
            revision = revision_of(live.live) if live.live else ""
            to = f" --to-revision={revision}" if revision else ""
            again = "(that is a rollback too, and replaces the pods again)"
            return [f"kubectl rollout undo {where(target)}{to}", again]
        case Action.DRAIN if not _marks_otherwise(change):
            gone = "(evicted pods stay gone; their owners make new ones)"
            return [f"kubectl uncordon {record.proposal.target.name}", gone]
        case _:
            return ["put the old values back, as shown above"]


def _marks_otherwise(change: Change) -> bool:
    """Whether a node is marked by something that an uncordon does not take away."""
    return any(not field.is_within(UNSCHEDULABLE) for field in change.fields)


def next_command(
    record: Record, phase: Phase, narrowing: Narrowing, viewer: User, *, needs_review: bool = False
) -> str:
    """The command to type next, for whoever looks."""
    proposal = record.proposal
    name = f"{proposal.name} -n {proposal.namespace}"
    is_proposer = viewer.is_same_as(proposal.proposer)
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
