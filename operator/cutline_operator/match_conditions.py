"""CEL conditions under which the API server asks the gate at all.

They are there to spare the cluster calls that surely need no decision. Under failurePolicy Fail an
expression that errs refuses the request, so nothing here selects a field that may be absent other
than optionally (`?.`), and `object`, which a DELETE does not have, is reached only behind a test of
the operation. Whoever is let through here is not judged at all: an expression may be too narrow in
what it skips, never too wide.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from cutline.domain.exempt import ExemptIdentity
from cutline.domain.normal_form import SHARE_ANNOTATIONS
from cutline.domain.user import CREDENTIAL_ID_KEY


@dataclass(frozen=True, slots=True)
class Condition:
    """One matchCondition: the request goes to the webhook only if it is true."""

    name: str
    expression: str

    def as_tree(self) -> dict[str, Any]:
        return {"name": self.name, "expression": self.expression}


def quoted(text: str) -> str:
    """A CEL string literal; the escapes that it shares with the names we quote suffice."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    if not escaped.isprintable():
        raise ValueError(f"cannot be part of an expression: {text!r}")
    return f"'{escaped}'"


def one_of(texts: Iterable[str]) -> str:
    """A CEL list of string literals."""
    return f"[{', '.join(map(quoted, texts))}]"


HAS_CREDENTIAL: Final = f"{quoted(CREDENTIAL_ID_KEY)} in request.userInfo.?extra.orValue({{}})"
_SPEC_DIFFERS: Final = "object.?spec.orValue({}) != oldObject.?spec.orValue({})"
_OWNERS_DIFFER: Final = (
    "object.?metadata.?ownerReferences.orValue([]) != oldObject.?metadata.?ownerReferences.orValue([])"
)
# The Deployment controller takes this annotation for an order to roll back.
_ORDER: Final = "'deprecated.deployment.rollback.to' in object.?metadata.?annotations.orValue({})"
_DEADLINE_DIFFERS: Final = (
    "object.?spec.?activeDeadlineSeconds.orValue(0) != oldObject.?spec.?activeDeadlineSeconds.orValue(0)"
)
_TOLERATIONS_DIFFER: Final = "object.?spec.?tolerations.orValue([]) != oldObject.?spec.?tolerations.orValue([])"
_LABELS_DIFFER: Final = "object.?metadata.?labels.orValue({}) != oldObject.?metadata.?labels.orValue({})"
_HAS_ENDED: Final = ".?status.?phase.orValue('') in ['Succeeded', 'Failed']"
_ENDS: Final = f"object{_HAS_ENDED} && !(oldObject{_HAS_ENDED})"
# Where the same condition stands twice, each reader takes the one that it meets first.
_READY_ONES: Final = ".?status.?conditions.orValue([]).filter(one, one.?type.orValue('') == 'Ready')"
_ALL_TRUE: Final = ".all(one, one.?status.orValue('') == 'True')"
_IS_LOST: Final = (
    f"oldObject{_READY_ONES}.size() > 0 && oldObject{_READY_ONES}{_ALL_TRUE}"
    f" && !(object{_READY_ONES}.size() > 0 && object{_READY_ONES}{_ALL_TRUE})"
)
_BY_KUBELET_OF_POD: Final = (
    "('system:nodes' in request.userInfo.?groups.orValue([])"
    " && oldObject.?spec.?nodeName.orValue('') != ''"
    " && request.userInfo.username == 'system:node:' + oldObject.?spec.?nodeName.orValue(''))"
)
_BY_KUBELET_OF_NODE: Final = (
    "('system:nodes' in request.userInfo.?groups.orValue([])"
    " && request.userInfo.username == 'system:node:' + oldObject.metadata.name)"
)
# The client with which an API server calls itself. An approver of client certificates may hand out the name,
# never the group: admission (CertificateSubjectRestriction) refuses that.
_BY_API_SERVER: Final = (
    "(request.userInfo.username == 'system:apiserver' && 'system:masters' in request.userInfo.?groups.orValue([]))"
)
# An API server serves these itself, so that in a healthy cluster no Service ever stands for them. Those with a
# dot in their name are listed, for a group that ends in .k8s.io (metrics.k8s.io) may well be somebody else's.
_BUILT_IN_GROUPS: Final = tuple(
    f"{name}.k8s.io"
    for name in (
        *("admissionregistration", "apiextensions", "apiregistration", "authentication", "authorization"),
        *("certificates", "coordination", "discovery", "events", "flowcontrol.apiserver", "internal.apiserver"),
        *("networking", "node", "rbac.authorization", "resource", "scheduling", "storage", "storagemigration"),
    )
)
_GROUP: Final = "object.?spec.?group.orValue('')"
_LEADS_BUILT_IN_AWAY: Final = (
    "(request.operation != 'DELETE' && object.?spec.?service.hasValue()"
    f" && (!{_GROUP}.contains('.') || {_GROUP} in {one_of(_BUILT_IN_GROUPS)}))"
)
_IS_OF_CUTLINE: Final = (
    "(request.operation == 'DELETE' ? oldObject : object).?metadata.?name.orValue('').endsWith('.cutline.dev')"
)
_REPLICAS: Final = "object.?spec.?replicas.orValue(0)"
_OLD_REPLICAS: Final = "oldObject.?spec.?replicas.orValue(0)"
# Everything of spec but the replicas is the same on both sides, and there are not fewer of them.
_IS_SCALE_UP: Final = (
    "(has(object.spec) && has(oldObject.spec) && has(object.spec.replicas) && has(oldObject.spec.replicas)"
    " && object.spec.replicas >= oldObject.spec.replicas"
    " && object.spec.all(k, k == 'replicas' || (k in oldObject.spec && object.spec[k] == oldObject.spec[k]))"
    " && oldObject.spec.all(k, k in object.spec))"
)
_OF_REPLICA_SETS: Final = "request.resource.resource == 'replicasets'"
# Its controller alone scales it, and keeps the annotations by which it does.
_IS_REPLICA_SET_OF_ANOTHER: Final = (
    f"({_OF_REPLICA_SETS}"
    " && oldObject.?metadata.?ownerReferences.orValue([]).exists(one, one.?controller.orValue(false)))"
)
_SHARES_DIFFER: Final = " || ".join(
    f"object.?metadata.?annotations[?{quoted(key)}] != oldObject.?metadata.?annotations[?{quoted(key)}]"
    for key in SHARE_ANNOTATIONS
)

WORKLOAD_CHANGES = Condition(
    "something-may-be-gated",
    f"{_LABELS_DIFFER} || {_OWNERS_DIFFER} || {_ORDER}"
    f" || ({_SPEC_DIFFERS} && !({_IS_SCALE_UP} && !{_IS_REPLICA_SET_OF_ANOTHER}))"
    f" || ({_IS_REPLICA_SET_OF_ANOTHER} && ({_SHARES_DIFFER}))",
)
# A Scale does not say whose a ReplicaSet is.
FEWER_REPLICAS_OR_OF_REPLICA_SETS = Condition(
    "fewer-replicas-or-of-replica-sets",
    f"{_REPLICAS} < {_OLD_REPLICAS} || ({_OF_REPLICA_SETS} && {_REPLICAS} != {_OLD_REPLICAS})",
)
COUNTS_OUR_KINDS = Condition(
    "counts-our-kinds", "object.?spec.?hard.orValue({}).exists(key, key.endsWith('.cutline.dev'))"
)
SAYS_IT_COUNTS_OUR_KINDS = Condition(
    "counts-our-kinds",
    "object.?status.?hard.orValue({}).exists(key, key.endsWith('.cutline.dev'))"
    f" && !({_BY_API_SERVER}"
    " || request.userInfo.username == 'system:serviceaccount:kube-system:resourcequota-controller')",
)
# The API server itself says of a definition whether it is established.
OUR_DEFINITIONS_BY_OTHERS = Condition(
    "our-definitions-by-others",
    f"oldObject.metadata.name.endsWith('.cutline.dev') && !{_BY_API_SERVER}",
)
# It also writes its own APIServices, and says of each whether it is available.
OUR_OR_BUILT_IN_APIS_BY_OTHERS = Condition(
    "our-or-built-in-apis-by-others", f"!{_BY_API_SERVER} && ({_IS_OF_CUTLINE} || {_LEADS_BUILT_IN_AWAY})"
)
LABELS_DIFFER = Condition("labels-differ", _LABELS_DIFFER)
POD_MAY_GO = Condition(
    "pod-may-go", f"{_LABELS_DIFFER} || {_OWNERS_DIFFER} || {_DEADLINE_DIFFERS} || {_TOLERATIONS_DIFFER}"
)
# The status of a ReplicaSet lets all of its metadata through.
LABELS_OWNERS_OR_SHARES_DIFFER = Condition(
    "labels-differ",
    f"{_LABELS_DIFFER} || {_OWNERS_DIFFER} || ({_IS_REPLICA_SET_OF_ANOTHER} && ({_SHARES_DIFFER}))",
)
# Controllers believe whoever says that a pod has ended or a node is lost; their own kubelets are not asked.
LABELS_OR_OWNERS_DIFFER_OR_POD_ENDS = Condition(
    "labels-differ", f"{_LABELS_DIFFER} || {_OWNERS_DIFFER} || ({_ENDS} && !{_BY_KUBELET_OF_POD})"
)
# A kubelet keeps the labels of its own node, and admission (NodeRestriction) says which.
LABELS_DIFFER_OR_NODE_LOST_NOT_BY_KUBELET = Condition(
    "labels-differ", f"!{_BY_KUBELET_OF_NODE} && ({_LABELS_DIFFER} || ({_IS_LOST}))"
)
DELETED_OR_SPEC_OR_METADATA_DIFFER = Condition(
    "deleted-or-changed",
    f"request.operation == 'DELETE' || {_SPEC_DIFFERS} || {_LABELS_DIFFER} || {_OWNERS_DIFFER}",
)
DELETED_OR_SPEC_DIFFERS = Condition("deleted-or-changed", f"request.operation == 'DELETE' || {_SPEC_DIFFERS}")
# A collection is deleted object by object, and the request then names none: the old object does.
CUTLINES_DELETED_OR_SPEC_DIFFERS = Condition(
    "cutlines-deleted-or-changed",
    f"oldObject.metadata.name.endsWith('.cutline.dev') && (request.operation == 'DELETE' || {_SPEC_DIFFERS})",
)
# Its kubelet deletes a pod once it has ended.
NOT_ITS_KUBELET = Condition("not-its-kubelet", f"!{_BY_KUBELET_OF_POD}")


def not_sent_by(username: str) -> Condition:
    """False for our own service account, whose requests must never come back to it."""
    return Condition("not-our-own", f"!(request.userInfo.username == {quoted(username)} && {HAS_CREDENTIAL})")


def exempt_identities(identities: Iterable[ExemptIdentity]) -> Condition:
    """False for exactly what `identities` may do unsigned."""
    rows = sorted(identities, key=_who)
    senders = [_sender(who, tuple(group)) for who, group in groupby(rows, key=_who)]
    return Condition("exempt-identities", f"!({' || '.join(senders)})" if senders else "true")


def _who(identity: ExemptIdentity) -> tuple[str, str, bool]:
    return identity.username, identity.group, identity.carries_credential


def _sender(who: tuple[str, str, bool], identities: tuple[ExemptIdentity, ...]) -> str:
    username, group, carries_credential = who
    terms = [f"request.userInfo.username == {quoted(username)}"]
    if group:
        terms.append(f"{quoted(group)} in request.userInfo.?groups.orValue([])")
    if carries_credential:
        terms.append(HAS_CREDENTIAL)
    acts = sorted({_act(identity) for identity in identities})
    terms.append(f"({' || '.join(acts)})")
    return f"({' && '.join(terms)})"


def _act(identity: ExemptIdentity) -> str:
    kept = f" && !({_SPEC_DIFFERS})" if identity.metadata_only else ""
    return (
        f"(request.operation == {quoted(identity.operation.value)}"
        f" && request.resource.group == {quoted(identity.api_group)}"
        f" && request.resource.resource == {quoted(identity.resource)}"
        f" && request.?subResource.orValue('') == {quoted(identity.subresource)}{kept})"
    )
