"""Whether a signed change covers a requested one.

Total and monotone: narrowing only ever takes away, and nothing that was not signed
rides along with what was.
"""

from collections.abc import Iterable, Iterator

from cutline.domain.change import Change
from cutline.domain.difference import Field
from cutline.domain.effect import Effect
from cutline.domain.effects import MODELS
from cutline.domain.live import World
from cutline.domain.narrowing import Narrowing


def uncovered(
    signed: Change, requested: Change, effects: Iterable[Effect], narrowing: Narrowing, world: World
) -> Iterator[str]:
    """Everything in `requested` that `signed` does not cover, as texts; nothing means covered."""
    effects = frozenset(effects)
    if not effects <= MODELS.keys():
        # A newer gate signed it; what a part of it would do is not known here.
        yield f"signed for what this gate does not know: {', '.join(sorted(effects - MODELS.keys()))}"
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

    def is_signed(field: Field) -> bool:
        counterpart = signed.field(field.path)
        if counterpart is None:
            return False
        return counterpart.is_same_as(field) or any(model.tolerates(counterpart, field) for model in models)

    unsigned = [field for field in requested.fields if not is_signed(field)]
    riding = [field.path for field in unsigned if signed.field(field.path) is None]
    if riding:
        yield f"not signed: {', '.join(riding)} (send it on its own)"
    other = [field.path for field in unsigned if signed.field(field.path) is not None]
    if other:
        yield f"signed with other values: {', '.join(other)}"
    absent = [
        field.path
        for field in signed.fields
        if any(model.is_essential(field) for model in models) and requested.field(field.path) is None
    ]
    if absent:
        yield f"signed only together with: {', '.join(absent)}"
    for model in models:
        yield from model.objections(signed, requested, narrowing, world)


def _ending(change: Change) -> str:
    propagation = f" ({change.end.propagation})" if change.end and change.end.propagation else ""
    return f"{change.verb.value}{propagation}"
