"""The closed vocabulary of what a change does to production.

Every name here is the word used in the custom resources, in messages and in
metrics. There is no "other": what is not recognised is not an effect, and an
unknown name read from the API server is an error, never a default.
"""

from enum import StrEnum


class Effect(StrEnum):
    """What one change does to production; a change can have several."""

    RESTART = "Restart"
    DRAIN = "Drain"
    ROLLBACK = "Rollback"
    CUT_TRAFFIC = "CutTraffic"
    SCALE_DOWN = "ScaleDown"
    DISABLE_FEATURE = "DisableFeature"
    DELETE = "Delete"
    POD_REMOVAL = "PodRemoval"  # the part that a drain and a restart share
    LOOSENING = "Loosening"  # something leaves a policy's reach
    CUSTOM = "Custom"


class Action(StrEnum):
    """What a proposal asks for, and what a policy's line names."""

    RESTART = "Restart"
    DRAIN = "Drain"
    ROLLBACK = "Rollback"
    CUT_TRAFFIC = "CutTraffic"
    SCALE_DOWN = "ScaleDown"
    DISABLE_FEATURE = "DisableFeature"
    DELETE = "Delete"
    LOOSENING = "Loosening"


_GATED_BY = {
    Effect.POD_REMOVAL: frozenset({Action.DRAIN, Action.RESTART}),
}


def gating_actions(effect: Effect) -> frozenset[Action]:
    """The actions whose line gates `effect`, and whose grant covers it.

    Removing a pod is part of a drain and of a restart: a line for either gates it.
    `Custom` belongs to a policy's own rules and to none of the named actions.
    """
    if effect in _GATED_BY:
        return _GATED_BY[effect]
    if effect is Effect.CUSTOM:
        return frozenset()
    return frozenset({Action(effect.value)})
