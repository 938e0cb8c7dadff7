"""The effects that the gate recognises: the one place where a new one is added."""

from collections.abc import Iterable, Mapping

from cutline.domain.actions import drain, loosening, pod_removal, rollback, scale_down
from cutline.domain.actions.model import EffectModel
from cutline.domain.change import Change
from cutline.domain.effect import Effect
from cutline.domain.live import World
from cutline.domain.policy import Policies

MODELS: Mapping[Effect, EffectModel] = {
    model.effect: model for model in (rollback.MODEL, drain.MODEL, scale_down.MODEL, pod_removal.MODEL, loosening.MODEL)
}


def effects_of(change: Change, world: World, policies: Policies) -> frozenset[Effect]:
    """Every effect that the change has on production, in this world under these policies."""
    return frozenset(effect for effect, model in MODELS.items() if model.recognise(change, world, policies))


def baseline_of(effects: Iterable[Effect], change: Change, world: World) -> Mapping[str, str]:
    """What of the live state these effects of the change depend on."""
    return {key: value for effect in sorted(effects) for key, value in MODELS[effect].baseline(change, world).items()}
