"""Kubernetes events, with which people see in `kubectl describe` and `kubectl events` what happened.

An event's name is derived from what it says, so that the same thing said twice, by this process or
by its successor, is one event. Losing an event loses no state: failures are logged and forgotten.
"""

import hashlib
import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from cutline.domain.target import Target
from cutline.domain.text import visible
from cutline.kube.client import KubeClient
from cutline.kube.errors import AlreadyExists, KubeError
from cutline.kube.resources import EVENTS, JsonObject
from cutline.process.clock import Clock

_log = logging.getLogger(__name__)

CONTROLLER: Final = "cutline.dev/operator"
_MAX_NOTE: Final = 1024  # bytes; events.k8s.io/v1 validation
_MAX_PREFIX: Final = 200
# Events about objects without a namespace stand here (core event validation).
_NAMESPACE_OF_CLUSTER_SCOPED: Final = "default"


class EventType(StrEnum):
    """How loud an event is."""

    NORMAL = "Normal"
    WARNING = "Warning"


class EventReason(StrEnum):
    """Why an event is there, in one word."""

    PROPOSED = "Proposed"
    APPROVED = "Approved"
    REJECTED = "Rejected"
    REVOKED = "Revoked"
    EXPIRED = "Expired"
    STALE = "Stale"
    USED = "Used"
    COMPLETED = "Completed"
    NEVER_HAPPENED = "NeverHappened"
    EMERGENCY = "Emergency"
    EMERGENCY_REVIEWED = "EmergencyReviewed"
    CONFIGURATION_DRIFT = "ConfigurationDrift"
    CERTIFICATE_PROBLEM = "CertificateProblem"
    CERTIFICATE_EXPIRING = "CertificateExpiring"
    CERTIFICATE_REPLACED = "CertificateReplaced"


@dataclass(frozen=True, slots=True)
class Regarding:
    """The object that an event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth telling. `note` is for people; `key` says which occurrence it is."""

    regarding: Regarding
    type: EventType
    reason: EventReason
    note: str
    key: str = ""


def regarding_object(tree: JsonObject) -> Regarding:
    """An object as the API server gave it."""
    metadata = tree.get("metadata") or {}
    return Regarding(
        api_version=str(tree.get("apiVersion", "")),
        kind=str(tree.get("kind", "")),
        namespace=str(metadata.get("namespace", "")),
        name=str(metadata.get("name", "")),
        uid=str(metadata.get("uid", "")),
    )


def regarding_target(target: Target) -> Regarding:
    """The object that a change is about."""
    row = target.kind_row
    version = f"{row.group}/{row.version}" if row.group else row.version
    return Regarding(version, target.kind, target.namespace, target.name, target.uid)


def name_of(event: Event) -> str:
    """The name of an event: the object's, and a digest of what is said about which occurrence."""
    said = "\n".join((event.regarding.uid, event.reason, event.key or event.note))
    digest = hashlib.sha256(said.encode()).hexdigest()[:16]
    return f"{event.regarding.name[:_MAX_PREFIX].rstrip('.-') or 'cutline'}.{digest}"


def event_as_tree(event: Event, moment: str) -> JsonObject:
    """The event on the wire (events.k8s.io/v1); `moment` in RFC 3339 with microseconds."""
    about = event.regarding
    regarding: dict[str, Any] = {"apiVersion": about.api_version, "kind": about.kind, "name": about.name}
    if about.namespace:
        regarding["namespace"] = about.namespace
    if about.uid:
        regarding["uid"] = about.uid
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name_of(event), "namespace": about.namespace or _NAMESPACE_OF_CLUSTER_SCOPED},
        "eventTime": moment,
        "reportingController": CONTROLLER,
        "reportingInstance": CONTROLLER,
        "action": event.reason.value,
        "reason": event.reason.value,
        "type": event.type.value,
        "regarding": regarding,
        "note": safe_text(event.note),
    }


def safe_text(text: str) -> str:
    """`text` on one line, without what would move a terminal's cursor or hide characters."""
    shown = visible(text)
    encoded = shown.encode("utf-8", "replace")
    return shown if len(encoded) <= _MAX_NOTE else encoded[: _MAX_NOTE - 3].decode("utf-8", "ignore") + "..."


class EventRecorder:
    """Creates events; what was said once by this process is not sent again."""

    def __init__(self, client: KubeClient, clock: Clock, remembered: int = 10_000) -> None:
        self._client = client
        self._clock = clock
        self._remembered = remembered
        self._said: dict[str, None] = {}

    async def record(self, event: Event) -> None:
        """Tell it, once. Never raises for what the API server says."""
        tree = event_as_tree(event, self._clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
        namespace, name = tree["metadata"]["namespace"], tree["metadata"]["name"]
        if f"{namespace}/{name}" in self._said:
            return
        try:
            await self._client.create(EVENTS, tree, namespace)
        except AlreadyExists:
            pass
        except KubeError as error:
            _log.warning("event %s about %s was not recorded: %s", event.reason, event.regarding.name, error)
            return
        self._said[f"{namespace}/{name}"] = None
        if len(self._said) > self._remembered:
            self._said.pop(next(iter(self._said)))
