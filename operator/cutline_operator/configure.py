"""Keeps certificates and webhook configurations as they have to be.

One pass reads what is stored, takes the next step with the certificates, and then sees to the
configurations. They are created only after the webhook has answered; those that exist are put
right whether it answers or not: a gate that fails, fails closed. While the release's owning object
is gone or going nothing is created: that is an uninstall.

Polling in place of a watch: six small reads every few seconds need no permission to list.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cutline.kube.client import KubeClient
from cutline.kube.errors import NotFound
from cutline.kube.resources import MUTATING_CONFIGS, VALIDATING_CONFIGS, JsonObject, ResourceRef
from cutline_operator import webhook_configurations
from cutline_operator.certificate_store import CertificateStore, Stored, after
from cutline_operator.certificates import Step, next_step
from cutline_operator.clock import Clock
from cutline_operator.events import Event, EventReason, EventRecorder, EventType, regarding_object
from cutline_operator.metrics import Metrics
from cutline_operator.probe import ProbeResult
from cutline_operator.webhook_address import WebhookAddress
from cutline_operator.webhook_configurations import (
    GATE,
    OUR_KINDS,
    Connection,
    Owner,
    drifts,
)

_log = logging.getLogger(__name__)

# Steps in a row before something is plainly wrong; a first installation takes two.
_MOST_STEPS: Final = 4
# Our own kinds first: when the gate denies, what it asks for can be written.
_SLOTS: Final = (
    ("ValidatingWebhookConfiguration", OUR_KINDS, VALIDATING_CONFIGS),
    ("MutatingWebhookConfiguration", OUR_KINDS, MUTATING_CONFIGS),
    ("ValidatingWebhookConfiguration", GATE, VALIDATING_CONFIGS),
)

Probe = Callable[[Stored], Awaitable[ProbeResult]]
FindOwner = Callable[[], Awaitable[Owner | None]]


@dataclass(frozen=True, slots=True)
class Slot:
    """One of our webhook configurations, as it is stored (None: not at all) and as it should be."""

    ref: ResourceRef
    name: str
    stored: JsonObject | None
    wanted: dict[str, Any] | None

    @property
    def drift(self) -> tuple[str, ...]:
        """What is not as wanted."""
        if self.wanted is None or self.stored is None:
            return ()
        return drifts(self.stored, self.wanted)

    @property
    def key(self) -> str:
        return f"{self.ref.plural}/{self.name}"


class Configurator:
    """Brings the cluster nearer, pass by pass, to what the settings say."""

    def __init__(
        self,
        client: KubeClient,
        settings: OperatorSettings,
        probe: Probe,
        find_owner: FindOwner,
        recorder: EventRecorder,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._client = client
        self._settings = settings
        self._probe = probe
        self._find_owner = find_owner
        self._recorder = recorder
        self._metrics = metrics
        self._clock = clock
        self._store = CertificateStore(client, settings.namespace)
        self._seen: set[str] = set()
        # The authority that the configurations trust, and since when we know it.
        self._configured: tuple[bytes, datetime] | None = None

    async def run_once(self, *, was_configured: bool) -> Owner | None:
        """One pass; answers the owner if afterwards every configuration stands as it should.

        `was_configured` says that this installation had its configurations before: one that is
        missing was then taken away by somebody. Raises `KubeError`.
        """
        slots = await self._read_slots()
        stored = await self._certificates(slots)
        self._metrics.configured.set(0)
        if not stored.path:
            return None
        owner = await self._find_owner()
        if owner is None:
            _log.warning("the release's %s is gone: nothing is configured", self._settings.owner.name)
            return None
        wanted = self._wanted(stored, owner)
        slots = [Slot(slot.ref, slot.name, slot.stored, tree) for slot, tree in zip(slots, wanted, strict=True)]
        for slot in slots:
            await self._repair(slot)
        missing = [slot for slot in slots if slot.stored is None]
        if missing and not await self._answers(stored):
            return None
        for slot in missing:
            await self._create(slot, was_taken_away=was_configured or slot.key in self._seen)
        self._seen |= {slot.key for slot in slots}
        self._metrics.configured.set(1)
        return owner

    async def _read_slots(self) -> list[Slot]:
        return [Slot(ref, name, await self._read(ref, name), None) for _, name, ref in _SLOTS]

    async def _read(self, ref: ResourceRef, name: str) -> JsonObject | None:
        try:
            return await self._client.get(ref, name)
        except NotFound:
            return None

    async def _certificates(self, slots: list[Slot]) -> Stored:
        """Take every step that can be taken now; answers what is stored afterwards."""
        stored = await self._store.read()
        for _ in range(_MOST_STEPS):
            now = self._clock()
            state = stored.state(
                configurations_exist=any(slot.stored for slot in slots),
                configured_since=self._since(stored, slots, now),
            )
            if state.serving is not None:
                self._metrics.certificate_expiry.set(state.serving.certificate.not_valid_after_utc.timestamp())
            step = next_step(state, self._settings.endpoint.names, now)
            if step in (Step.NOTHING, Step.AWAIT_CONFIGURATION):
                return stored
            _log.info("certificates: %s", step.value)
            stored = await self._store.write(
                stored, after(stored, state, step, self._settings.endpoint.names, now)
            )
        return stored

    def _since(self, stored: Stored, slots: list[Slot], now: datetime) -> datetime | None:
        """Since when every configuration is known to trust the authority that is stored."""
        pair = stored.state(configurations_exist=False, configured_since=None).authority
        if pair is None or not all(_trusts(slot.stored, pair.certificate_pem) for slot in slots):
            self._configured = None
            return None
        if self._configured is None or self._configured[0] != pair.fingerprint:
            self._configured = (pair.fingerprint, now)
        return self._configured[1]

    def _wanted(self, stored: Stored, owner: Owner) -> tuple[dict[str, Any], ...]:
        connection = Connection(self._settings.endpoint, stored.path, stored.bundle)
        account = self._settings.webhook_account
        return (
            webhook_configurations.kinds_validating(connection, owner, account),
            webhook_configurations.kinds_mutating(connection, owner, account),
            webhook_configurations.gate(connection, owner, self._settings.exempt),
        )

    async def _repair(self, slot: Slot) -> None:
        if slot.stored is None or slot.wanted is None or not slot.drift:
            return
        metadata = {**slot.stored["metadata"], **slot.wanted["metadata"]}
        for key in ("labels", "annotations"):
            metadata[key] = {**(slot.stored["metadata"].get(key) or {}), **slot.wanted["metadata"][key]}
        repaired = await self._client.replace(slot.ref, slot.name, {**slot.wanted, "metadata": metadata})
        if not webhook_configurations.was_edited(slot.stored):
            _log.info("%s brought up to date: %s", slot.key, ", ".join(slot.drift))
            return
        await self._report_drift(slot, repaired, f"put right after a change to {', '.join(slot.drift)}")

    async def _create(self, slot: Slot, *, was_taken_away: bool) -> None:
        if slot.wanted is None:
            return
        created = await self._client.create(slot.ref, slot.wanted)
        _log.info("%s created", slot.key)
        if was_taken_away:
            await self._report_drift(slot, created, "created again after it was deleted")

    async def _report_drift(self, slot: Slot, stored: JsonObject, what: str) -> None:
        _log.warning("%s: %s", slot.key, what)
        self._metrics.configuration_drift.labels(slot.key).inc()
        key = str(stored["metadata"].get("resourceVersion", ""))
        await self._recorder.record(
            Event(regarding_object(stored), EventType.WARNING, EventReason.CONFIGURATION_DRIFT, what, key)
        )

    async def _answers(self, stored: Stored) -> bool:
        result = await self._probe(stored)
        if result.succeeded:
            return True
        self._metrics.probe_failures.inc()
        _log.warning("the webhook is not configured yet, for it does not answer: %s", result.problem)
        return False


def _trusts(configuration: JsonObject | None, certificate_pem: str) -> bool:
    """Whether every webhook of a configuration trusts the certificate."""
    webhooks = (configuration or {}).get("webhooks") or []
    return bool(webhooks) and all(certificate_pem in webhook_configurations.bundle_of(webhook) for webhook in webhooks)
