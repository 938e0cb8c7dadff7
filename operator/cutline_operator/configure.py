"""Keeps the webhook configurations as they have to be.

They are created only after the webhook has answered; those that exist are put right whether it
answers or not: a gate that fails, fails closed. While the release's owning object is gone or going
nothing is written: that is an uninstall.

Polling in place of a watch: a few small reads every few seconds need no permission to list.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from cutline.api.settings import InstallationSettings
from cutline.kube.client import KubeClient
from cutline.kube.errors import NotFound
from cutline.kube.resources import MUTATING_CONFIGS, VALIDATING_CONFIGS, JsonObject, ResourceRef
from cutline_operator import webhook_configurations
from cutline_operator.certificate_reading import pem_of, read_bundle, unique
from cutline_operator.events import Event, EventReason, EventRecorder, EventType, regarding_object
from cutline_operator.logs import OnChange
from cutline_operator.metrics import Metrics
from cutline_operator.owner import Owner
from cutline_operator.probe import ProbeResult
from cutline_operator.webhook_configurations import GATE, OUR_KINDS, Connection, configured_by, drifts, was_edited

_log = logging.getLogger(__name__)

# Our own kinds first: when the gate begins to deny, what it asks for can be written.
_SLOTS: Final = (
    (VALIDATING_CONFIGS, OUR_KINDS),
    (MUTATING_CONFIGS, OUR_KINDS),
    (VALIDATING_CONFIGS, GATE),
)

Probe = Callable[[Connection], Awaitable[ProbeResult]]


@dataclass(frozen=True, slots=True)
class Slot:
    """One of our webhook configurations, as it is stored (None: not at all)."""

    ref: ResourceRef
    name: str
    stored: JsonObject | None

    @property
    def key(self) -> str:
        return f"{self.ref.plural}/{self.name}"


def wanted_configurations(
    settings: InstallationSettings, connection: Connection, owner: Owner
) -> tuple[dict[str, Any], ...]:
    """The configurations as they should be, in the order in which they are created."""
    return (
        webhook_configurations.kinds_validating(connection, owner, settings.webhook_user),
        webhook_configurations.kinds_mutating(connection, owner, settings.webhook_user),
        webhook_configurations.gate(connection, owner, settings.exempt),
    )


class Configurator:
    """Brings the three configurations nearer, pass by pass, to what is wanted."""

    def __init__(
        self,
        client: KubeClient,
        probe: Probe,
        probe_replicas: Probe,
        recorder: EventRecorder,
        metrics: Metrics,
    ) -> None:
        """`probe` asks the webhook as an API server does, `probe_replicas` asks every replica of it."""
        self._client = client
        self._probe = probe
        self._probe_replicas = probe_replicas
        self._recorder = recorder
        self._metrics = metrics
        self._trouble = OnChange(_log)
        self._kept_trust = OnChange(_log)

    async def read(self) -> list[Slot]:
        """The configurations as they are stored."""
        return [Slot(ref, name, await self._read(ref, name)) for ref, name in _SLOTS]

    async def without_losing_trust(self, slots: list[Slot], connection: Connection) -> Connection:
        """`connection`, as far as it can be written without an API server losing trust in a replica.

        Authorities are added at any time. One that a configuration of ours trusts leaves it only when every
        replica was verified without it; until then it is kept beside the others. Raises `KubeError`.
        """
        stored = [slot.stored for slot in slots if slot.stored is not None]
        wanted = read_bundle(connection.bundle)
        # What somebody else wrote into a configuration was never ours to trust.
        former = [
            one for tree in stored for one in configured_by([tree]).bundle if one not in wanted and not was_edited(tree)
        ]
        if not former:
            self._kept_trust.clear()
            return connection
        result = await self._probe_replicas(connection)
        if result.succeeded:
            _log.info("every replica was verified without the former authority, which is trusted no longer")
            return connection
        self._kept_trust.warn(f"a former authority stays trusted, for replicas may need it: {result.problem}")
        return replace(connection, bundle=connection.bundle + pem_of(*unique(former)))

    async def configure(
        self, slots: list[Slot], wanted: tuple[dict[str, Any], ...], connection: Connection, *, was_complete: bool
    ) -> bool:
        """Write what is missing or different; answers whether all of them stand afterwards.

        `was_complete` says that this installation had them all before: one that is missing was
        then taken away by somebody. Raises `KubeError`.
        """
        pairs = list(zip(slots, wanted, strict=True))
        for slot, tree in pairs:
            if slot.stored is not None:
                await self._repair(slot, slot.stored, tree)
        missing = [(slot, tree) for slot, tree in pairs if slot.stored is None]
        if missing and not await self._answers(connection):
            return False
        for slot, tree in missing:
            created = await self._client.create(slot.ref, tree)
            _log.info("%s created", slot.key)
            if was_complete:
                await self._report_drift(slot, created, "created again after it was deleted")
        return True

    async def _read(self, ref: ResourceRef, name: str) -> JsonObject | None:
        try:
            return await self._client.get(ref, name)
        except NotFound:
            return None

    async def _repair(self, slot: Slot, stored: JsonObject, wanted: dict[str, Any]) -> None:
        found = drifts(stored, wanted)
        if not found:
            return
        # With its resourceVersion: nothing that changed since it was read is overwritten unseen.
        metadata = {**stored["metadata"], **wanted["metadata"]}
        for part in ("labels", "annotations"):
            metadata[part] = {**(stored["metadata"].get(part) or {}), **wanted["metadata"][part]}
        repaired = await self._client.replace(slot.ref, slot.name, {**wanted, "metadata": metadata})
        if was_edited(stored):
            await self._report_drift(slot, repaired, f"put right after a change to {', '.join(found)}")
        else:
            _log.info("%s brought up to date: %s", slot.key, ", ".join(found))

    async def _report_drift(self, slot: Slot, stored: JsonObject, what: str) -> None:
        _log.warning("%s: %s", slot.key, what)
        self._metrics.configuration_drift.labels(slot.key).inc()
        occurrence = str(stored["metadata"].get("resourceVersion", ""))
        about = regarding_object(stored)
        event = Event(about, EventType.WARNING, EventReason.CONFIGURATION_DRIFT, f"{slot.key} {what}", occurrence)
        await self._recorder.record(event)

    async def _answers(self, connection: Connection) -> bool:
        result = await self._probe(connection)
        if result.succeeded:
            self._trouble.clear()
            return True
        self._metrics.probe_failures.inc()
        self._trouble.warn(f"not configured yet, for the webhook does not answer: {result.problem}")
        return False
