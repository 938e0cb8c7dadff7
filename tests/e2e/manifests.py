"""What people write: proposals, sign-offs and policies, and parts of them."""

from typing import Any


def proposal(name: str, namespace: str, action: str, target: dict[str, str], **spec: Any) -> dict[str, Any]:
    """A proposal as a person writes it."""
    body = {"action": action, "target": target, "why": {"summary": "errors since the last change"}, **spec}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "cutline.dev/v1alpha1", "kind": "RemediationProposal", "metadata": metadata, "spec": body}


def signoff(name: str, namespace: str, of: str, digest: str, decision: str, **spec: Any) -> dict[str, Any]:
    """A sign-off as a person writes it."""
    body = {"proposal": of, "digest": digest, "decision": decision, "reason": "looked at the change", **spec}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "cutline.dev/v1alpha1", "kind": "Signoff", "metadata": metadata, "spec": body}


def policy(name: str, *lines: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A policy over the namespaces that carry its name as their line label."""
    where = {"namespaces": {"matchLabels": {"cutline.dev/line": name}}}
    body = {"where": where, "lines": list(lines), **spec}
    return {
        "apiVersion": "cutline.dev/v1alpha1",
        "kind": "ReversibilityPolicy",
        "metadata": {"name": name},
        "spec": body,
    }


def line(name: str, *actions: str, approvals: int = 1, including: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """A line that asks for approvals from sre."""
    require: dict[str, Any] = {"approvals": approvals, "from": [{"userGroup": "sre"}]}
    if including:
        require["including"] = [{"userGroup": group} for group in including]
    return {"name": name, "actions": list(actions), "require": require, **more}


CHECKOUT = {"group": "apps", "kind": "Deployment", "name": "checkout"}
POLICY = {"group": "cutline.dev", "kind": "ReversibilityPolicy"}


def scale_down(replicas: int) -> dict[str, Any]:
    return {"scaleDown": {"replicas": replicas}}
