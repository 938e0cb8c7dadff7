"""Loosening: something leaves a policy's reach.

A namespace loses the labels by which a policy selects it, an object loses the labels by
which a line selects it, a policy demands less or is deleted, a definition of Cutline's own
is changed or deleted. Each is signed under the very lines that are being left.
"""

from collections.abc import Mapping

from cutline.domain.actions.model import EffectModel
from cutline.domain.actions.ownership import LABELS
from cutline.domain.change import Change
from cutline.domain.difference import Field
from cutline.domain.effect import Effect
from cutline.domain.kind import Kind, Role
from cutline.domain.live import World
from cutline.domain.policy import Policies, left_lines
from cutline.domain.tree import digest


def _recognise(change: Change, world: World, policies: Policies) -> bool:
    if change.removes_pod:
        return False
    return bool(left_lines(change, world, policies))


def _baseline(change: Change, world: World) -> Mapping[str, str]:
    """Of what is deleted the whole content; an update carries the old value of each field that it changes."""
    return {"content": digest(world.live.content)} if not change.fields else {}


def _acts(field: Field, kind: Kind) -> bool:
    """What a rule says, or by which labels a policy or a line selects something."""
    return field.is_within("/spec" if kind.role in (Role.POLICY, Role.DEFINITION) else LABELS)


MODEL = EffectModel(
    effect=Effect.LOOSENING,
    recognise=_recognise,
    acts=_acts,
    is_essential=lambda field: True,
    baseline=_baseline,
)
