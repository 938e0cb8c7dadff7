"""Which fields of a signed change bring its effects about, and which only ride along.

Both are signed. Readers meet first what acts on production, and see of the rest that no
recognised effect depends on it.
"""

from cutline.domain.actions.drain import TAINTS, UNSCHEDULABLE
from cutline.domain.actions.ownership import LABELS, OWNERS
from cutline.domain.actions.rollback import TEMPLATE
from cutline.domain.actions.scale_down import REPLICAS
from cutline.domain.change import Change
from cutline.domain.difference import Field
from cutline.domain.effects import MODELS
from cutline.domain.proposal import SignedChange

ANNOTATIONS = "/metadata/annotations"
_DEADLINE = "/spec/activeDeadlineSeconds"
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


def riding(entry: SignedChange) -> frozenset[str]:
    """The paths of the fields that none of the entry's effects depends on."""
    fields = entry.change.fields
    if not entry.effects <= MODELS.keys():
        return frozenset()
    kind, models = entry.change.target.kind_row, [MODELS[effect] for effect in entry.effects]
    rides = frozenset(field.path for field in fields if not any(model.acts(field, kind) for model in models))
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


def changes(change: Change, path: str) -> bool:
    """Whether the change has a field at `path` or below it."""
    return any(field.is_within(path) for field in change.fields)
