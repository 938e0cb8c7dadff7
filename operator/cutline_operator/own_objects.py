"""Which of Cutline's own objects nobody may rewrite who could not end the gate anyway. Data; nothing runs.

Whoever can put another image into the webhook's Deployment, run a pod under its service account, or lead
its Service elsewhere decides what the gate says. Those who may delete the webhook configuration need none
of that, so the API server lets them through without asking: upgrades, rollbacks and uninstalls never wait
for the webhook that they are about. Evictions and deletions of pods stay what they are everywhere else.

Source: the `authorizer` variable of match conditions, Kubernetes KEP-3488; controllers as in
`bootstrappolicy/controller_policy.go`.
"""

from dataclasses import dataclass
from typing import Any, Final

from cutline.domain.request import Operation
from cutline_operator import match_conditions as conditions
from cutline_operator.match_conditions import Condition
from cutline_operator.rules import rule

# The namespace's label that the API server itself keeps.
_NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"
_CREATE, _UPDATE, _DELETE, _CONNECT = Operation.CREATE, Operation.UPDATE, Operation.DELETE, Operation.CONNECT
_CONTROLLERS: Final = tuple(
    f"system:serviceaccount:kube-system:{name}"
    for name in (
        *("cronjob-controller", "daemon-set-controller", "deployment-controller", "endpoint-controller"),
        *("endpointslice-controller", "endpointslicemirroring-controller", "horizontal-pod-autoscaler"),
        *("job-controller", "replicaset-controller", "replication-controller", "statefulset-controller"),
    )
)
# Objects of these kinds that are ours by name; of the other kinds, all in the namespace are.
_NAMED: Final = ("configmaps", "clusterroles", "clusterrolebindings")
_OUR_NAMES: Final = ("cutline-config", "cutline-operator-state", "cutline-operator", "cutline-webhook")


@dataclass(frozen=True, slots=True)
class OwnObjects:
    """One webhook's part: what it is asked about, where, and when."""

    rules: tuple[dict[str, Any], ...]
    namespace_selector: dict[str, Any]
    matching: tuple[Condition, ...]


def own_objects(namespace: str, configuration: str) -> OwnObjects:
    """For Cutline in `namespace`, whose gate is the webhook configuration of that name."""
    selector = {"matchExpressions": [{"key": _NAMESPACE_LABEL, "operator": "In", "values": [namespace]}]}
    return OwnObjects(_rules(), selector, (_is_ours(), _could_not_end_the_gate(configuration), _is_no_controller()))


def _rules() -> tuple[dict[str, Any], ...]:
    workloads = ("deployments", "replicasets", "statefulsets", "daemonsets")
    scales = ("deployments/scale", "replicasets/scale", "statefulsets/scale")
    return (
        rule("apps", "v1", (_CREATE, _UPDATE, _DELETE), *workloads),
        rule("apps", "v1", (_UPDATE,), *scales),
        rule("batch", "v1", (_CREATE, _UPDATE), "jobs", "cronjobs"),
        rule("", "v1", (_CREATE, _UPDATE), "pods", "replicationcontrollers"),
        rule("", "v1", (_UPDATE,), "pods/ephemeralcontainers", "pods/resize", "replicationcontrollers/scale"),
        rule("", "v1", (_CONNECT,), "pods/exec", "pods/attach"),
        rule("", "v1", (_UPDATE, _DELETE), "configmaps", "serviceaccounts", "services"),
        rule("", "v1", (_CREATE,), "serviceaccounts/token"),
        rule("", "v1", (_DELETE,), "namespaces"),
        rule("", "v1", (_CREATE, _UPDATE, _DELETE), "endpoints"),
        rule("discovery.k8s.io", "v1", (_CREATE, _UPDATE, _DELETE), "endpointslices"),
        rule("policy", "v1", (_UPDATE, _DELETE), "poddisruptionbudgets"),
        # Where the webhook reaches no API server, or no API server reaches it, every gated change is refused.
        rule("networking.k8s.io", "v1", (_CREATE, _UPDATE, _DELETE), "networkpolicies"),
        rule("rbac.authorization.k8s.io", "v1", (_CREATE, _UPDATE, _DELETE), "roles", "rolebindings"),
        rule("rbac.authorization.k8s.io", "v1", (_UPDATE, _DELETE), "clusterroles", "clusterrolebindings"),
    )


def _is_ours() -> Condition:
    """A collection is deleted object by object, and the request then names none: the old object does."""
    named = conditions.one_of(_NAMED)
    names = conditions.one_of(_OUR_NAMES)
    return Condition("is-ours", f"!(request.resource.resource in {named}) || oldObject.metadata.name in {names}")


def _could_not_end_the_gate(configuration: str) -> Condition:
    kind = "authorizer.group('admissionregistration.k8s.io').resource('validatingwebhookconfigurations')"
    check = f"{kind}.name({conditions.quoted(configuration)}).check('delete').allowed()"
    return Condition("could-not-end-the-gate", f"!{check}")


def _is_no_controller() -> Condition:
    """Controllers carry out what somebody wrote, and that write was looked at; kubelets get tokens for their pods."""
    controller = (
        f"request.userInfo.username in {conditions.one_of(_CONTROLLERS)}"
        " && 'system:serviceaccounts:kube-system' in request.userInfo.?groups.orValue([])"
        f" && {conditions.HAS_CREDENTIAL}"
    )
    kubelet = (
        "request.?subResource.orValue('') == 'token' && 'system:nodes' in request.userInfo.?groups.orValue([])"
        " && request.userInfo.username.startsWith('system:node:')"
    )
    return Condition("is-no-controller", f"!(({controller}) || ({kubelet}))")
