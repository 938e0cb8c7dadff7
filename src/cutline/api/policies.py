"""`ReversibilityPolicy` on the wire."""

from cutline.api.fields import Fields
from cutline.api.requirements import optional_duration, requirement_of
from cutline.domain.effect import Action
from cutline.domain.errors import BadObject
from cutline.domain.policy import Enforcement, Exemption, Line, OnDeny, Policies, Policy
from cutline.domain.selector import LabelRequirement, LabelSelector, Operator
from cutline.domain.tree import JsonObject


def policy_of(tree: JsonObject) -> Policy:
    """The policy that an object describes; raises `BadObject` for what cannot be meant."""
    name = Fields(tree.get("metadata"), "metadata").text("name")
    spec = Fields(tree.get("spec"), "spec")
    where = spec.child("where")
    lines = tuple(_line(name, fields) for fields in spec.children("lines"))
    if len({line.name for line in lines}) < len(lines):
        raise BadObject("spec.lines", "two lines have one name")
    if not lines:
        raise BadObject("spec.lines", "is empty: a policy without lines draws none")
    return Policy(
        name=name,
        enforcement=spec.enum("enforcement", Enforcement, Enforcement.DENY),
        namespaces=selector_of(where.child("namespaces")) if "namespaces" in where else None,
        cluster=frozenset(where.texts("cluster")),
        lines=lines,
        exemptions=tuple(_exemption(fields) for fields in spec.children("exempt")),
        on_deny=spec.enum("onDeny", OnDeny, OnDeny.REFUSE),
    )


def policies_of(trees: tuple[JsonObject, ...], *, is_fresh: bool) -> Policies:
    """All policies; one that cannot be read is named as broken, never left out."""
    items, broken = [], []
    for tree in trees:
        try:
            items.append(policy_of(tree))
        except BadObject:
            broken.append(str((tree.get("metadata") or {}).get("name", "?")))
    return Policies(
        items=tuple(sorted(items, key=lambda policy: policy.name)), broken=tuple(sorted(broken)), is_fresh=is_fresh
    )


def selector_of(fields: Fields) -> LabelSelector:
    """A `metav1.LabelSelector`."""
    equal = (
        LabelRequirement(key, Operator.IN, (value,)) for key, value in sorted(fields.text_map("matchLabels").items())
    )
    written = (
        LabelRequirement(item.text("key"), item.enum("operator", Operator), item.texts("values"))
        for item in fields.children("matchExpressions")
    )
    return LabelSelector((*equal, *written))


def _line(policy: str, fields: Fields) -> Line:
    name = fields.text("name")
    valid_for = optional_duration(fields, "validFor")
    return Line(
        name=name,
        actions=fields.enums("actions", Action),
        requirement=requirement_of(fields.child("require"), policy, name, valid_for),
        objects=selector_of(fields.child("objects")),
        takes_exemptions=_takes_exemptions(fields),
    )


def _takes_exemptions(fields: Fields) -> bool:
    value = fields.text("exemptions", "Allowed")
    if value not in ("Allowed", "Never"):
        raise BadObject(fields.path("exemptions"), f"{value!r} is not one of Allowed, Never")
    return value == "Allowed"


def _exemption(fields: Fields) -> Exemption:
    scale_down = fields.child("scaleDown")
    return Exemption(
        actions=fields.enums("actions", Action),
        never_below=scale_down.integer("neverBelow") if "neverBelow" in scale_down else None,
    )
