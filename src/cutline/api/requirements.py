"""Requirements on the wire: in policies as lines, in proposals as what was pinned."""

from datetime import timedelta

from cutline.api.fields import Fields
from cutline.domain.duration import parse_duration
from cutline.domain.errors import BadObject
from cutline.domain.requirement import Including, Requirement


def requirement_of(fields: Fields, policy: str, line: str, valid_for: timedelta | None) -> Requirement:
    """The demand that `fields` (`approvals`, `from`, `including`) make in the name of a line."""
    approvals = fields.integer("approvals", 1)
    if approvals < 1:
        raise BadObject(fields.path("approvals"), "must be at least 1")
    groups = frozenset(item.text("userGroup") for item in fields.children("from"))
    if not groups:
        raise BadObject(fields.path("from"), "is empty: nobody could sign; name at least one userGroup")
    return Requirement(
        policy=policy,
        line=line,
        approvals=approvals,
        from_groups=groups,
        including=tuple(
            Including(item.text("userGroup"), item.integer("atLeast", 1)) for item in fields.children("including")
        ),
        valid_for=valid_for,
    )


def optional_duration(fields: Fields, key: str) -> timedelta | None:
    """The duration at `key`, or `None` where there is none."""
    return parse_duration(fields.text(key), fields.path(key)) if key in fields else None


def pinned_requirement(fields: Fields) -> Requirement:
    """One entry of a proposal's `spec.requirement`."""
    valid_for = optional_duration(fields, "validFor")
    return requirement_of(fields, fields.text("policy"), fields.text("line"), valid_for)
