"""The policy with which a new installation begins. It is made once, and then it is people's own."""

from typing import Any

from cutline.api.proposals import API_VERSION
from cutline.api.settings import StarterPolicy
from cutline.domain.kind import POLICY

_NOTE = "Made once when Cutline was installed. Change or delete it as you like; it is not made again."


def starter_policy(settings: StarterPolicy) -> dict[str, Any] | None:
    """The object to create; None where the settings want none."""
    if not settings.is_enabled:
        return None
    return {
        "apiVersion": API_VERSION,
        "kind": POLICY.kind,
        "metadata": {
            "name": settings.name,
            "labels": {"app.kubernetes.io/name": "cutline"},
            "annotations": {"cutline.dev/note": _NOTE},
        },
        "spec": settings.spec,
    }
