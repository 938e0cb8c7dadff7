"""Whether a change still meets the state that it was signed for.

People are told before anybody tries: this is what the gate would find, were the very change that was
signed asked for now. The gate itself judges what really is asked for; it shares the parts.
"""

from collections.abc import Iterable, Iterator

from cutline.domain.change import Change
from cutline.domain.covering import is_signed_as, unknown_effects
from cutline.domain.difference import Field
from cutline.domain.effect import Effect
from cutline.domain.effects import MODELS, baseline_of
from cutline.domain.errors import MissingFact
from cutline.domain.live import World
from cutline.domain.proposal import SignedChange
from cutline.domain.text import visible_beginning
from cutline.domain.tree import lookup, same, segments

_LONGEST_PATH = 200


def drift_of(entry: SignedChange, world: World | None) -> tuple[str, ...]:
    """What keeps the signed change from passing as the world now is; `world` is None where the target is gone.

    A field that somebody else has set already to what was signed is no drift where the rest may be used
    without it: a drain goes on when its node was cordoned meanwhile. Raises `MissingFact` if no drift
    shows, and the world lacks what that depends on.
    """
    if world is None:
        return ("it is gone",)
    if world.live.target.uid != entry.change.target.uid:
        return ("it was deleted and created again, under another uid",)
    unknown = unknown_effects(entry.effects)
    if unknown:
        return (unknown,)
    moved = tuple(_moved_fields(entry, world))
    try:
        return (*moved, *moved_baseline(entry, entry.effects, entry.change, world))
    except MissingFact:
        if moved:
            return moved
        raise


def moved_baseline(entry: SignedChange, effects: Iterable[Effect], change: Change, world: World) -> Iterator[str]:
    """What these effects of the change depend on and what is no longer as the signers saw it."""
    now = baseline_of(effects, change, world)
    for key in sorted(now):
        if now[key] != entry.baseline.get(key):
            yield f"{key} is no longer what was signed"


def _moved_fields(entry: SignedChange, world: World) -> Iterator[str]:
    """The fields that the same request would now change from another value, or not at all.

    Of what has no effect nothing is held against anybody.
    """
    models = [MODELS[effect] for effect in sorted(entry.effects)]
    for field in entry.change.fields if models else ():
        found = lookup(world.live.content, field.path)
        if same(found, field.new):
            if any(model.is_essential(field) for model in models):
                yield f"{_name(field)} is already what was signed for"
        elif not is_signed_as(field, Field(field.path, found, field.new), models):
            yield f"{_name(field)} has changed"


def _name(field: Field) -> str:
    return visible_beginning(".".join(segments(field.path)), _LONGEST_PATH)
