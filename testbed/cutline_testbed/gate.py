"""Whether Cutline stands in a cluster: the gate is configured, and its operator has done all that it does but once.

It refuses to take the configuration for the whole: the starter policy comes after it, and is made past the
webhook, so that whoever ends the webhook in between leaves an operator that cannot go on.
"""

from __future__ import annotations

from typing import Any

from cutline_testbed.kube_api import KubeApi

NAMESPACE = "cutline-system"
GATE_PATH = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/cutline-gate"
NOTES_PATH = f"/api/v1/namespaces/{NAMESPACE}/configmaps/cutline-operator-state"
# The operator first proves the webhook's TLS, then writes the configuration.
STANDS_WITHIN_S = 120.0
STANDS = "the operator had configured the gate and made the starter policy, if one is wanted"


def gate_stands(api: KubeApi) -> bool:
    """Now; it may have stood before and be gone."""
    return is_configured(api.get(GATE_PATH)) and is_complete(api.get(NOTES_PATH))


def is_configured(configuration: dict[str, Any] | None) -> bool:
    """There are webhooks in it and each knows whose certificate to trust."""
    webhooks = (configuration or {}).get("webhooks") or []
    return bool(webhooks) and all(webhook["clientConfig"].get("caBundle") for webhook in webhooks)


def is_complete(notes: dict[str, Any] | None) -> bool:
    """The operator's notes say that all is configured, which they do once a starter policy that is wanted was made."""
    return "configured" in ((notes or {}).get("data") or {})
