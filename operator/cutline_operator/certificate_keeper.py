"""Takes, one after the other, the steps that the webhook's certificate needs now."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

from cutline.kube.resources import JsonObject
from cutline.process.clock import Clock
from cutline_operator import certificate_store
from cutline_operator.certificate_notices import CertificateNotices
from cutline_operator.certificate_reading import Certificates, pem_of, read_bundle
from cutline_operator.certificate_source import Preparation, Source, Supply, Trouble
from cutline_operator.certificate_steps import CertificateState, Patience, Step, Wanted, next_step
from cutline_operator.certificate_store import WEBHOOK_SECRET, SecretStore, Stored
from cutline_operator.owner import Owner
from cutline_operator.webhook_configurations import bundles_of, configured_by

_log = logging.getLogger(__name__)

# A first installation takes two. More in a row would mean that writing changes nothing.
_MOST_STEPS: Final = 4


class State(StrEnum):
    """How it stands with the certificate, for people and for scripts that wait."""

    SETTLED = "Settled"
    """What should be served is served, and nobody but its authorities is trusted."""
    ROTATING = "Rotating"
    BLOCKED = "Blocked"
    """What others have to provide cannot be used; what was served before still is."""


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """The status, and why."""

    state: State
    text: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the webhook and the configurations are to use after a pass."""

    path: str
    bundle: str
    status: CertificateStatus


Note = Callable[[CertificateStatus], Awaitable[None]]
"""Writes down how it stands, where people find it."""


class CertificateKeeper:
    """Looks after the webhook's Secret. Remembers since when the configurations trust what is wanted."""

    def __init__(
        self, store: SecretStore, source: Source, patience: Patience, notices: CertificateNotices, clock: Clock
    ) -> None:
        self._store = store
        self._source = source
        self._patience = patience
        self._notices = notices
        self._clock = clock
        self._trusted: tuple[Certificates, datetime] | None = None

    async def keep(self, configurations: Sequence[JsonObject | None], owner: Owner, note: Note) -> Kept:
        """Do what can be done now; answers what is stored afterwards. Raises `KubeError`.

        `configurations` are the webhook configurations as they are stored, None for each missing one.
        New Secrets belong to `owner`. `note` hears of a change before it is made: who waits for the end of
        one that he asked for never finds the word of before.
        """
        trees = [tree for tree in configurations if tree is not None]
        stored = Stored(await self._store.read(WEBHOOK_SECRET), configured_by(trees))
        status = CertificateStatus(State.ROTATING)
        for _ in range(_MOST_STEPS):
            now = self._clock()
            supply = await self._source.supply(stored, now)
            step = self._step(stored, supply, trees, now)
            status = _status_of(step, supply)
            await self._notices.tell(stored, supply, now)
            if step.is_passive:
                break
            await note(status)
            _log.info("certificates: %s", step.value)
            stored = await self._take(step, stored, supply, owner, now)
        return Kept(stored.path, pem_of(*stored.bundle), status)

    def _step(self, stored: Stored, supply: Supply, trees: Sequence[JsonObject], now: datetime) -> Step:
        match supply:
            case Preparation():
                return Step.MAKE_AUTHORITY
            case Trouble():
                return Step.NOTHING
            case Wanted():
                state = CertificateState(
                    bundle=stored.bundle,
                    serving=stored.serving,
                    served_since=stored.served_since or now,
                    configurations_exist=bool(trees),
                    trusted_since=self._trusted_since(supply.anchors, trees, now),
                )
                return next_step(state, supply, self._patience, now)
        assert_never(supply)

    async def _take(self, step: Step, stored: Stored, supply: Supply, owner: Owner, now: datetime) -> Stored:
        if not isinstance(supply, Wanted):
            await self._source.prepare(owner, now)
            return stored
        match step:
            case Step.ANNOUNCE:
                tree = certificate_store.announcing(stored, supply.anchors)
            case Step.SERVE:
                tree = certificate_store.serving_with(stored, supply.make(), supply.anchors, now)
            case Step.RETIRE:
                tree = certificate_store.retiring(stored, supply.anchors)
            case _:
                raise ValueError(f"{step.value} is nothing to write")
        return Stored(await self._store.write(WEBHOOK_SECRET, tree, owner), stored.configured)

    def _trusted_since(self, anchors: Certificates, trees: Sequence[JsonObject], now: datetime) -> datetime | None:
        """Since when every webhook of every configuration was seen to trust all of `anchors`."""
        bundles = [read_bundle(bundle) for tree in trees for bundle in bundles_of(tree)]
        if any(anchor not in bundle for bundle in bundles for anchor in anchors):
            self._trusted = None
            return None
        if self._trusted is None or self._trusted[0] != anchors:
            self._trusted = (anchors, now)
        return self._trusted[1]


_WORDS: Final = {
    Step.NOTHING: "",
    Step.MAKE_AUTHORITY: "making a new authority",
    Step.ANNOUNCE: "announcing an authority to the API servers",
    Step.AWAIT_CONFIGURATION: "giving the API servers time to learn of an authority",
    Step.SERVE: "giving the webhook a new certificate",
    Step.AWAIT_REPLICAS: "giving every replica time to serve the new certificate",
    Step.RETIRE: "ending the trust in a former authority",
}


def _status_of(step: Step, supply: Supply) -> CertificateStatus:
    if isinstance(supply, Trouble):
        return CertificateStatus(State.BLOCKED, f"{supply.problem.value}: {supply.text}")
    return CertificateStatus(State.SETTLED if step is Step.NOTHING else State.ROTATING, _WORDS[step])
