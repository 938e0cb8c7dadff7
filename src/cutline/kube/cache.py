"""A small collection held in memory, together with the proof of how fresh it is.

A decision may rely on a copy only if the copy is provably young. What proves it: a list just read, or
a watch that just delivered something (the API server delivers in order, so whatever came before has
been seen). A silent watch proves nothing, for a dead connection is silent too; and the API server's
bookmarks, about one a minute, are too rare for a limit of 60 s.

So a watch that has been silent for 25 s is dropped and the collection listed again. Of the cheaper
proofs, a `limit=1` list gives a revision the watch may not have reached, and `sendInitialEvents` is
not in every supported server and delivers the same objects. Lists of a few dozen objects twice a
minute cost nothing; a lost event is healed on the way.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final, Protocol

from cutline.kube.client import Listing
from cutline.kube.errors import Gone, KubeError
from cutline.kube.resources import JsonObject, ResourceRef
from cutline.kube.watch import WatchEvent, WatchEventKind

_log = logging.getLogger(__name__)

SILENCE_SECONDS: Final = 25.0
"""How long a watch may say nothing: leaves 35 s of a minute for failing lists and their repetition."""

_FIRST_RETRY_SECONDS: Final = 0.25
_LAST_RETRY_SECONDS: Final = 5.0

OnChange = Callable[[tuple[JsonObject, ...]], None]


class Source(Protocol):
    """What a collection is read from; `KubeClient` is one."""

    async def listing(self, ref: ResourceRef, namespace: str | None = None) -> Listing:
        """The collection now."""

    def watch(
        self, ref: ResourceRef, *, namespace: str | None = None, resource_version: str
    ) -> AsyncGenerator[WatchEvent, None]:
        """What happens to it afterwards."""


class WatchedCollection:
    """All objects of one resource. `run` keeps it; everything else may be read at any time."""

    def __init__(
        self,
        client: Source,
        ref: ResourceRef,
        namespace: str | None = None,
        *,
        on_change: OnChange | None = None,
        silence_seconds: float = SILENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_change` is given all items after each change, and must not raise.

        It is called in the event loop, before the items can be read here. `clock` is monotonic.
        """
        self._client = client
        self._ref = ref
        self._namespace = namespace
        self._on_change = on_change
        self._silence_seconds = silence_seconds
        self._clock = clock
        self._by_key: dict[tuple[str, str], JsonObject] = {}
        self._items: tuple[JsonObject, ...] = ()
        self._proved_at: float | None = None

    @property
    def items(self) -> tuple[JsonObject, ...]:
        """The objects by namespace and name; replaced as a whole, never changed."""
        return self._items

    @property
    def synced(self) -> bool:
        """Whether the collection was read at least once. Says nothing about its age."""
        return self._proved_at is not None

    def age(self, now_monotonic: float) -> float:
        """Seconds since the items were last proved current; infinite before the first list."""
        return float("inf") if self._proved_at is None else now_monotonic - self._proved_at

    async def run(self) -> None:
        """Keep the collection current until cancelled. No failure ends it: the age tells of them."""
        retry = _FIRST_RETRY_SECONDS
        while True:
            started = self._clock()
            try:
                await self._list_and_watch()
            except Gone as error:
                # The version fell out of the history: everyday life after a restart of etcd.
                _log.info("watch of %s starts anew: %s", self._ref.plural, error)
            except KubeError as error:
                _log.warning("watch of %s interrupted: %s", self._ref.plural, error)
            except Exception:
                # A defect of ours, or of on_change. Going on keeps the process observable, and the
                # age, which nothing renews now, keeps it from deciding on what may be wrong.
                _log.exception("watch of %s failed", self._ref.plural)
            if self._clock() - started >= self._silence_seconds:
                retry = _FIRST_RETRY_SECONDS
                continue
            # It ended early, with an error or because somebody in between cuts watches short. Jitter,
            # for all replicas lose the same API server in the same moment.
            await asyncio.sleep(retry * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
            retry = min(retry * 2, _LAST_RETRY_SECONDS)

    async def _list_and_watch(self) -> None:
        """One list and the watch that follows it; returns when the watch ends or falls silent."""
        # The list shows a state no older than the moment it was asked for, but perhaps not younger.
        asked_at = self._clock()
        listing = await self._client.listing(self._ref, self._namespace)
        self._publish({_key(item): item for item in listing.items})
        self._proved_at = asked_at
        stream = self._client.watch(self._ref, namespace=self._namespace, resource_version=listing.resource_version)
        async with aclosing(stream) as events:
            while True:
                try:
                    async with asyncio.timeout(self._silence_seconds):
                        event = await anext(events)
                except (StopAsyncIteration, TimeoutError):
                    return
                self._apply(event)
                self._proved_at = self._clock()

    def _apply(self, event: WatchEvent) -> None:
        if event.kind is WatchEventKind.BOOKMARK:
            return
        by_key = dict(self._by_key)
        if event.kind is WatchEventKind.DELETED:
            by_key.pop(_key(event.object), None)
        else:
            by_key[_key(event.object)] = event.object
        self._publish(by_key)

    def _publish(self, by_key: dict[tuple[str, str], JsonObject]) -> None:
        if by_key == self._by_key and self.synced:
            return
        items = tuple(by_key[key] for key in sorted(by_key))
        if self._on_change is not None:
            self._on_change(items)
        self._by_key = by_key
        self._items = items


def _key(item: JsonObject) -> tuple[str, str]:
    metadata = item.get("metadata", {})
    return str(metadata.get("namespace", "")), str(metadata.get("name", ""))
