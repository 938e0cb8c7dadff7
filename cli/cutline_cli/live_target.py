"""The target as it stands now: read live, compared with what was signed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cutline.domain.actions.rollback import TEMPLATE
from cutline.domain.actions.scale_down import REPLICAS
from cutline.domain.change import Change
from cutline.domain.errors import Unrecognised
from cutline.domain.kind import Kind, Role, kind_named
from cutline.domain.live import Live, live_of
from cutline.domain.proposal import SignedChange
from cutline.domain.tree import ABSENT, digest, lookup
from cutline.kube.errors import Forbidden, NotFound
from cutline.kube.resources import ResourceRef
from cutline_cli.session import Session
from cutline_cli.standing import Record

_REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, slots=True)
class LiveTarget:
    """What could be read of a proposal's first target.

    `live` is `None` where there is nothing to read, and `problem` says why; `drift`
    names what is no longer as it was signed.
    """

    live: Live | None
    problem: str = ""
    drift: tuple[str, ...] = ()


async def read_live(session: Session, record: Record) -> LiveTarget:
    """The proposal's own target, as far as this user may read it."""
    entry = main_entry(record)
    if entry is None:
        return LiveTarget(None, "no change of this proposal is about its target")
    target = entry.change.target
    try:
        kind = kind_named(target.group, target.kind)
        tree = await session.client.get(reference(kind), target.name, target.namespace or None)
    except Unrecognised as error:
        return LiveTarget(None, str(error))
    except NotFound:
        return LiveTarget(None, "it does not exist any more", ("it is gone",))
    except Forbidden:
        return LiveTarget(None, "you may not read it")
    live = live_of(kind, tree)
    return LiveTarget(live, drift=drift_of(entry, live))


def main_entry(record: Record) -> SignedChange | None:
    """The change to the proposal's own target, else its first one (a drain of a cordoned node)."""
    wanted, changes = record.proposal.target, record.proposal.changes
    for entry in changes:
        if (entry.change.target.kind, entry.change.target.name) == (wanted.kind, wanted.name):
            return entry
    return changes[0] if changes else None


def reference(kind: Kind) -> ResourceRef:
    """Where objects of a kind are read."""
    return ResourceRef(kind.group, kind.version, kind.resource, kind.namespaced)


def drift_of(entry: SignedChange, live: Live) -> tuple[str, ...]:
    """What of the signed state no longer holds; the gate would void the approvals for it.

    The gate also looks at what only it reads (revisions, policies), so that nothing found
    here is a likely yes, not a certain one.
    """
    change = entry.change
    if change.target.uid != live.target.uid:
        return ("it was deleted and created again (another uid)",)
    changed = [field.path for field in change.fields if _differs(field.old, lookup(live.content, field.path))]
    baseline = entry.baseline
    if "replicas" in baseline and baseline["replicas"] != _replicas_text(live):
        changed.append(REPLICAS)
    if "template" in baseline and baseline["template"] != digest(_or_empty(lookup(live.content, TEMPLATE))):
        changed.append(TEMPLATE)
    return tuple(f"{path.removeprefix('/').replace('/', '.')} has changed" for path in dict.fromkeys(changed))


def _differs(signed: Any, found: Any) -> bool:
    if signed is ABSENT or found is ABSENT:
        return signed is not found
    return digest(signed) != digest(found)


def _or_empty(value: Any) -> Any:
    return {} if value is ABSENT else value


def _replicas_text(live: Live) -> str:
    value = lookup(live.content, REPLICAS)
    return "1" if value is ABSENT else str(value)


def state_words(live: Live) -> list[str]:
    """What matters of an object's state, in a few words each."""
    match live.kind.role:
        case Role.WORKLOAD:
            return _workload_words(live)
        case Role.NODE:
            cordoned = lookup(live.content, "/spec/unschedulable") is True
            return [_ready_word(live.tree), "cordoned" if cordoned else "takes pods"]
        case Role.POD:
            status = live.tree.get("status") or {}
            return [str(status.get("phase", "of unknown phase")), f"on node {live.node_name or 'none'}"]
        case _:
            return [f"labels: {', '.join(f'{k}={v}' for k, v in sorted(live.labels.items())) or 'none'}"]


def _workload_words(live: Live) -> list[str]:
    status, spec = live.tree.get("status") or {}, live.tree.get("spec") or {}
    replicas = status.get("desiredNumberScheduled", spec.get("replicas", 1))
    ready = status.get("readyReplicas", status.get("numberReady", 0))
    updated = status.get("updatedReplicas", status.get("updatedNumberScheduled"))
    words = [f"{replicas} replicas, {ready} ready"]
    if updated is not None and updated != replicas:
        words.append(f"{updated} of the current template")
    images = [
        f"{container.get('name', '?')}={container.get('image', '?')}"
        for container in ((spec.get("template") or {}).get("spec") or {}).get("containers") or ()
    ]
    return [*words, *images]


def _ready_word(tree: Mapping[str, Any]) -> str:
    conditions = (tree.get("status") or {}).get("conditions") or ()
    ready = next((one.get("status") for one in conditions if one.get("type") == "Ready"), None)
    return {"True": "ready", "False": "not ready"}.get(str(ready), "readiness unknown")


def revision_of(live: Live) -> str:
    """The revision that a Deployment runs now, by which an undo can return to it."""
    annotations = (live.tree.get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(_REVISION, ""))


def removed_pods(changes: tuple[Change, ...]) -> tuple[str, ...]:
    """The pods whose end is signed, as `namespace/name`."""
    return tuple(f"{change.target.namespace}/{change.target.name}" for change in changes if change.removes_pod)
