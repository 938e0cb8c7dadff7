"""The one shape in which every effect is taught to the gate.

An effect joins by adding a module beside this one and a row to `MODELS` of `effects.py`;
nothing that decides or claims has to change for it. How a proposal that is written by hand is
rendered stands in `render.py`; CONTRIBUTING.md lists what else an effect takes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cutline.domain.change import Change
from cutline.domain.difference import Field
from cutline.domain.effect import Effect
from cutline.domain.kind import Kind
from cutline.domain.live import World
from cutline.domain.narrowing import Narrowing

if TYPE_CHECKING:
    from cutline.domain.policy import Policies


def _nothing_more(signed: Field, requested: Field) -> bool:
    return False


def _no_objection(signed: Change, requested: Change, narrowing: Narrowing, world: World) -> Iterator[str]:
    return iter(())


def _nothing_to_hold(change: Change, world: World) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class EffectModel:
    """What the gate knows about one effect.

    `recognise`: whether a change has the effect in this world.
    `acts`: whether a field of an object of this kind can have a part in the effect. None that
    `recognise` looks at may be left out: people are told that the others merely ride along.
    `is_essential`: whether a signed field must be in the request too, lest a part of
    what was signed be used alone.
    `tolerates`: whether a requested field that is not the signed one does no more than it.
    `objections`: what else keeps a signed change from covering a requested one, as texts.
    `baseline`: what of the live state the humans saw and the effect depends on.
    """

    effect: Effect
    recognise: "Callable[[Change, World, Policies], bool]"
    acts: Callable[[Field, Kind], bool]
    is_essential: Callable[[Field], bool]
    tolerates: Callable[[Field, Field], bool] = _nothing_more
    objections: Callable[[Change, Change, Narrowing, World], Iterator[str]] = _no_objection
    baseline: Callable[[Change, World], Mapping[str, str]] = _nothing_to_hold
