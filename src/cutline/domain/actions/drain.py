"""Drain: a node is marked so that its pods must leave, or is taken away.

The marks are `spec.unschedulable` (cordon) and a NoExecute taint, on which the
taint-eviction controller deletes pods without eviction and without disruption budgets.
Deleting the Node object lets the pod garbage collector delete what ran there. A node that is
reported not to be ready gets such a taint by the node controller, whoever reported it. A
NoSchedule taint removes nothing and is no mark.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cutline.domain.actions import pod_removal
from cutline.domain.actions.model import EffectModel
from cutline.domain.actions.ownership import OWNERS
from cutline.domain.change import Change, Verb
from cutline.domain.difference import Field, apply
from cutline.domain.effect import Effect
from cutline.domain.errors import BadObject
from cutline.domain.kind import Role
from cutline.domain.live import World
from cutline.domain.narrowing import Narrowing
from cutline.domain.policy import Policies
from cutline.domain.tree import ABSENT, JsonObject, lookup, spelled

UNSCHEDULABLE = "/spec/unschedulable"
TAINTS = "/spec/taints"
_READY = "/status/conditions/Ready"
_ACTING = (UNSCHEDULABLE, TAINTS, _READY, OWNERS)


def _recognise(change: Change, world: World, policies: Policies) -> bool:
    if world.live.kind.role is not Role.NODE:
        return False
    if change.verb is Verb.DELETE:
        return True
    after = apply(world.live.content, change.fields)
    # Without its owner, or with one that does not exist, the garbage collector deletes the node.
    if any(field.is_within(OWNERS) for field in change.fields):
        return True
    if _is_ready(world.live.content) and not _is_ready(after):
        return True
    cordons = _is_cordoned(after) and not _is_cordoned(world.live.content)
    before = set(map(spelled, _evicting_taints(world.live.content)))
    return cordons or any(spelled(taint) not in before for taint in _evicting_taints(after))


def _is_cordoned(content: JsonObject) -> bool:
    return lookup(content, UNSCHEDULABLE) is True


def _is_ready(content: JsonObject) -> bool:
    return bool(lookup(content, _READY) == "True")


def _evicting_taints(content: JsonObject) -> list[Mapping[str, Any]]:
    taints = lookup(content, TAINTS)
    return [] if taints is ABSENT else [taint for taint in taints if taint.get("effect") == "NoExecute"]


def _objections(signed: Change, requested: Change, narrowing: Narrowing, world: World) -> Iterator[str]:
    """Of the marks only a cordon leaves the pods to be removed one by one, as they were signed."""
    if narrowing.pods is None:
        return
    if requested.verb is Verb.DELETE:
        yield "the signers allow single pods alone, and this ends all of the node"
    elif any(field.path != UNSCHEDULABLE for field in requested.fields):
        yield "the signers allow single pods alone, and this ends others too"


MODEL = EffectModel(
    effect=Effect.DRAIN,
    recognise=_recognise,
    acts=lambda field, kind: any(field.is_within(path) for path in _ACTING),
    is_essential=lambda field: False,
    objections=_objections,
)


def render(world: World) -> tuple[Change, ...]:
    """A cordon, where the node has none yet, and an eviction for each pod that a drain moves."""
    if world.live.kind.role is not Role.NODE:
        raise BadObject("spec.target.kind", f"only a Node can be drained, not a {world.live.kind.kind}")
    marks = () if _is_cordoned(world.live.content) else (_cordon(world),)
    moved = sorted(
        (pod for pod in world.pods if pod.is_bound_pod and not pod.stays_in_a_drain and not pod.is_terminating),
        key=lambda pod: pod.target,
    )
    return (*marks, *(pod_removal.render_eviction(pod) for pod in moved))


def _cordon(world: World) -> Change:
    return Change(
        world.live.target,
        Verb.UPDATE,
        (Field(UNSCHEDULABLE, lookup(world.live.content, UNSCHEDULABLE), True),),
    )
