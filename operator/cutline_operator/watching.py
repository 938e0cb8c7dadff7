"""Filling the index, and keeping it true: lists first, then Kopf's watches, then a list now and then.

A status that is worked out before the sign-offs were read would take back what was signed. So
nothing is worked out before each kind was read once. And a watch that was interrupted for long
does not tell what was deleted meanwhile: the lists do.
"""

import asyncio
import logging
from typing import Final

from cutline.kube.client import KubeClient
from cutline.kube.errors import KubeError
from cutline.kube.resources import JsonObject
from cutline_operator import handlers
from cutline_operator.index import Index, Key, Kind, Topic
from cutline_operator.sweep import Sweep

_log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 2.0
_RELIST_SECONDS: Final = 600.0
_LIST_TIMEOUT_SECONDS: Final = 60.0
# Sign-offs and claims before the proposals that they are about.
_ORDER: Final = (Kind.POLICY, Kind.SIGNOFF, Kind.ADMITTED_CHANGE, Kind.PROPOSAL)


class Watching:
    """Keeps one index. `is_filled` once every kind was read."""

    def __init__(self, client: KubeClient, namespace: str, index: Index, sweep: Sweep) -> None:
        self._client = client
        self._namespace = namespace
        self._index = index
        self._sweep = sweep
        self.is_filled = False

    async def run(self) -> None:
        """Until cancelled, or until a watch ends that should not."""
        await self._fill()
        parts = (
            handlers.watch(handlers.EVERYWHERE, None, self._deliver),
            handlers.watch(handlers.IN_OUR_NAMESPACE, self._namespace, self._deliver),
            self._sweep.run(),
            self._relist(),
        )
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _deliver(self, kind: Kind, what: str | None, tree: JsonObject) -> None:
        """News from a watch."""
        change = self._index.remove if what == "DELETED" else self._index.put
        self._sweep.touch(change(kind, tree))

    async def _fill(self) -> None:
        """Read every kind once, however long that takes: our definitions may not be served yet."""
        while not self.is_filled:
            try:
                await self._read_all()
                self.is_filled = True
            except KubeError as error:
                _log.warning("our kinds cannot be read yet: %s", error)
                await asyncio.sleep(_RETRY_SECONDS)
        self._sweep.touch((Key(Topic.POLICIES),))

    async def _read_all(self) -> None:
        for kind in _ORDER:
            namespace = self._namespace if kind is Kind.ADMITTED_CHANGE else None
            before = self._index.names_of(kind)
            trees = await self._client.list(kind.ref, namespace, timeout=_LIST_TIMEOUT_SECONDS)
            self._sweep.touch(self._index.complete(kind, trees, before))

    async def _relist(self) -> None:
        while True:
            await asyncio.sleep(_RELIST_SECONDS)
            try:
                await self._read_all()
            except KubeError as error:
                _log.warning("our kinds cannot be read again: %s", error)
