"""ScaleDown: fewer pods of a workload than before.

The ReplicaSet and StatefulSet controllers delete pods down to `spec.replicas`; a
StatefulSet also deletes pods whose ordinal leaves its range. A DaemonSet has no count:
its controller deletes the pods of every node that its template no longer selects. And
who owns a workload decides over its pods, or over its very existence.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cutline.domain.actions.model import EffectModel
from cutline.domain.actions.ownership import OWNERS, changes_hands
from cutline.domain.change import Change, Verb
from cutline.domain.difference import Field, apply
from cutline.domain.effect import Effect
from cutline.domain.errors import BadObject
from cutline.domain.kind import DAEMON_SET, REPLICA_SET, Role
from cutline.domain.live import World
from cutline.domain.narrowing import Narrowing
from cutline.domain.tree import ABSENT, lookup

if TYPE_CHECKING:
    # A policy asks here what its exemption of scale-downs covers.
    from cutline.domain.policy import Policies

REPLICAS = "/spec/replicas"
_DEFAULT_REPLICAS = 1  # of a workload that says nothing (apps/v1 defaulting)
_ORDINALS = "/spec/ordinals"
_NODE_CHOICE = tuple("/spec/template/spec/" + key for key in ("nodeSelector", "affinity", "nodeName"))
_TOLERATIONS = "/spec/template/spec/tolerations"
# Half of a choice of nodes is another choice.
_ESSENTIAL = (REPLICAS, _ORDINALS, OWNERS, *_NODE_CHOICE, _TOLERATIONS)


def _count(value: object) -> int:
    return value if isinstance(value, int) else _DEFAULT_REPLICAS


def is_count(value: object) -> bool:
    """A replica count as the API server takes one; `"3"`, `3.5` and `true` are none."""
    return type(value) is int and value >= 0


def leaves_at_least(change: Change, world: World, count: int) -> bool:
    """Whether a lower count, and none below `count`, is all that makes the change a scale-down."""
    replicas = change.field(REPLICAS)
    if replicas is None or not is_count(replicas.new) or _count(replicas.new) < count:
        return False
    others = tuple(field for field in change.fields if field is not replicas)
    return not _has_effect(replace(change, fields=others), world)


def _recognise(change: Change, world: World, policies: "Policies") -> bool:
    return _has_effect(change, world)


def _has_effect(change: Change, world: World) -> bool:
    if change.verb is not Verb.UPDATE or world.live.kind.role is not Role.WORKLOAD:
        return False
    if world.live.kind is DAEMON_SET and _selects_fewer_nodes(change, world):
        return True
    replicas = change.field(REPLICAS)
    shrinks = replicas is not None and (not is_count(replicas.new) or _count(replicas.new) < _count(replicas.old))
    return shrinks or any(field.is_within(_ORDINALS) or _is_given_away(field, world) for field in change.fields)


def _is_given_away(field: Field, world: World) -> bool:
    """Another owner of a workload, or the labels by which a Deployment knows, or would adopt, a ReplicaSet."""
    if field.is_within(OWNERS):
        return True
    return world.live.kind is REPLICA_SET and changes_hands(field, world.live)


def _selects_fewer_nodes(change: Change, world: World) -> bool:
    """Whether a DaemonSet may leave nodes; whether it does depends on every node's labels,
    so each change of the choice counts, and each toleration that goes."""
    if any(field.is_within(path) for field in change.fields for path in _NODE_CHOICE):
        return True
    if not any(field.is_within(_TOLERATIONS) for field in change.fields):
        return False
    before = lookup(world.live.content, _TOLERATIONS)
    after = lookup(apply(world.live.content, change.fields), _TOLERATIONS)
    kept = [] if after is ABSENT else after
    return any(toleration not in kept for toleration in ([] if before is ABSENT else before))


def _tolerates(signed: Field, requested: Field) -> bool:
    """Fewer replicas taken away, from the same count, is within what was signed."""
    if signed.path != REPLICAS or requested.path != REPLICAS:
        return False
    if not is_count(signed.new) or not is_count(requested.new):
        return False
    return _count(signed.old) == _count(requested.old) and _count(requested.new) >= _count(signed.new)


def _objections(signed: Change, requested: Change, narrowing: Narrowing, world: World) -> Iterator[str]:
    replicas = requested.field(REPLICAS)
    if replicas is None or narrowing.replicas is None:
        return
    if _count(replicas.new) < narrowing.replicas:
        yield f"the signers allow no fewer than {narrowing.replicas} replicas, not {_count(replicas.new)}"


def _baseline(change: Change, world: World) -> Mapping[str, str]:
    return {"replicas": str(_count(lookup(world.live.content, REPLICAS)))}


MODEL = EffectModel(
    effect=Effect.SCALE_DOWN,
    recognise=_recognise,
    is_essential=lambda field: any(field.is_within(path) for path in _ESSENTIAL),
    tolerates=_tolerates,
    objections=_objections,
    baseline=_baseline,
)


def render(world: World, replicas: int) -> tuple[Change, ...]:
    """The change to `replicas` of the live workload; raises `BadObject` where there is none."""
    if not world.live.kind.scales:
        raise BadObject("spec.target.kind", f"a {world.live.kind.kind} has no replicas to scale down")
    if world.autoscaler:
        raise BadObject(
            "spec.target",
            f"the replicas belong to horizontalpodautoscaler/{world.autoscaler}: change the HPA's bounds",
        )
    if replicas < 0:
        raise BadObject("spec.scaleDown.replicas", f"{replicas} is below zero")
    said = lookup(world.live.content, REPLICAS)
    current = _count(said)
    if replicas >= current:
        raise BadObject("spec.scaleDown.replicas", f"{replicas} is not below the current {current}")
    return (Change(world.live.target, Verb.UPDATE, (Field(REPLICAS, said, replicas),)),)
