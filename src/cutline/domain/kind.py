"""The kinds of object that the gate judges, each in the one version it is pinned to.

Adding a kind means adding a row here. What a kind's fields do to production is
not said here but in `actions/`.
"""

from dataclasses import dataclass
from enum import StrEnum

from cutline.domain.errors import Unrecognised


class Role(StrEnum):
    """What a kind is to the gate, as far as more than one action needs to know it."""

    WORKLOAD = "Workload"  # has a pod template and owns pods
    POD = "Pod"
    NODE = "Node"
    NAMESPACE = "Namespace"
    POLICY = "Policy"
    DEFINITION = "Definition"  # a CustomResourceDefinition of Cutline's own


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind with the resource it is served as.

    `version` is the one in which the gate asks the API server for objects of this
    kind (`matchPolicy: Equivalent` converts); `scales` says that it has a `scale`
    subresource.
    """

    group: str
    version: str
    kind: str
    resource: str
    role: Role
    namespaced: bool = True
    scales: bool = False

    @property
    def cluster_word(self) -> str:
        """The word by which a policy's `where.cluster` names this kind."""
        return self.kind + "s" if not self.kind.endswith("y") else self.kind[:-1] + "ies"

    def __str__(self) -> str:
        return self.kind.lower()


DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments", Role.WORKLOAD, scales=True)
STATEFUL_SET = Kind("apps", "v1", "StatefulSet", "statefulsets", Role.WORKLOAD, scales=True)
DAEMON_SET = Kind("apps", "v1", "DaemonSet", "daemonsets", Role.WORKLOAD)
REPLICA_SET = Kind("apps", "v1", "ReplicaSet", "replicasets", Role.WORKLOAD, scales=True)
POD = Kind("", "v1", "Pod", "pods", Role.POD)
NODE = Kind("", "v1", "Node", "nodes", Role.NODE, namespaced=False)
NAMESPACE = Kind("", "v1", "Namespace", "namespaces", Role.NAMESPACE, namespaced=False)
POLICY = Kind("cutline.dev", "v1alpha1", "ReversibilityPolicy", "reversibilitypolicies", Role.POLICY, namespaced=False)
DEFINITION = Kind(
    "apiextensions.k8s.io",
    "v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    Role.DEFINITION,
    namespaced=False,
)

KINDS = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET, REPLICA_SET, POD, NODE, NAMESPACE, POLICY, DEFINITION)

_BY_RESOURCE = {(kind.group, kind.resource): kind for kind in KINDS}
_BY_KIND = {(kind.group, kind.kind): kind for kind in KINDS}


def kind_of_resource(group: str, resource: str) -> Kind:
    """The kind that is served as `resource`; raises `Unrecognised` for any other."""
    try:
        return _BY_RESOURCE[group, resource]
    except KeyError:
        raise Unrecognised(f"resource {resource}.{group or 'core'} is not one the gate knows") from None


def kind_named(group: str, kind: str) -> Kind:
    """The kind of that group and name; raises `Unrecognised` for any other."""
    try:
        return _BY_KIND[group, kind]
    except KeyError:
        known = ", ".join(sorted(row.kind for row in KINDS))
        raise Unrecognised(
            f"kind {kind} of group {group or 'core'} is not one the gate knows; known are {known}"
        ) from None
