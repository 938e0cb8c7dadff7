"""PodRemoval: a bound pod is evicted or deleted, or a controller or its kubelet is made to do it. Drain
and Restart share it.

Made to: by another owner or a label taken away, by a deadline, by a shorter stay on a tainted
node, or by the report that the pod has ended. Controllers believe that report, whoever wrote
it, and delete or replace the pod; its kubelet corrects it within seconds, unless the pod is
written to meanwhile: then it ends the containers. A pod that is nobody's and gets the labels of
a controller is adopted, and may stay while another goes: a ReplicaSet deletes those of its pods
that cost least (`getPodsToDelete`, replica_set.go), a DaemonSet the younger ones of a node
(`podsShouldBeOnNode`, daemon_controller.go).

One removal is several requests: a forced delete is validated up to three times, an
eviction repeats while a disruption budget refuses it. They are all the removal of one uid.
"""

from collections.abc import Iterator

from cutline.domain.actions.model import EffectModel
from cutline.domain.actions.ownership import LABELS, OWNERS, changes_hands
from cutline.domain.change import Change, End, Verb
from cutline.domain.difference import Field
from cutline.domain.effect import Effect
from cutline.domain.errors import BadObject
from cutline.domain.kind import Role
from cutline.domain.live import Live, World
from cutline.domain.narrowing import Narrowing
from cutline.domain.policy import Policies
from cutline.domain.tree import spelled

_DEADLINE = "/spec/activeDeadlineSeconds"
_TOLERATIONS = "/spec/tolerations"
_PHASE = "/status/phase"
_ACTING = (OWNERS, LABELS, _DEADLINE, _TOLERATIONS, _PHASE)


def _recognise(change: Change, world: World, policies: Policies) -> bool:
    if world.live.kind.role is not Role.POD or not world.live.is_bound_pod:
        return False
    if change.removes_pod:
        return not _goes_no_sooner(change.end, world.live)
    return any(_lets_it_go(field, world) for field in change.fields)


def _goes_no_sooner(end: End | None, live: Live) -> bool:
    """Whether the pod is being deleted already, and this asks for nothing but that.

    A second deletion can only shorten the grace of the first; one that names none, or no
    shorter one, changes nothing (`rest.BeforeDelete`). Drains meet such pods after every rollout.
    """
    left = live.seconds_it_was_left
    return left is not None and _grace(end, left) >= left


def _lets_it_go(field: Field, world: World) -> bool:
    """Whether a written field has some controller, or the kubelet, end the pod."""
    if field.path == _TOLERATIONS:
        return _shortens_a_stay(field)
    return changes_hands(field, world.live) or field.is_within(_DEADLINE) or field.path == _PHASE


def _shortens_a_stay(field: Field) -> bool:
    """Whether a toleration is given a time limit, or one that has a limit may take another's place.

    Of a taint's tolerations the first counts; tolerations can be added, and their limits changed, but
    not taken away (`GetMatchingTolerations`, pod validation): what is put behind the others shortens
    no stay, nor does a new toleration without a limit. A longer limit for an old one counts as a change
    of it all the same.
    """
    before = field.old if isinstance(field.old, list) else []
    after = field.new if isinstance(field.new, list) else []
    known = set(map(spelled, before))
    kept = [one for one in after if spelled(one) in known or one.get("tolerationSeconds") is not None]
    return kept[: len(before)] != before


def why_harsher_than_signed(requested: Change, signed: Change, default_grace_seconds: int) -> str:
    """Why the requested removal is harsher than the signed one, or the empty string."""
    if _passes_by_budgets(requested, signed):
        return "an eviction was signed, and a delete passes by disruption budgets"
    asked, given = _graces(requested, signed, default_grace_seconds)
    return f"{given}s of grace were signed, not {asked}s" if asked < given else ""


def why_harsher_than_used(requested: Change, used: Change, default_grace_seconds: int) -> str:
    """Why the requested removal is harsher than the one that was let through, or the empty string."""
    if _passes_by_budgets(requested, used):
        return "was used as an eviction; a delete passes by disruption budgets"
    asked, given = _graces(requested, used, default_grace_seconds)
    return f"was used with {given}s of grace, not {asked}s" if asked < given else ""


def _passes_by_budgets(requested: Change, gentle: Change) -> bool:
    return requested.verb is Verb.DELETE and gentle.verb is Verb.EVICT


def _graces(requested: Change, gentle: Change, default_seconds: int) -> tuple[int, int]:
    return _grace(requested.end, default_seconds), _grace(gentle.end, default_seconds)


def _grace(end: End | None, default_seconds: int) -> int:
    """The seconds a pod really gets."""
    return default_seconds if end is None or end.grace_seconds is None else end.grace_seconds


def _objections(signed: Change, requested: Change, narrowing: Narrowing, world: World) -> Iterator[str]:
    reason = why_harsher_than_signed(requested, signed, world.live.grace_seconds) if requested.removes_pod else ""
    if reason:
        yield reason
    pod = f"{requested.target.namespace}/{requested.target.name}"
    if narrowing.pods is not None and pod not in narrowing.pods:
        yield f"the signers took {pod} out of the proposal"


MODEL = EffectModel(
    effect=Effect.POD_REMOVAL,
    recognise=_recognise,
    acts=lambda field, kind: any(field.is_within(path) for path in _ACTING),
    is_essential=lambda field: True,
    objections=_objections,
)


def render_eviction(pod: Live) -> Change:
    """The eviction of one pod with the grace that the pod itself asks for."""
    return Change(pod.target, Verb.EVICT, end=End())


def render_restart(world: World) -> tuple[Change, ...]:
    """The removal of one pod, which its controller then replaces."""
    if world.live.kind.role is not Role.POD:
        raise BadObject(
            "spec.target.kind", f"only a Pod can be restarted, not a {world.live.kind.kind}: name one of its pods"
        )
    if not world.live.is_bound_pod:
        raise BadObject("spec.target", f"{world.live.target} is not running; removing it needs no signature")
    return (Change(world.live.target, Verb.DELETE, end=End(propagation="Background")),)
