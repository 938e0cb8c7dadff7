"""Who may delete an object without being asked: its owners, and whoever adopts what is nobody's.

An owner that does not exist has the garbage collector delete what it owns. An object that
no longer carries the labels its controller selects by is let go. An object without a controller
is adopted by any that selects it (`ControllerRefManager.ClaimObject`), and that controller then
has too many: it deletes the adopted one, or scales it away, or one of those that it had. Neither
asks anybody again.
"""

from cutline.domain.difference import Field
from cutline.domain.live import Live
from cutline.domain.tree import ABSENT

OWNERS = "/metadata/ownerReferences"
LABELS = "/metadata/labels"


def changes_hands(field: Field, live: Live) -> bool:
    """Whether a changed field gives the object another owner, or other labels by which a controller finds it.

    A label that is new to an object with a controller is none of these: nobody else adopts it.
    """
    if field.is_within(OWNERS):
        return True
    if not live.has_controller:
        return field.is_within(LABELS)
    if field.path == LABELS:
        new = field.new if isinstance(field.new, dict) else {}
        return any(new.get(key) != value for key, value in live.labels.items())
    return field.is_within(LABELS) and field.old is not ABSENT
