"""`Signoff` on the wire."""

from cutline.api.fields import Fields
from cutline.api.requirements import optional_duration
from cutline.api.users import user_from_stamp
from cutline.domain.narrowing import Narrowing
from cutline.domain.signoff import Decision, Signoff
from cutline.domain.tree import JsonObject


def signoff_of(tree: JsonObject) -> Signoff:
    """The sign-off that a stored object is; raises `BadObject` where the gate's stamps are missing."""
    metadata, spec = Fields(tree.get("metadata"), "metadata"), Fields(tree.get("spec"), "spec")
    return Signoff(
        namespace=metadata.text("namespace"),
        name=metadata.text("name"),
        uid=metadata.text("uid", ""),
        created=metadata.time("creationTimestamp"),
        proposal_uid=spec.text("proposalUID"),
        digest=spec.text("digest"),
        decision=spec.enum("decision", Decision),
        by=user_from_stamp(spec.child("by")),
        narrowing=narrowing_of(spec),
        reason=spec.text("reason", ""),
    )


def narrowing_of(spec: Fields) -> Narrowing:
    """What a sign-off's `narrow` takes away."""
    fields = spec.child("narrow")
    return Narrowing(
        replicas=fields.integer("replicas") if "replicas" in fields else None,
        pods=frozenset(fields.texts("pods")) if "pods" in fields else None,
        valid_for=optional_duration(fields, "validFor"),
    )
