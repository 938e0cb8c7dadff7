"""ScaleDown: fewer pods of a workload than before.

The ReplicaSet and StatefulSet controllers delete pods down to `spec.replicas`; a
StatefulSet also deletes pods whose ordinal leaves its range. A DaemonSet has no count:
its controller deletes the pods of every node that its template no longer selects. And
who owns a workload decides over its pods, or over its very existence.

A Deployment's controller keeps its books on its ReplicaSets: two annotations say how many pods
it wanted when it scaled them. Where they say something else, it shares them out anew, down to
none for the current revision (`scale`, deployment/sync.go).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cutline.domain.actions.model import EffectModel
from cutline.domain.actions.ownership import LABELS, OWNERS, changes_hands
from cutline.domain.change import Change, Verb
from cutline.domain.difference import Field, apply
from cutline.domain.effect import Effect
from cutline.domain.errors import BadObject
from cutline.domain.kind import DAEMON_SET, REPLICA_SET, Kind, Role
from cutline.domain.live import World
from cutline.domain.narrowing import Narrowing
from cutline.domain.normal_form import SHARE_ANNOTATIONS
from cutline.domain.tree import ABSENT, lookup, pointer, spelled

if TYPE_CHECKING:
    # A policy asks here what its exemption of scale-downs covers.
    from cutline.domain.policy import Policies

REPLICAS = "/spec/replicas"
_DEFAULT_REPLICAS = 1  # of a workload that says nothing (apps/v1 defaulting)
_ORDINALS = "/spec/ordinals"
_NODE_CHOICE = tuple("/spec/template/spec/" + key for key in ("nodeSelector", "affinity", "nodeName"))
_TOLERATIONS = "/spec/template/spec/tolerations"
_ANNOTATIONS = "/metadata/annotations"
_SHARES = tuple(pointer(("metadata", "annotations", key)) for key in SHARE_ANNOTATIONS)
# What takes pods away whatever the number of replicas says.
_BY_OTHER_MEANS = (_ORDINALS, OWNERS)
# Half of a choice of nodes is another choice.
_ESSENTIAL = (REPLICAS, _ORDINALS, OWNERS, *_NODE_CHOICE, _TOLERATIONS)


def count_of(value: object) -> int:
    """The replicas that a workload asks for, by what its spec says or leaves out."""
    return value if isinstance(value, int) else _DEFAULT_REPLICAS


def is_count(value: object) -> bool:
    """A replica count as the API server takes one; `"3"`, `3.5` and `true` are none."""
    return type(value) is int and value >= 0


def leaves_at_least(change: Change, world: World, count: int) -> bool:
    """Whether a lower count, and none below `count`, is all that makes the change a scale-down."""
    replicas = change.field(REPLICAS)
    if replicas is None or not is_count(replicas.new) or count_of(replicas.new) < count:
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
    shrinks = replicas is not None and (not is_count(replicas.new) or count_of(replicas.new) < count_of(replicas.old))
    return shrinks or any(field.is_within(_ORDINALS) or _is_given_away(field, world) for field in change.fields)


def _is_given_away(field: Field, world: World) -> bool:
    """Another owner of a workload; of a ReplicaSet the labels by which a Deployment finds it, or its share of pods."""
    if field.is_within(OWNERS):
        return True
    if world.live.kind is not REPLICA_SET:
        return False
    return changes_hands(field, world.live) or (world.live.has_controller and _changes_share(field))


def _changes_share(field: Field) -> bool:
    """Whether the annotations differ by which the Deployment controller shares pods out among ReplicaSets."""
    if field.path != _ANNOTATIONS:
        return field.path in _SHARES
    before, after = (side if isinstance(side, dict) else {} for side in (field.old, field.new))
    return any(before.get(key) != after.get(key) for key in SHARE_ANNOTATIONS)


def _selects_fewer_nodes(change: Change, world: World) -> bool:
    """Whether a DaemonSet may leave nodes; whether it does depends on every node's labels,
    so each change of the choice counts, and each toleration that goes."""
    if any(field.is_within(path) for field in change.fields for path in _NODE_CHOICE):
        return True
    if not any(field.is_within(_TOLERATIONS) for field in change.fields):
        return False
    before = lookup(world.live.content, _TOLERATIONS)
    after = lookup(apply(world.live.content, change.fields), _TOLERATIONS)
    kept = set(map(spelled, [] if after is ABSENT else after))
    return any(spelled(toleration) not in kept for toleration in ([] if before is ABSENT else before))


def _tolerates(signed: Field, requested: Field) -> bool:
    """Fewer replicas taken away, from the same count, is within what was signed."""
    if signed.path != REPLICAS or requested.path != REPLICAS:
        return False
    if not is_count(signed.new) or not is_count(requested.new):
        return False
    if count_of(signed.new) >= count_of(signed.old):  # more of them are not a smaller scale-down
        return False
    old = count_of(signed.old)
    return old == count_of(requested.old) and count_of(signed.new) <= count_of(requested.new) <= old


def _objections(signed: Change, requested: Change, narrowing: Narrowing, world: World) -> Iterator[str]:
    if narrowing.replicas is None:
        return
    replicas = requested.field(REPLICAS)
    if replicas is None or any(field.is_within(path) for path in _BY_OTHER_MEANS for field in requested.fields):
        yield "the signers set a number of replicas, and this takes pods away by other means"
    elif count_of(replicas.new) < narrowing.replicas:
        yield f"the signers allow no fewer than {narrowing.replicas} replicas, not {count_of(replicas.new)}"


def _baseline(change: Change, world: World) -> Mapping[str, str]:
    return {"replicas": str(count_of(lookup(world.live.content, REPLICAS)))}


def _is_essential(field: Field) -> bool:
    return any(field.is_within(path) for path in _ESSENTIAL) or _changes_share(field)


def _acts(field: Field, kind: Kind) -> bool:
    return _is_essential(field) or (kind is REPLICA_SET and field.is_within(LABELS))


MODEL = EffectModel(
    effect=Effect.SCALE_DOWN,
    recognise=_recognise,
    acts=_acts,
    is_essential=_is_essential,
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
    current = count_of(said)
    if replicas >= current:
        raise BadObject("spec.scaleDown.replicas", f"{replicas} is not below the current {current}")
    return (Change(world.live.target, Verb.UPDATE, (Field(REPLICAS, said, replicas),)),)
