"""Rollback: a workload returns to an earlier revision of its pods.

Recognised by what the pods become, not by who asks: `kubectl rollout undo`, an apply of
an old manifest, `set image` back and a Helm rollback all end in a template that an owned
ReplicaSet (Deployment) or ControllerRevision (StatefulSet, DaemonSet) already holds.
A template that only resembles an old one is one too: the same pod spec under new labels
or annotations, or an image that an earlier revision ran. So is the order that the Deployment
controller still takes from an annotation, and cutting short the history that all of this is
recognised by.

More replicas of a ReplicaSet that has a controller are one, too: only its controller raises them
otherwise. What anybody else raises are pods of a revision that the Deployment has left, or of its
current one past the rollout; the controller makes room for them among the others (`scale`,
deployment/sync.go), and while the Deployment is paused it stays that way.
"""

from collections.abc import Iterator, Mapping

from cutline.domain.actions.model import EffectModel
from cutline.domain.actions.scale_down import REPLICAS, count_of
from cutline.domain.change import Change, Verb
from cutline.domain.difference import Field, apply, difference
from cutline.domain.effect import Effect
from cutline.domain.errors import BadObject, MissingFact
from cutline.domain.kind import DAEMON_SET, DEPLOYMENT, REPLICA_SET, STATEFUL_SET, Kind
from cutline.domain.live import Revision, World
from cutline.domain.normal_form import content_of
from cutline.domain.policy import Policies
from cutline.domain.tree import ABSENT, JsonObject, digest, lookup, with_value

TEMPLATE = "/spec/template"
_ANNOTATIONS = "/metadata/annotations"
_HISTORY = "/spec/revisionHistoryLimit"
_DEFAULT_HISTORY = 10  # apps/v1 defaulting
_ORDER = "deprecated.deployment.rollback.to"
REVISIONED: tuple[Kind, ...] = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)


def changes_template(change: Change) -> bool:
    """Whether a change may be a rollback, before anybody has read the revisions."""
    return change.verb is Verb.UPDATE and any(field.is_within(TEMPLATE) for field in change.fields)


def _recognise(change: Change, world: World, policies: Policies) -> bool:
    if change.verb is not Verb.UPDATE:
        return False
    if _forgets(change, world) or _starts_pods_of_a_revision(change, world):
        return True
    if world.live.kind not in REVISIONED:
        return False
    if _orders_the_controller(change, world):
        return True
    return changes_template(change) and _returned_to(change, world) is not None


def _forgets(change: Change, world: World) -> bool:
    """The memory that a rollback is recognised by is cut short, or a page of it rewritten."""
    if world.live.kind is REPLICA_SET:
        return world.live.has_controller and any(field.is_within(TEMPLATE) for field in change.fields)
    limit = change.field(_HISTORY)
    if world.live.kind not in REVISIONED or limit is None or limit.new is ABSENT:
        return False
    before = _DEFAULT_HISTORY if limit.old is ABSENT else limit.old
    return not isinstance(limit.new, int) or limit.new < before


def _starts_pods_of_a_revision(change: Change, world: World) -> bool:
    """A ReplicaSet that somebody else scales gets more replicas."""
    replicas = change.field(REPLICAS)
    if world.live.kind is not REPLICA_SET or not world.live.has_controller or replicas is None:
        return False
    return count_of(replicas.new) > count_of(replicas.old)


def _orders_the_controller(change: Change, world: World) -> bool:
    """The Deployment controller still rolls back by itself where this annotation tells it to."""
    if not any(field.is_within(_ANNOTATIONS) for field in change.fields):
        return False
    before = lookup(world.live.content, _ANNOTATIONS)
    after = lookup(apply(world.live.content, change.fields), _ANNOTATIONS)
    asked = {} if after is ABSENT else after
    return _ORDER in asked and (before is ABSENT or before.get(_ORDER) != asked[_ORDER])


def _returned_to(change: Change, world: World) -> Revision | None:
    """The earlier revision that the change returns to, the most exact and newest first."""
    if world.revisions is None:
        raise MissingFact(f"the revisions of {world.live.target} were not read")
    current = _template(world.live.content)
    new = _template(apply(world.live.content, change.fields))
    earlier = sorted(
        (revision for revision in world.revisions if revision.template != current),
        key=lambda revision: (revision.number, revision.uid),
        reverse=True,
    )
    for is_alike in (_same_template, _same_pods, _same_image_again):
        for revision in earlier:
            if is_alike(current, new, revision.template):
                return revision
    return None


def _template(content: JsonObject) -> JsonObject:
    template = lookup(content, TEMPLATE)
    return {} if template is ABSENT else template


def _same_template(current: JsonObject, new: JsonObject, old: JsonObject) -> bool:
    return new == old


def _same_pods(current: JsonObject, new: JsonObject, old: JsonObject) -> bool:
    """The pod spec of an earlier revision, whatever its labels and annotations say now."""
    return new.get("spec") == old.get("spec") and new.get("spec") != current.get("spec")


def _same_image_again(current: JsonObject, new: JsonObject, old: JsonObject) -> bool:
    """An image comes back that an earlier revision ran and the current one does not, in
    whatever container and however its name is written."""
    was, will_be, had = (frozenset(_images(template)) for template in (current, new, old))
    return bool((will_be - was) & had)


def _images(template: JsonObject) -> Iterator[str]:
    spec = template.get("spec") or {}
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        yield from image_names(str(container.get("image", "")))


def image_names(reference: str) -> Iterator[str]:
    """What an image reference names: by its digest, whatever the repository, and by its tag.

    A reference may carry both. A runtime then pulls by the digest, but what people had written
    before may be the tag alone.
    """
    name, _, digest_part = reference.partition("@")
    if digest_part:
        yield f"@{digest_part}"
    if not digest_part or ":" in name.rpartition("/")[2]:
        yield _tagged(name)


def _tagged(name: str) -> str:
    """A name as the container runtimes read it: registry and tag written out.

    Source: distribution/reference, the normalised named reference.
    """
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        first, rest = "docker.io", name
    first = "docker.io" if first == "index.docker.io" else first
    rest = f"library/{rest}" if first == "docker.io" and "/" not in rest else rest
    return f"{first}/{rest}" if ":" in rest.rpartition("/")[2] else f"{first}/{rest}:latest"


def _baseline(change: Change, world: World) -> Mapping[str, str]:
    returns = world.live.kind in REVISIONED and changes_template(change)
    revision = _returned_to(change, world) if returns else None
    return {
        "template": digest(_template(world.live.content)),
        "revision": revision.uid if revision else "",
    }


def _is_essential(field: Field) -> bool:
    """Part of a template is another template; the annotations that undo restores may stay away."""
    return field.is_within(TEMPLATE) or field.path in (_HISTORY, f"{_ANNOTATIONS}/{_ORDER}")


def _acts(field: Field, kind: Kind) -> bool:
    if _is_essential(field):
        return True
    if field.path == _ANNOTATIONS:
        return isinstance(field.new, dict) and _ORDER in field.new
    return kind is REPLICA_SET and field.is_within(REPLICAS)


MODEL = EffectModel(
    effect=Effect.ROLLBACK,
    recognise=_recognise,
    acts=_acts,
    is_essential=_is_essential,
    baseline=_baseline,
)


def render(world: World, to_revision: int) -> tuple[Change, ...]:
    """What `kubectl rollout undo --to-revision` does to the live workload (0: the previous one).

    Source: kubectl `polymorphichelpers/rollback.go`: for a Deployment the template and the
    annotations become the ReplicaSet's, for the others the template alone.
    """
    if world.live.kind is REPLICA_SET:
        raise BadObject(
            "spec.target.kind",
            "a ReplicaSet keeps no revisions: roll its Deployment back, or use `propose -- kubectl scale`",
        )
    if world.live.kind not in REVISIONED:
        raise BadObject("spec.target.kind", f"a {world.live.kind.kind} keeps no revisions to roll back to")
    revision = _chosen(world, to_revision)
    content = with_value(world.live.content, TEMPLATE, revision.template)
    if world.live.kind is DEPLOYMENT:
        annotations = dict(revision.annotations)
        content = with_value(content, _ANNOTATIONS, annotations or ABSENT)
    # In normal form again: where no annotation is left there is none, as in the request to come.
    fields: tuple[Field, ...] = difference(world.live.content, content_of(world.live.kind, content))
    if not any(field.is_within(TEMPLATE) for field in fields):
        raise BadObject("spec.rollback.toRevision", f"revision {revision.number} is what runs already")
    return (Change(world.live.target, Verb.UPDATE, fields),)


def _chosen(world: World, to_revision: int) -> Revision:
    known = sorted(world.revisions or (), key=lambda revision: revision.number)
    if to_revision:
        for revision in known:
            if revision.number == to_revision:
                return revision
        numbers = ", ".join(str(revision.number) for revision in known) or "none"
        raise BadObject("spec.rollback.toRevision", f"there is no revision {to_revision}; known are {numbers}")
    if len(known) < 2:
        raise BadObject("spec.rollback.toRevision", "there is no earlier revision to return to")
    return known[-2]
