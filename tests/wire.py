"""Builders of objects as they are on the wire: each call gives a whole, plausible tree, as the API server would."""

from collections.abc import Mapping
from typing import Any

from cutline.domain.kind import DEPLOYMENT, Kind

SHOP = "shop"
LABELS = {"app": "web", "tier": "payments"}
LINE_LABELS = {"cutline.dev/line": "production"}


def make_template(image: str = "web:2", *, labels: Mapping[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A pod template with one container, `main`."""
    return {
        "metadata": {"labels": dict(labels or {"app": "web"})},
        "spec": {"containers": [{"name": "main", "image": image}], **spec},
    }


def make_workload(
    kind: Kind = DEPLOYMENT,
    *,
    name: str = "web",
    uid: str = "web-uid",
    replicas: int | None = 5,
    template: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    generation: int = 7,
    resource_version: str = "100",
    **spec: Any,
) -> dict[str, Any]:
    """A workload as it is on the wire; `spec` holds what else its spec says."""
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": SHOP,
        "uid": uid,
        "generation": generation,
        "resourceVersion": resource_version,
        "labels": dict(LABELS if labels is None else labels),
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    tree = {"selector": {"matchLabels": {"app": "web"}}, "template": dict(template or make_template()), **spec}
    if replicas is not None:
        tree["replicas"] = replicas
    return {
        "apiVersion": f"{kind.group}/{kind.version}",
        "kind": kind.kind,
        "metadata": metadata,
        "spec": tree,
        "status": {"replicas": 1},
    }


def make_pod(
    name: str = "web-1",
    *,
    uid: str = "",
    node: str = "node-1",
    phase: str = "Running",
    labels: Mapping[str, str] | None = None,
    owner: str = "",
    **spec: Any,
) -> dict[str, Any]:
    """A pod as it is on the wire; unbound where `node` is empty."""
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": SHOP,
        "uid": uid or f"{name}-uid",
        "resourceVersion": "200",
        "labels": dict(LABELS if labels is None else labels),
    }
    if owner:
        metadata["ownerReferences"] = [{"kind": owner, "name": "o", "uid": "o", "controller": True}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [{"name": "main"}], **({"nodeName": node} if node else {}), **spec},
        "status": {"phase": phase},
    }


def make_node(name: str = "node-1", **spec: Any) -> dict[str, Any]:
    """A node as it is on the wire."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "uid": f"{name}-uid", "resourceVersion": "300", "labels": {"zone": "a"}},
        "spec": spec,
    }


def make_namespace(name: str = SHOP, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A namespace as it is on the wire, inside every policy's reach unless `labels` say otherwise."""
    metadata = {"name": name, "uid": f"{name}-uid", "resourceVersion": "400"}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {**metadata, "labels": dict(LINE_LABELS if labels is None else labels)},
        "spec": {},
    }


def make_policy_tree(name: str = "production", **spec: Any) -> dict[str, Any]:
    """A `ReversibilityPolicy` as it is on the wire: the seed line, unless `spec` says otherwise."""
    return {
        "apiVersion": "cutline.dev/v1alpha1",
        "kind": "ReversibilityPolicy",
        "metadata": {"name": name, "uid": f"{name}-uid", "resourceVersion": "500", "generation": 1},
        "spec": {
            "enforcement": "Deny",
            "where": {"namespaces": {"matchLabels": LINE_LABELS}, "cluster": ["Nodes", "Namespaces"]},
            "lines": [make_line_tree()],
            **spec,
        },
    }


def make_line_tree(name: str = "seed-line", **changes: Any) -> dict[str, Any]:
    """One line of a policy on the wire."""
    return {
        "name": name,
        "actions": ["ScaleDown", "Rollback"],
        "require": {"approvals": 1, "from": [{"userGroup": "sre"}]},
        **changes,
    }
