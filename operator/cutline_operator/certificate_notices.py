"""What people and monitoring are told about the certificates: ends, problems, replacements."""

import logging
from datetime import datetime, timedelta
from typing import Final

from cutline_operator.certificate_reading import Serving, signers_in
from cutline_operator.certificate_source import Problem, Supply, Trouble
from cutline_operator.certificate_store import WEBHOOK_SECRET, Stored
from cutline_operator.events import Event, EventReason, EventRecorder, EventType, Regarding
from cutline_operator.logs import OnChange
from cutline_operator.metrics import Metrics

_log = logging.getLogger(__name__)

# Where nothing else is set, the operator's own certificates and cert-manager's are replaced when this much of their
# life is left; of those that people bring nothing is known.
_LAST_THIRD: Final = 1 / 3
# How much of what is left when a renewal is due may pass before anybody has to look.
_PATIENCE: Final = 0.4


class CertificateNotices:
    """Tells each thing once: what is looked at every few seconds is mostly as it was."""

    def __init__(
        self,
        recorder: EventRecorder,
        metrics: Metrics,
        namespace: str,
        source_secret: str,
        renew_before: timedelta | None = None,
    ) -> None:
        """`renew_before` is how long before its end a certificate is replaced, where that is known to be set."""
        self._recorder = recorder
        self._metrics = metrics
        self._namespace = namespace
        self._source_secret = source_secret
        self._renew_before = renew_before
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
        if now < late_from(serving.leaf.not_valid_before_utc, end, self._renew_before):
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


def late_from(start: datetime, end: datetime, renew_before: timedelta | None) -> datetime:
    """From when a certificate that was not replaced yet is late: its renewal was due, and then some.

    One that lives no longer than `renew_before` is replaced like those for which nothing is set.
    """
    life = end - start
    left = renew_before if renew_before is not None and renew_before < life else life * _LAST_THIRD
    return end - left * (1 - _PATIENCE)
