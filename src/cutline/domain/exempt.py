"""Exempt identities: who the gate lets act unsigned, as data.

Kubernetes' own controllers carry out what people ordered: the write that ordered it is
what the gate judges. Each row is one exact user name doing one thing to one resource; a
row without which the cluster works is a hole, so every row has a test that needs it.

Source: Kubernetes `bootstrappolicy/controller_policy.go` for who does what.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from cutline.domain.kind import NODE
from cutline.domain.live import Live
from cutline.domain.request import Operation, Request
from cutline.domain.tree import JsonObject
from cutline.domain.user import User, service_account

_CONTROLLERS = "system:serviceaccounts:kube-system"
_KUBELETS = "system:nodes"
_KUBELET_PREFIX = "system:node:"


@dataclass(frozen=True, slots=True)
class ExemptIdentity:
    """One user name that may do one operation on one resource without a signature.

    `group` must be among the sender's groups where it is not empty. With
    `carries_credential` the sender must also show a credential id, as the real one was
    seen to do: plain impersonation shows none. With `metadata_only` the update must leave
    `spec` as it is. `why` is what would break without the row.
    """

    username: str
    operation: Operation
    api_group: str
    resource: str
    subresource: str
    group: str
    carries_credential: bool
    why: str
    metadata_only: bool = False

    def accepts(self, request: Request) -> bool:
        asked = (request.operation, request.group, request.resource, request.subresource)
        if asked != (self.operation, self.api_group, self.resource, self.subresource):
            return False
        if self.metadata_only and (request.object or {}).get("spec") != (request.old_object or {}).get("spec"):
            return False
        return _is_sender(self, request.user)


def _is_sender(identity: ExemptIdentity, user: User) -> bool:
    if user.username != identity.username:
        return False
    if identity.group and identity.group not in user.groups:
        return False
    return bool(user.credential_id) or not identity.carries_credential


def _controller(name: str, operation: Operation, resource: str, why: str, api_group: str = "") -> ExemptIdentity:
    """A controller of the controller-manager, under its own service account."""
    resource, _, subresource = resource.partition("/")
    username = service_account("kube-system", name)
    return ExemptIdentity(username, operation, api_group, resource, subresource, _CONTROLLERS, True, why)


def _keeper(name: str, resource: str, why: str, api_group: str = "") -> ExemptIdentity:
    """A controller that writes who owns an object, and nothing of what it is."""
    return replace(_controller(name, Operation.UPDATE, resource, why, api_group), metadata_only=True)


_DELETE, _UPDATE = Operation.DELETE, Operation.UPDATE
_REPORTS = ((_UPDATE, "", "pods", "status"), (_UPDATE, "", "nodes", "status"))

BUILT_IN: tuple[ExemptIdentity, ...] = (
    _controller("deployment-controller", _UPDATE, "replicasets", "rolling updates would stop", "apps"),
    _controller("horizontal-pod-autoscaler", _UPDATE, "deployments/scale", "autoscaling down would stop", "apps"),
    _controller("horizontal-pod-autoscaler", _UPDATE, "statefulsets/scale", "autoscaling down would stop", "apps"),
    _controller("horizontal-pod-autoscaler", _UPDATE, "replicasets/scale", "autoscaling down would stop", "apps"),
    _controller("replicaset-controller", _DELETE, "pods", "no ReplicaSet could shrink"),
    _controller("replication-controller", _DELETE, "pods", "no ReplicationController could shrink"),
    _controller("statefulset-controller", _DELETE, "pods", "no StatefulSet could roll or shrink"),
    _controller("daemon-set-controller", _DELETE, "pods", "no DaemonSet could roll or leave a node"),
    _controller("job-controller", _DELETE, "pods", "finished or failed jobs would keep their pods"),
    _controller("node-controller", _DELETE, "pods", "NoExecute taints would evict nobody"),
    _controller("node-controller", _UPDATE, "nodes", "lost nodes would not be tainted"),
    _controller("node-controller", _UPDATE, "nodes/status", "lost nodes would stay ready"),
    _controller("pod-garbage-collector", _DELETE, "pods", "pods of vanished nodes would stay"),
    _controller("pod-garbage-collector", _UPDATE, "pods/status", "nor would they be marked as failed before"),
    _controller("generic-garbage-collector", _DELETE, "pods", "pods would outlive their owners"),
    _controller("namespace-controller", _DELETE, "pods", "namespaces would never finish terminating"),
    _keeper("replicaset-controller", "pods", "no ReplicaSet could adopt or release a pod"),
    _keeper("replication-controller", "pods", "no ReplicationController could adopt or release a pod"),
    _keeper("statefulset-controller", "pods", "no StatefulSet could adopt or release a pod"),
    _keeper("daemon-set-controller", "pods", "no DaemonSet could adopt or release a pod"),
    _keeper("job-controller", "pods", "no Job could adopt or release a pod"),
    _keeper("generic-garbage-collector", "pods", "pods could not outlive an owner on request"),
    _keeper("generic-garbage-collector", "replicasets", "nor could ReplicaSets", "apps"),
    _keeper("generic-garbage-collector", "deployments", "nor could Deployments", "apps"),
    _keeper("generic-garbage-collector", "statefulsets", "nor could StatefulSets", "apps"),
    _keeper("generic-garbage-collector", "daemonsets", "nor could DaemonSets", "apps"),
    ExemptIdentity("system:kube-scheduler", _DELETE, "", "pods", "", "", True, "preemption would stop"),
)


_PARTS_OF_KUBERNETES = (
    service_account("kube-system", ""),
    "system:kube-",
    "system:apiserver",
    _KUBELET_PREFIX,
)


def is_part_of_kubernetes(user: User) -> bool:
    """Whether a controller, a kubelet or another part of the control plane acts.

    It carries out what somebody ordered. Were a signature good for its acts, whoever gave the
    order could sign it himself: what has to be signed is the order.
    """
    return user.username.startswith(_PARTS_OF_KUBERNETES)


def is_exempt(request: Request, live: Live | None, identities: Iterable[ExemptIdentity]) -> bool:
    """Whether the sender may do this unsigned; `live` is the pod where one is deleted."""
    if _is_own_kubelet(request, live) and _is_kubelets_business(request):
        return True
    return any(identity.accepts(request) for identity in identities)


def _is_own_kubelet(request: Request, live: Live | None) -> bool:
    """The kubelet of the node itself, or of the node that runs the pod."""
    node = "" if live is None else live.target.name if live.kind is NODE else live.node_name
    return bool(node) and _KUBELETS in request.user.groups and request.user.username == _KUBELET_PREFIX + node


def _is_kubelets_business(request: Request) -> bool:
    """It deletes a pod once it has ended, and reports how pod and node are; labels and owners are people's."""
    asked = (request.operation, request.group, request.resource, request.subresource)
    if asked == (_DELETE, "", "pods", ""):
        return True
    return asked in _REPORTS and _of_people(request.object) == _of_people(request.old_object)


def _of_people(tree: JsonObject | None) -> tuple[object, object]:
    metadata = (tree or {}).get("metadata") or {}
    return metadata.get("labels") or {}, metadata.get("ownerReferences") or []


def additional(row: Mapping[str, str]) -> ExemptIdentity:
    """An identity that the installation adds, for example an autoscaler's service account.

    No credential id is demanded of it: whether its authenticator gives one is not known here.
    """
    return ExemptIdentity(
        username=row["username"],
        operation=Operation(row["operation"]),
        api_group=row.get("group", ""),
        resource=row["resource"],
        subresource=row.get("subresource", ""),
        group="",
        carries_credential=False,
        why="added by the installation",
    )
