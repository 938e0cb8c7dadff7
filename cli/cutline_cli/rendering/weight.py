"""Which fields of a signed change bring its effects about, and which only ride along.

Both are signed. Readers meet first what acts on production, and see of the rest that no
recognised effect depends on it.
"""

from collections.abc import Mapping

from cutline.domain.actions.drain import UNSCHEDULABLE
from cutline.domain.actions.ownership import LABELS, OWNERS
from cutline.domain.actions.rollback import TEMPLATE
from cutline.domain.actions.scale_down import REPLICAS
from cutline.domain.change import Change
from cutline.domain.difference import Field
from cutline.domain.effect import Effect
from cutline.domain.effects import MODELS
from cutline.domain.kind import REPLICA_SET, Role
from cutline.domain.proposal import SignedChange

TAINTS = "/spec/taints"
ANNOTATIONS = "/metadata/annotations"
_DEADLINE = "/spec/activeDeadlineSeconds"
_ORDER = "deprecated.deployment.rollback.to"  # by which the Deployment controller rolls back itself
_CONTAINERS = tuple(f"{TEMPLATE}/spec/{key}" for key in ("containers", "initContainers"))

# The most consequential first; what stands in none of them comes after, annotations last.
_WEIGHTS = (
    REPLICAS,
    "/spec/ordinals",
    *_CONTAINERS,
    f"{TEMPLATE}/spec",
    TEMPLATE,
    UNSCHEDULABLE,
    TAINTS,
    _DEADLINE,
    OWNERS,
    LABELS,
)
# Their models demand all fields of a request or none; which of them act is said here.
_ACTING = {
    Effect.DRAIN: (UNSCHEDULABLE, TAINTS, OWNERS),
    Effect.POD_REMOVAL: (OWNERS, LABELS, _DEADLINE),
}
# What a ReplicaSet has besides: labels that a Deployment finds it by, and pods of a revision to start.
_ACTING_ON_REPLICA_SETS: Mapping[Effect, tuple[str, ...]] = {
    Effect.SCALE_DOWN: (LABELS,),
    Effect.ROLLBACK: (REPLICAS,),
}
_WHOLE_SPEC = (Role.POLICY, Role.DEFINITION)


def riding(entry: SignedChange) -> frozenset[str]:
    """The paths of the fields that none of the entry's effects depends on."""
    fields = entry.change.fields
    if not entry.effects <= MODELS.keys():
        return frozenset()
    rides = frozenset(field.path for field in fields if not any(_acts(field, one, entry) for one in entry.effects))
    # Something here has the effect; where no field is known to, none is called harmless.
    return frozenset() if entry.effects and len(rides) == len(fields) else rides


def by_weight(entry: SignedChange) -> tuple[Field, ...]:
    """The entry's fields, those that cause its effects first, each part by consequence."""
    rides = riding(entry)
    return tuple(sorted(entry.change.fields, key=lambda field: (field.path in rides, _weight(field), field.path)))


def _weight(field: Field) -> int:
    if field.is_within(ANNOTATIONS):
        return len(_WEIGHTS) + 1
    return next((place for place, path in enumerate(_WEIGHTS) if field.is_within(path)), len(_WEIGHTS))


def _acts(field: Field, effect: Effect, entry: SignedChange) -> bool:
    if effect in _ACTING:
        return any(field.is_within(path) for path in _ACTING[effect])
    if effect is Effect.LOOSENING:
        selects = "/spec" if entry.change.target.kind_row.role in _WHOLE_SPEC else LABELS
        return field.is_within(selects)
    if effect is Effect.ROLLBACK and field.path == ANNOTATIONS:
        return isinstance(field.new, dict) and _ORDER in field.new
    more = _ACTING_ON_REPLICA_SETS.get(effect, ()) if entry.change.target.kind_row is REPLICA_SET else ()
    return MODELS[effect].is_essential(field) or any(field.is_within(path) for path in more)


def changes(change: Change, path: str) -> bool:
    """Whether the change has a field at `path` or below it."""
    return any(field.is_within(path) for field in change.fields)
