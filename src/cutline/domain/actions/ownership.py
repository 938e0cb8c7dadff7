"""Who may delete an object without being asked: its owners, and whoever adopts what was let go.

An owner that does not exist has the garbage collector delete what it owns. An object that
no longer carries the labels its controller selects by is let go, and any other controller
that selects it may adopt it and delete it, or scale it away. Neither asks anybody again.
"""

from cutline.domain.difference import Field
from cutline.domain.live import Live
from cutline.domain.tree import ABSENT

OWNERS = "/metadata/ownerReferences"
_LABELS = "/metadata/labels"


def changes_hands(field: Field, live: Live) -> bool:
    """Whether a changed field gives the object another owner, or takes or changes a label of it."""
    if field.is_within(OWNERS):
        return True
    if field.path == _LABELS:
        new = field.new if isinstance(field.new, dict) else {}
        return any(new.get(key) != value for key, value in live.labels.items())
    return field.is_within(_LABELS) and field.old is not ABSENT
