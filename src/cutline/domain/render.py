"""From what a person wrote by hand to the changes that the gate would see.

Rendering needs facts that were read on the proposer's behalf; what he may not read he
cannot have rendered. A proposal that renders to nothing gated is refused: nobody should
sign what needs no signature.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cutline.domain.actions import drain, pod_removal, rollback, scale_down
from cutline.domain.change import Change, Verb
from cutline.domain.difference import Field, apply, difference
from cutline.domain.effect import Action, Effect, gating_actions
from cutline.domain.effects import MODELS, baseline_of, effects_of
from cutline.domain.errors import BadObject
from cutline.domain.live import World
from cutline.domain.policy import Policies
from cutline.domain.proposal import MAX_RENDERED_BYTES, SignedChange
from cutline.domain.text import visible_beginning
from cutline.domain.tree import ABSENT, canonical, segments


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a hand-written proposal says beyond action and target."""

    to_revision: int = 0
    replicas: int | None = None


def render(action: Action, parameters: Parameters, world: World) -> tuple[Change, ...]:
    """The changes of `action` on the live target; raises `BadObject` where it does not apply."""
    match action:
        case Action.ROLLBACK:
            return rollback.render(world, parameters.to_revision)
        case Action.SCALE_DOWN:
            if parameters.replicas is None:
                raise BadObject("spec.scaleDown.replicas", "is missing")
            return scale_down.render(world, parameters.replicas)
        case Action.DRAIN:
            return drain.render(world)
        case Action.RESTART:
            return pod_removal.render_restart(world)
        case _:
            raise BadObject(
                "spec.changes", f"is missing: a {action.value} cannot be written by hand; use `propose -- <command>`"
            )


def verify_applies(change: Change, world: World, field: str) -> None:
    """Refuse a change that somebody brought and that is not a change of the live target.

    Applying it and taking the difference again must give the same change: what does
    not apply, or says more than it does, could not be used and must not be signed.
    """
    if change.target != world.live.target:
        raise BadObject(field, f"{change.target} with uid {change.target.uid} does not exist")
    says_more = bool(change.fields) if change.verb is not Verb.UPDATE else change.end is not None
    is_removal = change.removes_pod or change.verb is Verb.DELETE
    if says_more or (change.verb is not Verb.UPDATE and (not is_removal or change.end is None)):
        raise BadObject(field, f"is no {change.verb.value.lower()} of a {change.target.kind}; take it from a denial")
    if change.verb is not Verb.UPDATE:
        return
    if any(not segments(part.path) for part in change.fields):
        raise BadObject(field, "changes no field but the whole object; take it from a denial")
    replicas = change.field(scale_down.REPLICAS)
    if replicas is not None and world.live.kind.scales and not scale_down.is_count(replicas.new):
        raise BadObject(field, f"{_value(replicas.new)} is no number of replicas")
    after = apply(world.live.content, change.fields)
    if difference(world.live.content, after) != change.fields:
        raise BadObject(field, f"does not apply to {change.target} as it is now; take it from a new denial")


def signed_change(change: Change, world: World, policies: Policies) -> SignedChange:
    """One entry of a proposal, with the gate's own account of what it is."""
    effects = effects_of(change, world, policies)
    return SignedChange(change, effects, baseline_of(effects, change, world), summary_of(change, effects))


def verify_bounds(entries: Iterable[SignedChange], action: Action) -> None:
    """Refuse what nobody has to sign, what does not fit its action, and what is too large to read."""
    entries = tuple(entries)
    effects = frozenset(effect for entry in entries for effect in entry.effects)
    if not effects:
        raise BadObject("spec.changes", "nothing here has an effect that needs a signature: just do it")
    if not any(action in gating_actions(effect) for effect in effects):
        names = ", ".join(sorted(effects))
        raise BadObject("spec.action", f"{action.value} is not what the change does, which is {names}")
    targets = [entry.change.target for entry in entries]
    if len(set(targets)) < len(targets):
        raise BadObject("spec.changes", "changes one object twice; bring one change that says all of it")
    size = sum(len(entry.change.canonical.encode()) for entry in entries)
    if size > MAX_RENDERED_BYTES:
        raise BadObject("spec.changes", f"is {size} bytes; people cannot judge more than {MAX_RENDERED_BYTES} at once")


def action_of(effects: Iterable[Effect]) -> Action | None:
    """The action under which a change with these effects is best proposed, the weightiest first."""
    present = frozenset(effects)
    for effect, action in _ACTION_FOR:
        if effect in present:
            return action
    return None


_ACTION_FOR = (
    (Effect.LOOSENING, Action.LOOSENING),
    (Effect.ROLLBACK, Action.ROLLBACK),
    (Effect.DRAIN, Action.DRAIN),
    (Effect.SCALE_DOWN, Action.SCALE_DOWN),
    (Effect.POD_REMOVAL, Action.RESTART),
)

_MOST_FIELDS = 4
_LONGEST_SUMMARY = 1024
_LONGEST_VALUE = 60


def summary_of(change: Change, effects: Iterable[Effect]) -> str:
    """One line that says what the change does, in the gate's words."""
    what = "+".join(sorted(effects)) or "No effect"
    if change.verb is not Verb.UPDATE:
        grace = change.end.grace_seconds if change.end else None
        suffix = "" if grace is None else f" with {grace}s of grace"
        return f"{what}: {change.verb.value.lower()} {change.target}{suffix}"
    models = [MODELS[effect] for effect in effects]
    fields = sorted(change.fields, key=lambda field: not any(model.is_essential(field) for model in models))
    parts = [_field_summary(field) for field in fields[:_MOST_FIELDS]]
    if len(change.fields) > _MOST_FIELDS:
        parts.append(f"{len(change.fields) - _MOST_FIELDS} more fields")
    return visible_beginning(f"{what} of {change.target}: " + ", ".join(parts), _LONGEST_SUMMARY)


def _field_summary(field: Field) -> str:
    if isinstance(field.old, (dict, list)) or isinstance(field.new, (dict, list)):
        return f"{field.path} changes"
    return f"{field.path} {_value(field.old)} -> {_value(field.new)}"


def _value(value: object) -> str:
    if value is ABSENT:
        return "(none)"
    return visible_beginning(canonical(value), _LONGEST_VALUE)


def headline_of(change: Change, effects: Iterable[Effect]) -> str:
    """How a message names the change: `ScaleDown of deployment/checkout (shop) 6 -> 2`."""
    what = "+".join(sorted(effects))
    replicas = change.field(scale_down.REPLICAS)
    detail = f" {_value(replicas.old)} -> {_value(replicas.new)}" if replicas is not None else ""
    return f"{what} of {change.target}{detail}"
