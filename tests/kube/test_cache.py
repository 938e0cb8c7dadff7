"""A watched collection: what it holds, and that its age never lies."""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from cutline.kube.cache import SILENCE_SECONDS, WatchedCollection
from cutline.kube.client import Listing
from cutline.kube.errors import Gone, Unavailable
from cutline.kube.resources import POLICIES, JsonObject, ResourceRef
from cutline.kube.watch import WatchEvent, WatchEventKind
from tests.awaiting import until


def policy(name: str, version: str = "1") -> JsonObject:
    return {"metadata": {"name": name, "resourceVersion": version}}


class FakeSource:
    """Lists what it is given; a watch yields what is put into its queue and raises what is an error."""

    def __init__(self, *listings: tuple[JsonObject, ...] | Exception) -> None:
        self.listings = list(listings)
        self.watch_items: asyncio.Queue[WatchEvent | Exception | None] = asyncio.Queue()
        self.lists = 0
        self.closed_watches = 0

    async def listing(self, ref: ResourceRef, namespace: str | None = None) -> Listing:
        self.lists += 1
        current = self.listings.pop(0) if len(self.listings) > 1 else self.listings[0]
        if isinstance(current, Exception):
            raise current
        return Listing(current, str(self.lists))

    async def watch(
        self, ref: ResourceRef, *, namespace: str | None = None, resource_version: str
    ) -> AsyncGenerator[WatchEvent, None]:
        try:
            while (item := await self.watch_items.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self.closed_watches += 1


def names(collection: WatchedCollection) -> list[str]:
    return [item["metadata"]["name"] for item in collection.items]


def watching(source: FakeSource, scenario: Callable[[WatchedCollection], Any], **options: Any) -> None:
    async def run() -> None:
        collection = WatchedCollection(source, POLICIES, **options)
        task = asyncio.create_task(collection.run())
        try:
            await scenario(collection)
        finally:
            task.cancel()

    asyncio.run(run())


def test_events_change_the_items_as_a_whole() -> None:
    changes: list[list[str]] = []
    source = FakeSource((policy("b"), policy("a")))

    async def scenario(collection: WatchedCollection) -> None:
        assert not collection.synced
        assert collection.age(1e9) == math.inf
        await until(lambda: collection.synced)
        before = collection.items
        assert names(collection) == ["a", "b"]
        source.watch_items.put_nowait(WatchEvent(WatchEventKind.ADDED, policy("c")))
        source.watch_items.put_nowait(WatchEvent(WatchEventKind.BOOKMARK, policy("")))
        source.watch_items.put_nowait(WatchEvent(WatchEventKind.DELETED, policy("a")))
        source.watch_items.put_nowait(WatchEvent(WatchEventKind.DELETED, policy("never seen")))
        source.watch_items.put_nowait(WatchEvent(WatchEventKind.MODIFIED, policy("b", "2")))
        await until(lambda: len(changes) == 4)
        assert names(collection) == ["b", "c"]
        assert collection.items[0]["metadata"]["resourceVersion"] == "2"
        assert [item["metadata"]["name"] for item in before] == ["a", "b"]
        assert source.lists == 1

    watching(
        source,
        scenario,
        on_change=lambda items: changes.append([item["metadata"]["name"] for item in items]),
    )
    assert changes == [["a", "b"], ["a", "b", "c"], ["b", "c"], ["b", "c"]]


def test_a_silent_watch_is_replaced_by_a_list() -> None:
    source = FakeSource((policy("a"),), (policy("a"),), (policy("a"), policy("missed")))
    changes: list[int] = []

    async def scenario(collection: WatchedCollection) -> None:
        await until(lambda: len(collection.items) == 2)

    watching(source, scenario, silence_seconds=0.01, on_change=lambda items: changes.append(len(items)))
    assert changes == [1, 2]  # nothing is announced when a list shows what is known
    assert source.closed_watches >= 2


def test_the_silence_leaves_room_below_a_minute() -> None:
    assert SILENCE_SECONDS <= 30


def test_the_age_counts_from_the_question_not_from_the_answer() -> None:
    now = [100.0]

    class Slow(FakeSource):
        async def listing(self, ref: ResourceRef, namespace: str | None = None) -> Listing:
            now[0] += 7
            return await super().listing(ref, namespace)

    source = Slow((policy("a"),))

    async def scenario(collection: WatchedCollection) -> None:
        await until(lambda: collection.synced)
        assert collection.age(110) == 10
        now[0] = 130
        source.watch_items.put_nowait(WatchEvent(WatchEventKind.BOOKMARK, policy("")))
        await until(lambda: collection.age(130) == 0)

    watching(source, scenario, clock=lambda: now[0])


@pytest.mark.parametrize("failure", [Gone(410, "Expired", "m"), Unavailable(0, "Timeout", "m"), ValueError("m"), None])
def test_a_watch_that_ends_is_followed_by_a_list(failure: Exception | None, caplog: pytest.LogCaptureFixture) -> None:
    source = FakeSource((policy("a"),), (policy("b"),))

    async def scenario(collection: WatchedCollection) -> None:
        await until(lambda: names(collection) == ["a"])
        source.watch_items.put_nowait(failure)
        await until(lambda: names(collection) == ["b"])

    watching(source, scenario)


def test_a_failing_list_leaves_the_items_and_lets_them_age(caplog: pytest.LogCaptureFixture) -> None:
    source = FakeSource((policy("a"),), Unavailable(0, "Unreachable", "away"))

    async def scenario(collection: WatchedCollection) -> None:
        await until(lambda: collection.synced)
        proved_at = -collection.age(0)
        source.watch_items.put_nowait(None)
        await until(lambda: source.lists >= 3)
        assert names(collection) == ["a"]
        assert -collection.age(0) == proved_at

    with caplog.at_level(logging.WARNING):
        watching(source, scenario)
    assert "away" in caplog.text


def test_what_the_owner_cannot_take_is_not_called_current(caplog: pytest.LogCaptureFixture) -> None:
    source = FakeSource((policy("broken"),))

    def refuse(items: tuple[JsonObject, ...]) -> None:
        raise ValueError("an unknown enum value")

    async def scenario(collection: WatchedCollection) -> None:
        await until(lambda: source.lists >= 2)
        assert not collection.synced

    watching(source, scenario, on_change=refuse)
    assert "unknown enum value" in caplog.text
