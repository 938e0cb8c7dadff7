"""What people and monitoring are told about the certificates: ends, problems, replacements."""

import logging
from datetime import datetime
from typing import Final

from cutline_operator.certificate_reading import Serving, signers_in
from cutline_operator.certificate_source import Problem, Supply, Trouble
from cutline_operator.certificate_store import WEBHOOK_SECRET, Stored
from cutline_operator.events import Event, EventReason, EventRecorder, EventType, Regarding
from cutline_operator.logs import OnChange
from cutline_operator.metrics import Metrics

_log = logging.getLogger(__name__)

# Every way of renewal that we know begins when a third of the life is left.
_LATE: Final = 0.8


class CertificateNotices:
    """Tells each thing once: what is looked at every few seconds is mostly as it was."""

    def __init__(self, recorder: EventRecorder, metrics: Metrics, namespace: str, source_secret: str) -> None:
        self._recorder = recorder
        self._metrics = metrics
        self._namespace = namespace
        self._source_secret = source_secret
        self._trouble = OnChange(_log)
        self._expiring = OnChange(_log)
        self._served = ""

    async def tell(self, stored: Stored, supply: Supply, now: datetime) -> None:
        """Tell how it stands. Never raises for what the API server says."""
        self._measure(stored, supply)
        if isinstance(supply, Trouble):
            self._trouble.warn(f"the certificate cannot be used ({supply.problem.value}): {supply.text}")
            about = self._regarding(self._source_secret)
            await self._record(about, EventType.WARNING, EventReason.CERTIFICATE_PROBLEM, supply.text, f"{now:%F}")
        else:
            self._trouble.clear()
        if stored.serving is not None:
            await self._of_served(stored.serving, now)

    def _measure(self, stored: Stored, supply: Supply) -> None:
        found = supply.problem if isinstance(supply, Trouble) else None
        for problem in Problem:
            self._metrics.certificate_problem.labels(problem.value).set(problem is found)
        if stored.serving is None:
            return
        self._metrics.certificate_expiry.set(stored.serving.leaf.not_valid_after_utc.timestamp())
        signers = signers_in(stored.bundle, stored.serving)
        if signers:
            self._metrics.authority_expiry.set(max(one.not_valid_after_utc for one in signers).timestamp())

    async def _of_served(self, serving: Serving, now: datetime) -> None:
        about = self._regarding(WEBHOOK_SECRET)
        end = serving.leaf.not_valid_after_utc
        if self._served and self._served != serving.fingerprint:
            note = f"the webhook's certificate was replaced; the new one ends {end:%F %T} UTC"
            await self._record(about, EventType.NORMAL, EventReason.CERTIFICATE_REPLACED, note, serving.fingerprint)
        self._served = serving.fingerprint
        start = serving.leaf.not_valid_before_utc
        if now < start + (end - start) * _LATE:
            self._expiring.clear()
            return
        note = f"the webhook's certificate ends {end:%F %T} UTC and was not replaced yet; after that the API server"
        note += f" refuses what may be gated. It comes from secret {self._source_secret}"
        self._expiring.warn(note)
        # Again every day.
        key = f"{serving.fingerprint} {now:%F}"
        await self._record(about, EventType.WARNING, EventReason.CERTIFICATE_EXPIRING, note, key)

    async def _record(self, about: Regarding, type_: EventType, reason: EventReason, note: str, key: str) -> None:
        await self._recorder.record(Event(about, type_, reason, note, f"{key} {note}"))

    def _regarding(self, secret: str) -> Regarding:
        """By name alone: it may not exist, which is then what is told."""
        return Regarding("v1", "Secret", self._namespace, secret, "")
