"""What each identity of the testbed may do, as data.

The agent's role is broad on purpose: Cutline has to hold the line against somebody whom RBAC
lets do nearly everything to workloads. It refuses to hand out Secrets to anyone but those who
read everything anyway.
"""

from __future__ import annotations

from typing import Any

READ = ["get", "list", "watch"]
WRITE = ["create", "update", "patch", "delete", "deletecollection"]

WORKLOADS_ROLE = "testbed-workloads"
VIEW_ROLE = "testbed-view"
PLATFORM_ROLE = "testbed-platform"
KWOK_ROLE = "testbed-kwok"
# The API server as a client of kubelets.
KUBELET_CLIENT = "kube-apiserver-kubelet-client"

Rule = dict[str, list[str]]


def _rule(groups: list[str], resources: list[str], verbs: list[str]) -> Rule:
    return {"apiGroups": groups, "resources": resources, "verbs": verbs}


def cluster_roles() -> list[dict[str, Any]]:
    return [
        _role(WORKLOADS_ROLE, _workloads()),
        _role(VIEW_ROLE, _view()),
        _role(PLATFORM_ROLE, _platform()),
        _role(KWOK_ROLE, _kwok()),
    ]


def role_binding(name: str, role: str, subjects: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    }


def controllers_as_one() -> dict[str, Any]:
    """What the controller manager needs where its controllers have no accounts of their own."""
    manager = user("system:kube-controller-manager")
    return role_binding("testbed-controllers-as-one", "cluster-admin", [manager])


def for_real_nodes() -> list[dict[str, Any]]:
    """What the API server may ask of kubelets, and what the cluster's DNS server reads."""
    dns = [
        _rule([""], ["endpoints", "services", "pods", "namespaces"], ["list", "watch"]),
        _rule(["discovery.k8s.io"], ["endpointslices"], ["list", "watch"]),
    ]
    return [
        role_binding("testbed-kubelet-client", "system:kubelet-api-admin", [user(KUBELET_CLIENT)]),
        _role("testbed-coredns", dns),
        role_binding("testbed-coredns", "testbed-coredns", [user("coredns")]),
    ]


def user(name: str) -> dict[str, str]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}


def group(name: str) -> dict[str, str]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": name}


def service_account(namespace: str, name: str) -> dict[str, str]:
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}


def _role(name: str, rules: list[Rule]) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": rules,
    }


def _workloads() -> list[Rule]:
    core = ["pods", "services", "configmaps", "persistentvolumeclaims", "nodes", "replicationcontrollers"]
    return [
        # Subresources too: scale, and status, which only its controller should ever write.
        _rule(["apps", "batch"], ["*"], READ + WRITE),
        _rule(["autoscaling"], ["horizontalpodautoscalers"], READ + WRITE),
        _rule(["policy"], ["poddisruptionbudgets"], READ + WRITE),
        _rule(["networking.k8s.io"], ["ingresses", "networkpolicies"], READ + WRITE),
        _rule(["discovery.k8s.io"], ["endpointslices"], READ + WRITE),
        _rule([""], core, READ + WRITE),
        _rule([""], ["replicationcontrollers/scale", "pods/resize"], ["get", "update", "patch"]),
        _rule([""], ["pods/eviction"], ["create"]),
        _rule([""], ["namespaces"], [*READ, "update", "patch"]),
    ]


def _view() -> list[Rule]:
    core = [
        *("pods", "pods/log", "pods/status", "services", "configmaps", "nodes", "namespaces", "events", "endpoints"),
        *("persistentvolumes", "persistentvolumeclaims", "replicationcontrollers", "replicationcontrollers/scale"),
        *("resourcequotas", "limitranges", "serviceaccounts", "podtemplates"),
    ]
    everything = [
        *("apps", "batch", "autoscaling", "policy", "networking.k8s.io", "discovery.k8s.io", "events.k8s.io"),
        *("scheduling.k8s.io", "storage.k8s.io", "coordination.k8s.io", "apiextensions.k8s.io"),
        *("admissionregistration.k8s.io", "rbac.authorization.k8s.io", "flowcontrol.apiserver.k8s.io"),
    ]
    return [_rule([""], core, READ), _rule(everything, ["*"], READ)]


def _platform() -> list[Rule]:
    return [
        _rule(["*"], ["*"], READ),
        {"nonResourceURLs": ["*"], "verbs": ["get"]},
        _rule([""], ["namespaces"], ["create", "update", "patch"]),
    ]


def _kwok() -> list[Rule]:
    """kwok plays the kubelet of every simulated node, so it gets what kubelets do."""
    return [
        _rule([""], ["nodes"], READ),
        _rule([""], ["pods"], [*READ, "update", "patch", "delete"]),
        _rule([""], ["nodes/status", "pods/status"], ["update", "patch"]),
        _rule(["", "events.k8s.io"], ["events"], ["create", "update", "patch"]),
        _rule(["coordination.k8s.io"], ["leases"], [*READ, "create", "update", "patch"]),
    ]
