"""What the signed changes touch, and how they are undone: over every entry of a proposal. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from cutline.domain.actions.drain import TAINTS, UNSCHEDULABLE
from cutline.domain.actions.ownership import LABELS, OWNERS
from cutline.domain.actions.rollback import REVISIONED, TEMPLATE
from cutline.domain.actions.scale_down import REPLICAS, is_count
from cutline.domain.change import Change, Verb
from cutline.domain.effect import Effect
from cutline.domain.kind import DEPLOYMENT, REPLICA_SET, Role
from cutline.domain.proposal import SignedChange
from cutline.domain.target import Target
from cutline.domain.tree import ABSENT
from cutline_cli.live_target import LiveTargets, removed_pods, revision_of
from cutline_cli.rendering.entries import diff_hint
from cutline_cli.rendering.fitting import counted
from cutline_cli.rendering.weight import ANNOTATIONS, changes
from cutline_cli.standing import Record
from cutline_cli.targets import where

_SHOWN_PODS = 6
_MOST_STEPS = 5
_NO_WAY_BACK = "not possible: what is gone is gone, its owner may make a new one"
_GONE = "(evicted pods stay gone; their owners make new ones)"
_AGAIN = "(that is a rollback too, and replaces the pods again)"
_OF_A_REVISION = "its pods start or change; its Deployment may end others for them"
_OR_ANOTHER = ", or another that its labels put beside it"
_ALL_ON_NODE = "ends every pod on the node"


def touched(record: Record, live: LiveTargets) -> list[str]:
    """The pods that all changes together would end, as far as they say."""
    entries = record.proposal.changes
    pods = removed_pods(tuple(entry.change for entry in entries))
    others = [entry for entry in entries if not entry.change.removes_pod]
    told = [(entry.change.target, text) for entry in others for text in _touched_by(entry, live)]
    lines = [_pods_in_brief(pods)] if pods else []
    lines += [text if len(entries) == 1 else f"{target}: {text}" for target, text in told]
    harmless = len(others) - len({id(entry) for entry in others if any(_touched_by(entry, live))})
    if not lines:
        return [_harmless(entries)]
    if harmless and not (pods and harmless == 1 and len(others) == 1):
        lines.append(f"{counted(harmless, 'other change')} {'ends' if harmless == 1 else 'end'} no pod directly")
    return lines


def _harmless(entries: tuple[SignedChange, ...]) -> str:
    if len(entries) != 1:
        return "none of the changes ends a pod by itself"
    change = entries[0].change
    is_mark = change.target.kind_row.role is Role.NODE and changes(change, UNSCHEDULABLE)
    return "marks the node; no pod has to leave it now" if is_mark else "ends no pod by itself"


def _pods_in_brief(pods: tuple[str, ...]) -> str:
    more = f" and {len(pods) - _SHOWN_PODS} more" if len(pods) > _SHOWN_PODS else ""
    return f"ends {counted(len(pods), 'pod')}: {', '.join(pods[:_SHOWN_PODS])}{more}"


def _touched_by(entry: SignedChange, live: LiveTargets) -> Iterator[str]:
    """What one change of anything but a pod's end does to pods; nothing where it ends none."""
    change, role = entry.change, entry.change.target.kind_row.role
    if change.verb is not Verb.UPDATE:
        yield _ENDED.get(role, "ends it, and whatever depends on it")
        return
    if changes(change, OWNERS):
        yield "its owners change: the garbage collector may delete it with all that is its own"
    match role:
        case Role.WORKLOAD:
            yield from _workload(entry, live)
        case Role.NODE:
            yield from _node(entry)
        case Role.POD if Effect.POD_REMOVAL in entry.effects:
            yield "may end this pod" + (_OR_ANOTHER if changes(change, LABELS) else "")
        case _:
            return


_ENDED: Mapping[Role, str] = {
    Role.NODE: _ALL_ON_NODE,
    Role.WORKLOAD: "ends every pod of the workload",
    Role.NAMESPACE: "ends every pod in the namespace, and deletes all else in it",
    Role.DEFINITION: "deletes every object of that kind",
    Role.POLICY: "ends no pod by itself",
}


def _workload(entry: SignedChange, live: LiveTargets) -> Iterator[str]:
    change = entry.change
    scaled = _scaled(change)
    if scaled:
        yield scaled
    if not scaled and Effect.ROLLBACK in entry.effects and change.target.kind_row is REPLICA_SET:
        yield _OF_A_REVISION
    if changes(change, TEMPLATE):
        replaces = change.target.kind_row in REVISIONED
        running = _running(live, change.target)
        yield f"replaces every pod of the workload ({running} now)" if replaces else "changes what its new pods run"
    if Effect.SCALE_DOWN in entry.effects and not scaled and not changes(change, OWNERS):
        yield "may end pods of the workload"


def _scaled(change: Change) -> str:
    field = change.field(REPLICAS)
    if field is None:
        return ""
    old = 1 if field.old is ABSENT else field.old
    if not is_count(old) or not is_count(field.new):
        return "may end pods of the workload"
    if field.new >= old:
        return ""
    return f"ends {old - field.new} of {old} pods; the controller chooses which"


def _node(entry: SignedChange) -> Iterator[str]:
    if changes(entry.change, TAINTS) and Effect.DRAIN in entry.effects:
        yield f"{_ALL_ON_NODE} that does not tolerate the taint, whatever its disruption budget"


def _running(live: LiveTargets, target: Target) -> str:
    seen = live.seen.get(target)
    if seen is None or seen.live is None:
        return "an unknown number"
    status: Mapping[str, object] = seen.live.tree.get("status") or {}
    return str(status.get("replicas", status.get("currentNumberScheduled", 0)))


def undo(record: Record, live: LiveTargets) -> list[str]:
    """How all changes are taken back, and what cannot be."""
    entries = record.proposal.changes
    steps = _once(step for entry in entries for step in _steps_back(entry, live, alone=len(entries) == 1))
    pods = removed_pods(tuple(entry.change for entry in entries))
    if len(steps) > _MOST_STEPS:
        steps = [f"{len(steps)} steps, back to the old values that you see with", diff_hint(record.proposal)]
    if pods and not steps:
        return [_NO_WAY_BACK]
    rolls = any(_is_rolled(entry.change) for entry in entries)
    return [*steps, *([_AGAIN] if rolls else ()), *([_GONE] if pods else ())]


def _once(steps: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(steps))


def _steps_back(entry: SignedChange, live: LiveTargets, *, alone: bool) -> Iterator[str]:
    change, target = entry.change, entry.change.target
    if change.removes_pod:
        return
    if change.verb is not Verb.UPDATE:
        yield _NO_WAY_BACK if alone else f"{target}: {_NO_WAY_BACK}"
        return
    undone = {field.path for field in change.fields if _is_undone_by_rollout(entry, field.path)}
    if undone:
        revision = _revision(live, target)
        yield f"kubectl rollout undo {where(target)}" + (f" --to-revision={revision}" if revision else "")
    replicas = change.field(REPLICAS)
    if replicas is not None and target.kind_row.scales:
        undone.add(REPLICAS)
        yield f"kubectl scale {where(target)} --replicas={1 if replicas.old is ABSENT else replicas.old}"
    mark = change.field(UNSCHEDULABLE)
    if mark is not None and target.kind_row.role is Role.NODE:
        undone.add(UNSCHEDULABLE)
        yield f"kubectl {'uncordon' if mark.new is True else 'cordon'} {target.name}"
    if any(field.path not in undone for field in change.fields):
        other = "other " if undone else ""
        yield (
            f"put the {other}old values back, as shown above" if alone else f"{target}: put its {other}old values back"
        )


def _is_rolled(change: Change) -> bool:
    return change.verb is Verb.UPDATE and change.target.kind_row in REVISIONED and changes(change, TEMPLATE)


def _is_undone_by_rollout(entry: SignedChange, path: str) -> bool:
    """Whether `kubectl rollout undo` puts this field back: the template, a Deployment's annotations with it."""
    if not _is_rolled(entry.change):
        return False
    restores_annotations = Effect.ROLLBACK in entry.effects and entry.change.target.kind_row is DEPLOYMENT
    restored = (TEMPLATE, ANNOTATIONS) if restores_annotations else (TEMPLATE,)
    return any(path == one or path.startswith(one + "/") for one in restored)


def _revision(live: LiveTargets, target: Target) -> str:
    seen = live.seen.get(target)
    return revision_of(seen.live) if seen is not None and seen.live is not None else ""
