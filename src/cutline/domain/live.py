"""Objects and revisions as they stand in the cluster when a decision is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cutline.domain.kind import Kind
from cutline.domain.normal_form import FINISHED, content_of
from cutline.domain.target import Target, target_of
from cutline.domain.tree import JsonObject

_MIRROR_POD = "kubernetes.io/config.mirror"
_DEFAULT_GRACE_SECONDS = 30  # of a pod without terminationGracePeriodSeconds


@dataclass(frozen=True)
class Live:
    """An object as the API server gave it, with its content in normal form."""

    kind: Kind
    target: Target
    tree: JsonObject
    content: JsonObject

    @property
    def labels(self) -> Mapping[str, str]:
        return _mapping(self.content.get("metadata"), "labels")

    @property
    def resource_version(self) -> str:
        return str(self._metadata.get("resourceVersion", ""))

    @property
    def generation(self) -> int | None:
        """`metadata.generation`, which some kinds (nodes among them) do not have."""
        value = self._metadata.get("generation")
        return int(value) if value else None

    @property
    def is_bound_pod(self) -> bool:
        """A pod that a node runs or will run: removing it takes something away."""
        spec, status = self.tree.get("spec") or {}, self.tree.get("status") or {}
        return bool(spec.get("nodeName")) and status.get("phase") not in FINISHED

    @property
    def node_name(self) -> str:
        return str((self.tree.get("spec") or {}).get("nodeName", ""))

    @property
    def grace_seconds(self) -> int:
        """The seconds a pod has to end by itself when nobody says otherwise."""
        value = (self.tree.get("spec") or {}).get("terminationGracePeriodSeconds")
        return _DEFAULT_GRACE_SECONDS if value is None else int(value)

    @property
    def stays_in_a_drain(self) -> bool:
        """Pods that `kubectl drain` leaves alone: a DaemonSet's, a static pod's mirror."""
        owners = self._metadata.get("ownerReferences") or []
        of_daemon_set = any(owner.get("kind") == "DaemonSet" and owner.get("controller") for owner in owners)
        return of_daemon_set or _MIRROR_POD in (self._metadata.get("annotations") or {})

    @cached_property
    def has_controller(self) -> bool:
        """Whether another object manages this one."""
        return any(owner.get("controller") for owner in self._metadata.get("ownerReferences") or ())

    @property
    def is_terminating(self) -> bool:
        return bool(self._metadata.get("deletionTimestamp"))

    @property
    def seconds_it_was_left(self) -> int | None:
        """The grace of the deletion that an object is in the midst of; None without one."""
        value = self._metadata.get("deletionGracePeriodSeconds")
        return None if value is None or not self.is_terminating else int(value)

    @property
    def _metadata(self) -> Mapping[str, Any]:
        return self.tree.get("metadata") or {}


def live_of(kind: Kind, tree: JsonObject) -> Live:
    """An object of `kind` as it stands."""
    return Live(kind, target_of(kind, tree), tree, content_of(kind, tree))


@dataclass(frozen=True, slots=True)
class Revision:
    """An earlier state of a workload that its controller keeps.

    A Deployment keeps ReplicaSets, a StatefulSet or DaemonSet ControllerRevisions.
    The uid is the stable name: numbers move when a revision is returned to.
    """

    uid: str
    number: int
    template: JsonObject
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NamespaceState:
    """What a decision needs to know of a target's namespace."""

    labels: Mapping[str, str]
    is_terminating: bool


@dataclass(frozen=True, slots=True)
class World:
    """The facts about one target that effects, baselines and renderings depend on.

    `revisions` is `None` where nobody asked for them: a recogniser that needs them
    raises `MissingFact` then, so that a forgotten read can never look like "no effect".
    `autoscaler` is the name of the HorizontalPodAutoscaler that owns the replicas.
    """

    live: Live
    namespace: NamespaceState | None = None
    revisions: tuple[Revision, ...] | None = None
    pods: tuple[Live, ...] = ()
    autoscaler: str = ""


def _mapping(tree: Any, key: str) -> Mapping[str, str]:
    value = (tree or {}).get(key)
    return value if isinstance(value, Mapping) else {}
