"""From what a rehearsal found to what is proposed. Pure but for one question about pods."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from cutline.domain.effect import Action, Effect
from cutline.domain.kind import NODE, Role
from cutline.domain.target import Target
from cutline.domain.verdict import Conclusion
from cutline_cli.exits import CliError, Refused, UsageError
from cutline_cli.rehearsal.denials import Denial
from cutline_cli.rehearsal.kubectl import KubectlCommand
from cutline_cli.rehearsal.run import Rehearsed
from cutline_cli.targets import TypedTarget

NodeOfPod = Callable[[Target], Awaitable[str]]
# What a proposal can ask for in this version; a line may name more than that.
PROPOSABLE = frozenset({Action.ROLLBACK, Action.DRAIN, Action.SCALE_DOWN, Action.RESTART, Action.LOOSENING})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to propose: canonical `changes`, or none where the gate renders them itself.

    `namespace` is the target's, empty for what has none.
    """

    action: Action
    target: TypedTarget
    namespace: str
    changes: tuple[str, ...] = ()


def marks_node(denial: Denial) -> bool:
    """The first request of a drain: once it is denied, all that the drain needs is known."""
    change = denial.change
    return Effect.DRAIN in denial.effects and change is not None and change.target.kind_row.role is Role.NODE


async def wanted_after(command: KubectlCommand, rehearsed: Rehearsed, node_of: NodeOfPod) -> Wanted | None:
    """What a rehearsed command needs to have signed; `None` if nothing."""
    if not rehearsed.denials:
        _check_that_it_went_well(command, rehearsed)
        return None
    _check_that_all_can_be_signed(rehearsed.denials)
    # A drain's requests belong together, and the gate sees all the pods that they will reach.
    if command.is_drain:
        return await _drain(command, rehearsed.denials, node_of)
    return _single(rehearsed.denials)


def _check_that_it_went_well(command: KubectlCommand, rehearsed: Rehearsed) -> None:
    if rehearsed.others:
        raise Refused(rehearsed.others[0].message)
    if rehearsed.exit_code:
        said = rehearsed.errors.removeprefix("error: ") or f"exit code {rehearsed.exit_code}"
        raise CliError(f"`{command}` failed in the rehearsal: {said}")


def _check_that_all_can_be_signed(denials: Sequence[Denial]) -> None:
    for denial in denials:
        if denial.conclusion != Conclusion.UNSIGNED.value:
            raise Refused(f"the gate could not decide about this command: {denial.message}")
        if denial.change is None:
            raise Refused("the change is larger than people can judge at once: propose it in parts")


async def _drain(command: KubectlCommand, denials: Sequence[Denial], node_of: NodeOfPod) -> Wanted:
    if command.deletes_instead_of_evicting:
        raise UsageError("--disable-eviction: a drain is signed as evictions; leave the flag out")
    nodes = set()
    for denial in denials:
        if denial.change is None:
            continue
        target = denial.change.target
        nodes.add(target.name if target.kind_row.role is Role.NODE else await node_of(target))
    if len(nodes) != 1:
        raise Refused(f"this drains {', '.join(sorted(nodes))}; propose one node at a time")
    return Wanted(Action.DRAIN, TypedTarget(NODE, nodes.pop()), "")


def _single(denials: Sequence[Denial]) -> Wanted:
    changes = {denial.change.digest: (denial, denial.change) for denial in denials if denial.change is not None}
    if len(changes) > 1:
        named = ", ".join(sorted({str(change.target) for _, change in changes.values()}))
        raise Refused(f"this command needs {len(changes)} signed changes ({named}); propose one object at a time")
    denial, change = next(iter(changes.values()))
    if denial.action is None or denial.action not in PROPOSABLE:
        effects = ", ".join(sorted(denial.effects)) or "nothing it could name"
        raise Refused(f"the gate found {effects}, for which nothing can be proposed in this version")
    target = TypedTarget(change.target.kind_row, change.target.name)
    return Wanted(denial.action, target, change.target.namespace, (change.canonical,))
