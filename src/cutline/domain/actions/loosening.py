"""Loosening: something leaves a policy's reach.

A namespace loses the labels by which a policy selects it, an object loses the labels by
which a line selects it, a policy demands less or is deleted, a definition of Cutline's own
is changed or deleted. Each is signed under the very lines that are being left.
"""

from collections.abc import Mapping

from cutline.domain.actions.model import EffectModel
from cutline.domain.change import Change
from cutline.domain.effect import Effect
from cutline.domain.live import World
from cutline.domain.policy import Policies, left_lines
from cutline.domain.tree import digest


def _recognise(change: Change, world: World, policies: Policies) -> bool:
    if change.removes_pod:
        return False
    return bool(left_lines(change, world, policies))


def _baseline(change: Change, world: World) -> Mapping[str, str]:
    """The whole content: a loosening is judged against all of what it loosens."""
    return {"content": digest(world.live.content)} if not change.fields else {}


MODEL = EffectModel(
    effect=Effect.LOOSENING,
    recognise=_recognise,
    is_essential=lambda field: True,
    baseline=_baseline,
)
