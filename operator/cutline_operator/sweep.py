"""One sweep over everything that is due: no timer, no task per object.

Work is named by a key. Each piece answers when it is due again, and news about an object make it
due at once. What is not due costs an entry in a heap.
"""

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from cutline.kube.errors import KubeError
from cutline.process.clock import Clock
from cutline_operator.index import Key
from cutline_operator.metrics import Metrics

_log = logging.getLogger(__name__)

Work = Callable[[Key], Awaitable[datetime | None]]
"""Does one piece of work and answers when it is due again; None for "when there is news"."""

_AT_ONCE: Final = 16  # pieces of work under way: the API server has others to serve
_RETRY_AFTER: Final = timedelta(seconds=10)
_LONGEST_SLEEP: Final = timedelta(minutes=5)


class Sweep:
    """Keys by when they are due."""

    def __init__(self, work: Work, metrics: Metrics, clock: Clock) -> None:
        self._work = work
        self._metrics = metrics
        self._clock = clock
        self._heap: list[tuple[datetime, int, Key]] = []
        self._due: dict[Key, datetime] = {}
        self._pushed = 0
        self._news = asyncio.Event()

    def touch(self, keys: Iterable[Key]) -> None:
        """There is news: these are due now."""
        now = self._clock()
        for key in keys:
            self._schedule(key, now)
        self._news.set()

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            # What is touched while it is worked on is worked on once more.
            self._news.clear()
            due = self.take_due(self._clock())
            if due:
                await asyncio.gather(*(self._do(key) for key in due))
            else:
                await self._wait()

    def take_due(self, now: datetime) -> tuple[Key, ...]:
        """The keys that are due, the longest overdue first, and no more than are done at once."""
        taken: list[Key] = []
        while self._heap and self._heap[0][0] <= now and len(taken) < _AT_ONCE:
            moment, _, key = heapq.heappop(self._heap)
            # An entry that was scheduled anew since is void.
            if self._due.get(key) == moment:
                del self._due[key]
                taken.append(key)
        return tuple(taken)

    def _schedule(self, key: Key, moment: datetime) -> None:
        if key in self._due and self._due[key] <= moment:
            return
        self._due[key] = moment
        self._pushed += 1
        heapq.heappush(self._heap, (moment, self._pushed, key))

    async def _do(self, key: Key) -> None:
        try:
            again = await self._work(key)
        except KubeError as error:
            _log.warning("%s %s could not be brought up to date: %s", key.topic.value, key.name, error)
            self._metrics.sweep_errors.inc()
            again = self._clock() + _RETRY_AFTER
        except Exception:
            # A defect of ours about one object must not stop the others.
            _log.exception("%s %s could not be brought up to date", key.topic.value, key.name)
            self._metrics.sweep_errors.inc()
            again = self._clock() + _LONGEST_SLEEP
        if again is not None:
            self._schedule(key, again)

    async def _wait(self) -> None:
        """Until something is due, or there is news."""
        pause = _LONGEST_SLEEP
        if self._heap:
            pause = min(pause, self._heap[0][0] - self._clock())
        try:
            async with asyncio.timeout(max(pause.total_seconds(), 0.01)):
                await self._news.wait()
        except TimeoutError:
            return
