"""Everything that the real API server serves is either asked about or left out with a reason.

A new version of Kubernetes that brings a new resource or subresource fails here until somebody
has said what a write to it does to production. `UNGATED` is what no gated effect comes from, or
comes from it only through a write that is asked about. `NOT_YET` is what the design gates and the
rules do not: every row of it is an open hole, and goes away with the rule that closes it. `LABELS_ONLY`
is updated past us unless its labels (or owners, or what else its condition names) change: the reason says
what of the rest counts. `SOME_ONLY` is asked about for some objects alone, by the condition of that name.

A key is RESOURCE[.GROUP][/SUBRESOURCE], with the operations it speaks of; without any it speaks
of all that the API server serves.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.e2e.cluster import Cluster

pytestmark = pytest.mark.e2e

_RECORD = "a record that Kubernetes' own controllers and clients keep; no pod follows from it"
_OWN_WRITER = "written all the time by its own controller; a heartbeat must never wait for us"
_REVIEW = "a question, not a change: webhooks are not asked about it (1.37)"
_EXEMPT = "the API server never asks webhooks about it: static policies or `doctor` (docs)"
_ACCESS = "who may do what: RBAC itself refuses escalation, `doctor` reports the holders"
_ADDS = "creating one adds; what it replaces is judged where it ends"
_INSIDE = "what happens inside a container is not the API server's to judge (documented)"
_CLASS = "read when something new is made; what runs stays"

UNGATED: Mapping[str, str] = {
    # Pods and what makes them.
    "bindings": "binds a pod that runs nowhere yet",
    "pods CREATE": "a cluster must be able to start without us; that a pod may preempt others is accepted",
    "pods/binding": "binds a pod that runs nowhere yet",
    "pods/ephemeralcontainers": "adds a container to a pod; what that does to its neighbours is " + _INSIDE,
    "pods/exec": _INSIDE,
    "pods/attach": _INSIDE,
    "pods/portforward": _INSIDE,
    "pods/proxy": _INSIDE,
    "podtemplates": _RECORD,
    "deployments.apps CREATE": _ADDS,
    "statefulsets.apps CREATE": _ADDS,
    "daemonsets.apps CREATE": _ADDS,
    "replicasets.apps CREATE": _ADDS + "; a Deployment that adopts it may share its pods with it (documented)",
    "replicationcontrollers CREATE": _ADDS,
    "jobs.batch CREATE": _ADDS,
    "cronjobs.batch CREATE": _ADDS,
    "replicationcontrollers/status": _OWN_WRITER,
    "cronjobs.batch/status": _OWN_WRITER,
    "horizontalpodautoscalers.autoscaling/status": _OWN_WRITER,
    "poddisruptionbudgets.policy CREATE": "a budget only holds evictions back",
    "poddisruptionbudgets.policy/status": _OWN_WRITER,
    "priorityclasses.scheduling.k8s.io": _CLASS,
    "runtimeclasses.node.k8s.io": _CLASS,
    "limitranges": _CLASS,
    "resourcequotas DELETE": "then less is refused; what runs stays",
    # Nodes and namespaces.
    "nodes CREATE": _ADDS,
    "nodes/proxy": _INSIDE,
    "leases.coordination.k8s.io": "heartbeats and leader elections: never asked about",
    "namespaces CREATE": _ADDS,
    # Traffic.
    "services CREATE": _ADDS,
    "services/proxy": _INSIDE,
    "services/status": _OWN_WRITER,
    "ingresses.networking.k8s.io CREATE": _ADDS,
    "ingresses.networking.k8s.io/status": _OWN_WRITER,
    "ipaddresses.networking.k8s.io": _RECORD,
    "servicecidrs.networking.k8s.io": _CLASS,
    "servicecidrs.networking.k8s.io/status": _OWN_WRITER,
    # Configuration and storage.
    "configmaps CREATE": _ADDS,
    "secrets CREATE": _ADDS,
    "persistentvolumeclaims CREATE": _ADDS,
    "persistentvolumeclaims/status": _OWN_WRITER,
    "persistentvolumes CREATE": _ADDS,
    "persistentvolumes/status": _OWN_WRITER,
    "csidrivers.storage.k8s.io": _CLASS,
    "csinodes.storage.k8s.io": _RECORD,
    "csinodes.storage.k8s.io/status": _OWN_WRITER,
    "csistoragecapacities.storage.k8s.io": _RECORD,
    "storageclasses.storage.k8s.io": _CLASS,
    "volumeattributesclasses.storage.k8s.io": _CLASS,
    "volumeattachments.storage.k8s.io/status": _OWN_WRITER,
    "deviceclasses.resource.k8s.io": _CLASS,
    "devicetaintrules.resource.k8s.io/status": _OWN_WRITER,
    "resourceclaims.resource.k8s.io": "protected by a finalizer while a pod uses it",
    "resourceclaims.resource.k8s.io/status": _OWN_WRITER,
    "resourceclaimtemplates.resource.k8s.io": _CLASS,
    "resourceslices.resource.k8s.io": "written by the kubelet's drivers all the time",
    "storageversionmigrations.storagemigration.k8s.io": "rewrites objects as they are",
    "storageversionmigrations.storagemigration.k8s.io/status": _OWN_WRITER,
    # Who is who, and what may be done.
    "serviceaccounts": _ACCESS,
    "serviceaccounts/token": _ACCESS,
    "roles.rbac.authorization.k8s.io": _ACCESS,
    "rolebindings.rbac.authorization.k8s.io": _ACCESS,
    "clusterroles.rbac.authorization.k8s.io": _ACCESS,
    "clusterrolebindings.rbac.authorization.k8s.io": _ACCESS,
    "certificatesigningrequests.certificates.k8s.io": _ACCESS,
    "certificatesigningrequests.certificates.k8s.io/approval": _ACCESS,
    "certificatesigningrequests.certificates.k8s.io/status": _ACCESS,
    "clustertrustbundles.certificates.k8s.io": _ACCESS,
    "podcertificaterequests.certificates.k8s.io": _ACCESS,
    "podcertificaterequests.certificates.k8s.io/status": _ACCESS,
    "selfsubjectreviews.authentication.k8s.io": _REVIEW,
    "tokenreviews.authentication.k8s.io": _REVIEW,
    "localsubjectaccessreviews.authorization.k8s.io": _REVIEW,
    "selfsubjectaccessreviews.authorization.k8s.io": _REVIEW,
    "selfsubjectrulesreviews.authorization.k8s.io": _REVIEW,
    "subjectaccessreviews.authorization.k8s.io": _REVIEW,
    # The API server itself.
    "events": _RECORD,
    "events.events.k8s.io": _RECORD,
    "mutatingadmissionpolicies.admissionregistration.k8s.io": _EXEMPT,
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": _EXEMPT,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _EXEMPT,
    "validatingadmissionpolicies.admissionregistration.k8s.io": _EXEMPT,
    "validatingadmissionpolicies.admissionregistration.k8s.io/status": _EXEMPT,
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": _EXEMPT,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _EXEMPT,
    "customresourcedefinitions.apiextensions.k8s.io CREATE": _ADDS,
    "flowschemas.flowcontrol.apiserver.k8s.io": "slows requests down; whoever waits too long is refused",
    "flowschemas.flowcontrol.apiserver.k8s.io/status": _OWN_WRITER,
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": "slows requests down",
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io/status": _OWN_WRITER,
}

NOT_YET: Mapping[str, str] = {
    # Delete.
    "deployments.apps DELETE": "Delete: the pods go with it",
    "statefulsets.apps DELETE": "Delete: the pods go with it",
    "daemonsets.apps DELETE": "Delete: the pods go with it",
    "replicasets.apps DELETE": "Delete: the pods go with it",
    "jobs.batch DELETE": "Delete: a run is lost",
    "cronjobs.batch DELETE": "Delete: it never runs again",
    "namespaces DELETE": "Delete: everything in it",
    "persistentvolumeclaims DELETE": "Delete: the data",
    "persistentvolumes DELETE": "Delete: the data",
    "secrets DELETE": "Delete",
    "configmaps DELETE": "Delete, DisableFeature",
    "volumeattachments.storage.k8s.io": "Delete: a volume is taken from under a pod",
    # ScaleDown.
    "replicationcontrollers UPDATE DELETE": "ScaleDown, Delete: it owns pods like a ReplicaSet",
    "replicationcontrollers/scale": "ScaleDown",
    "horizontalpodautoscalers.autoscaling": "ScaleDown: lower bounds are carried out by the autoscaler",
    "jobs.batch/status": "ScaleDown: a condition Failed, whoever wrote it, ends the job's pods",
    "jobs.batch UPDATE": "ScaleDown: suspend and parallelism end running pods",
    "cronjobs.batch UPDATE": "DisableFeature: suspend",
    "pods/resize": "ScaleDown: less CPU and memory; Restart, where the container says so in its resizePolicy",
    # Rollback and what holds an eviction back.
    "controllerrevisions.apps CREATE": "Restart: a copy of the current one under another name has every pod replaced",
    "controllerrevisions.apps UPDATE DELETE": "Rollback: what was forgotten is not recognised when it returns",
    "poddisruptionbudgets.policy UPDATE DELETE": "Drain: what held evictions back",
    # CutTraffic.
    "services UPDATE DELETE": "CutTraffic: selector and ports",
    "endpoints": "CutTraffic",
    "endpointslices.discovery.k8s.io": "CutTraffic",
    "ingresses.networking.k8s.io UPDATE DELETE": "CutTraffic",
    "ingressclasses.networking.k8s.io": "CutTraffic",
    "networkpolicies.networking.k8s.io": "CutTraffic: the first policy of a pod closes it",
    # DisableFeature.
    "configmaps UPDATE": "DisableFeature",
    "secrets UPDATE": "DisableFeature",
    "persistentvolumeclaims UPDATE": "Delete: finalizers and owners",
    "persistentvolumes UPDATE": "Delete: the reclaim policy says what becomes of the data",
    # Drain.
    "devicetaintrules.resource.k8s.io": "Drain: evicts the pods of a device",
}

LABELS_ONLY: Mapping[str, str] = {
    "pods": "with its owners, deadline and tolerations; open: a new image restarts a container (Restart)",
    "namespaces": "its spec holds finalizers, acted on only while it ends",
    "deployments.apps/status": "nobody removes anything because of it",
    "statefulsets.apps/status": "nobody removes anything because of it",
    "daemonsets.apps/status": "nobody removes anything because of it",
    "replicasets.apps/status": "with its share of a Deployment's pods; open: "
    "pods that are said to be available let a rollout end the old ones (ScaleDown)",
    "namespaces/status": "acted on only while the namespace ends",
    "namespaces/finalize": "acted on only while the namespace ends",
    "nodes/status": "with a node that is reported lost by others than its kubelet; the rest moves no pod",
    "pods/status": "with a pod reported ended by others than its kubelet; open: its Ready taken away (CutTraffic)",
}

# By the name of the condition: which objects of a resource are asked about, and why the others are not.
SOME_ONLY: Mapping[str, Mapping[str, str]] = {
    "counts-our-kinds": {
        "resourcequotas": "any other quota refuses what is new; what runs stays",
        "resourcequotas/status": "any other quota refuses what is new; what runs stays",
    },
    "our-definitions-by-others": {
        "customresourcedefinitions.apiextensions.k8s.io/status": "other people's, and what the API server says of ours",
    },
    "our-or-built-in-apis-by-others": {
        "apiservices.apiregistration.k8s.io": "open: other groups' (CutTraffic; metrics that an autoscaler believes)",
        "apiservices.apiregistration.k8s.io/status": "other groups', which the API server puts right within seconds",
    },
    "cutlines-deleted-or-changed": {"customresourcedefinitions.apiextensions.k8s.io": "other people's definitions"},
}

# Rules for what is not served; harmless.
SPARE = frozenset({"signoffs.cutline.dev/status"})

_CONFIGURATIONS = {
    "validatingwebhookconfigurations": ("cutline-gate", "cutline-kinds"),
    "mutatingwebhookconfigurations": ("cutline-kinds",),
}
_CONNECTED = ("/exec", "/attach", "/portforward", "/proxy")
_OPERATIONS = {
    "create": "CREATE",
    "update": "UPDATE",
    "patch": "UPDATE",
    "delete": "DELETE",
    "deletecollection": "DELETE",
}

Surface = dict[str, set[str]]


def _served(cluster: Cluster) -> Surface:
    """What the API server serves in any version: each resource with its writing operations."""
    paths = {"": ["/api/v1"]}
    for group in cluster.send("admin", "GET", "/apis").must_pass()["groups"]:
        paths[group["name"]] = [f"/apis/{version['groupVersion']}" for version in group["versions"]]
    found: Surface = {}
    for group, urls in paths.items():
        for url in urls:
            for resource in cluster.send("admin", "GET", url).must_pass()["resources"]:
                found.setdefault(_key(group, resource["name"]), set()).update(_operations(resource))
    return {key: operations for key, operations in found.items() if operations}


def _operations(resource: dict[str, Any]) -> Iterator[str]:
    if resource["name"].endswith(_CONNECTED):
        yield "CONNECT"
        return
    yield from (_OPERATIONS[verb] for verb in resource["verbs"] if verb in _OPERATIONS)


def _asked(cluster: Cluster) -> Surface:
    """What the three configurations as they stand ask us about, wherever it is; our own namespace has a guard more."""
    found: Surface = {}
    for kind, names in _CONFIGURATIONS.items():
        for name in names:
            webhooks = cluster.get(kind, name)["webhooks"]
            for webhook in (one for one in webhooks if one["name"] != "installation.kinds.cutline.dev"):
                for rule in webhook["rules"]:
                    for group in rule["apiGroups"]:
                        for resource in rule["resources"]:
                            found.setdefault(_key(group, resource), set()).update(rule["operations"])
    return found


def _key(group: str, resource: str) -> str:
    name, slash, subresource = resource.partition("/")
    return f"{name}.{group}{slash}{subresource}" if group else resource


def _table(rows: Mapping[str, str], served: Surface) -> Surface:
    found: Surface = {}
    for row in rows:
        key, *operations = row.split()
        found.setdefault(key, set()).update(operations or served.get(key, set()))
    return found


def _pairs(surface: Surface) -> set[str]:
    return {f"{key} {operation}" for key, operations in surface.items() for operation in operations}


def test_every_write_that_the_api_server_serves_is_asked_about_or_left_out_with_a_reason(cluster: Cluster) -> None:
    served = _served(cluster)
    known = _pairs(_asked(cluster)) | _pairs(_table(UNGATED, served)) | _pairs(_table(NOT_YET, served))
    assert not _pairs(served) - known, "classify these: what do they do to production?"


def test_nothing_is_both_asked_about_and_left_out(cluster: Cluster) -> None:
    served = _served(cluster)
    ungated, not_yet = _pairs(_table(UNGATED, served)), _pairs(_table(NOT_YET, served))
    assert not ungated & not_yet
    assert not _pairs(_asked(cluster)) & (ungated | not_yet), "these rows have been overtaken by a rule"


def test_rules_and_tables_name_only_what_is_served(cluster: Cluster) -> None:
    served = _served(cluster)
    named = {key for table in (UNGATED, NOT_YET, LABELS_ONLY, *SOME_ONLY.values()) for key in _table(table, served)}
    assert (_asked(cluster).keys() | named) - served.keys() <= SPARE


def test_what_is_asked_about_for_labels_alone_is_said_to_be(cluster: Cluster) -> None:
    assert _conditioned(cluster, "labels-differ") | _conditioned(cluster, "pod-may-go") == LABELS_ONLY.keys()


def test_what_is_asked_about_for_some_objects_alone_is_said_to_be(cluster: Cluster) -> None:
    assert {name: _conditioned(cluster, name) for name in SOME_ONLY} == {
        name: rows.keys() for name, rows in SOME_ONLY.items()
    }


def _conditioned(cluster: Cluster, condition: str) -> set[str]:
    """What is asked about under the condition of that name."""
    return {
        _key(group, resource)
        for webhook in cluster.get("validatingwebhookconfiguration", "cutline-gate")["webhooks"]
        + cluster.get("validatingwebhookconfiguration", "cutline-kinds")["webhooks"]
        if condition in [one["name"] for one in webhook.get("matchConditions", [])]
        for rule in webhook["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def test_every_rule_is_pinned_to_one_version_that_others_are_converted_to(cluster: Cluster) -> None:
    for kind, names in _CONFIGURATIONS.items():
        for name in names:
            for webhook in cluster.get(kind, name)["webhooks"]:
                assert webhook["matchPolicy"] == "Equivalent"
                assert webhook["failurePolicy"] == "Fail"
                for rule in webhook["rules"]:
                    assert len(rule["apiVersions"]) == 1
                    assert not {"*", "*/*"} & {*rule["apiVersions"], *rule["resources"], *rule["apiGroups"]}
