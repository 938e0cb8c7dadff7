"""Takes, one after the other, the steps that the certificates need now."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cutline.kube.resources import JsonObject
from cutline_operator.certificate_store import CertificateStore, Stored, after
from cutline_operator.certificates import Step, next_step
from cutline_operator.clock import Clock
from cutline_operator.metrics import Metrics
from cutline_operator.owner import Owner
from cutline_operator.webhook_configurations import bundles_of

_log = logging.getLogger(__name__)

# A first installation takes two. More in a row would mean that writing changes nothing.
_MOST_STEPS: Final = 4


class CertificateKeeper:
    """Looks after the two Secrets. Remembers since when the configurations trust the authority."""

    def __init__(self, store: CertificateStore, names: frozenset[str], metrics: Metrics, clock: Clock) -> None:
        self._store = store
        self._names = names
        self._metrics = metrics
        self._clock = clock
        self._trusted: tuple[bytes, datetime] | None = None

    async def keep(self, configurations: Sequence[JsonObject | None], owner: Owner) -> Stored:
        """Do what can be done now; answers what is stored afterwards. Raises `KubeError`.

        `configurations` are the webhook configurations as they are stored, None for each missing one.
        New Secrets belong to `owner`.
        """
        stored = await self._store.read()
        for _ in range(_MOST_STEPS):
            now = self._clock()
            state = stored.state(
                configurations_exist=any(one is not None for one in configurations),
                configured_since=self._trusted_since(stored, configurations, now),
            )
            if state.serving is not None:
                self._metrics.certificate_expiry.set(state.serving.certificate.not_valid_after_utc.timestamp())
            step = next_step(state, self._names, now)
            if step in (Step.NOTHING, Step.AWAIT_CONFIGURATION):
                break
            _log.info("certificates: %s", step.value)
            stored = await self._store.write(stored, after(stored, state, step, self._names, now), owner)
        return stored

    def _trusted_since(
        self, stored: Stored, configurations: Sequence[JsonObject | None], now: datetime
    ) -> datetime | None:
        """Since when every configuration there is was seen to trust the stored authority."""
        authority = stored.authority_pair
        bundles = [bundle for one in configurations if one is not None for bundle in bundles_of(one)]
        if authority is None or not all(authority.certificate_pem in bundle for bundle in bundles):
            self._trusted = None
            return None
        if self._trusted is None or self._trusted[0] != authority.fingerprint:
            self._trusted = (authority.fingerprint, now)
        return self._trusted[1]
