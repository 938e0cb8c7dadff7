"""Whether a signed change covers a requested one.

Total and monotone: narrowing only ever takes away, and nothing that was not signed
rides along with what was.
"""

from collections.abc import Iterable, Iterator, Sequence

from cutline.domain.actions.model import EffectModel
from cutline.domain.change import Change
from cutline.domain.difference import Field
from cutline.domain.effect import Effect
from cutline.domain.effects import MODELS
from cutline.domain.live import World
from cutline.domain.narrowing import Narrowing

_SPEC = "/spec"
_MOST_TOLD = 8


def uncovered(
    signed: Change, requested: Change, effects: Iterable[Effect], narrowing: Narrowing, world: World
) -> Iterator[str]:
    """Everything in `requested` that `signed` does not cover, as texts; nothing means covered."""
    effects = frozenset(effects)
    unknown = unknown_effects(effects)
    if unknown:
        yield unknown
        return
    models = [MODELS[effect] for effect in sorted(effects)]
    if signed.target != requested.target:
        yield f"{signed.target} with uid {signed.target.uid} was signed, not this one"
        return
    if not requested.removes_pod and (signed.verb, signed.end) != (requested.verb, requested.end):
        yield f"{_ending(signed)} was signed, not {_ending(requested)}"
    if requested.removes_pod and not signed.removes_pod:
        yield "a removal of this pod was not signed"
        return

    by_path = {field.path: field for field in signed.fields}
    asked = {field.path for field in requested.fields}

    def is_signed(field: Field) -> bool:
        counterpart = by_path.get(field.path)
        return counterpart is not None and is_signed_as(counterpart, field, models)

    unsigned = [field for field in requested.fields if not is_signed(field)]
    riding = [field.path for field in unsigned if field.path not in by_path]
    if riding:
        yield f"not signed: {_told(riding)} (send it on its own)"
    other = [field.path for field in unsigned if field.path in by_path]
    if other:
        yield f"signed with other values: {_told(other)}"
    absent = [field.path for field in signed.fields if field.path not in asked and _belongs_to_the_whole(field, models)]
    if absent:
        yield f"signed only together with: {_told(absent)}"
    for model in models:
        yield from model.objections(signed, requested, narrowing, world)


def unknown_effects(effects: Iterable[Effect]) -> str:
    """What a newer gate has signed for, as a text: what a part of it would do is not known here."""
    unknown = sorted(frozenset(effects) - MODELS.keys())
    return f"signed for what this gate does not know: {', '.join(unknown)}" if unknown else ""


def is_signed_as(signed: Field, requested: Field, models: Iterable[EffectModel]) -> bool:
    """Whether a requested field is the signed one, or does no more than it."""
    return signed.is_same_as(requested) or any(model.tolerates(signed, requested) for model in models)


def _belongs_to_the_whole(field: Field, models: Iterable[EffectModel]) -> bool:
    """Whether what was signed is another change without this field.

    All of a spec is: a rollback signed with more replicas and a pause must not come without them.
    """
    return field.is_within(_SPEC) or any(model.is_essential(field) for model in models)


def _told(paths: Sequence[str]) -> str:
    """The first few: a request may change tens of thousands."""
    more = f" and {len(paths) - _MOST_TOLD} more" if len(paths) > _MOST_TOLD else ""
    return ", ".join(paths[:_MOST_TOLD]) + more


def _ending(change: Change) -> str:
    propagation = f" ({change.end.propagation})" if change.end and change.end.propagation else ""
    return f"{change.verb.value}{propagation}"
