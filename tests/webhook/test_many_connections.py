"""More connections than there is room for: whoever says nothing makes room for who has something to say."""

import resource
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from cutline_webhook.open_files import allow_open_files
from cutline_webhook.server import Limits
from tests.awaiting import until
from tests.webhook.conftest import Run
from tests.webhook.http_client import RawClient, get, post
from tests.webhook.serving import Gate, serving

THREE = Limits(connections=3)


def test_a_new_connection_takes_the_place_of_the_oldest_that_says_nothing(run: Run) -> None:
    async def scenario() -> None:
        async with serving(limits=THREE) as (_, port), AsyncExitStack() as stack:
            silent, probing, begun = [await stack.enter_async_context(RawClient(port)) for _ in range(3)]
            assert (await probing.ask(get("/readyz"))).status == 200
            await begun.send(post(b"x" * 100)[:-50])
            for displaced in (silent, probing, begun):
                newest = await stack.enter_async_context(RawClient(port))
                assert (await newest.ask(post(b"a review"))).status == 200
                assert await displaced.at_end()
            assert (await newest.ask(post(b"another"))).status == 200

    run(scenario())


def test_what_posts_is_not_displaced_by_what_says_nothing(run: Run) -> None:
    async def scenario() -> None:
        gate = Gate()
        async with serving(gate, THREE) as (_, port), RawClient(port) as reviewing, RawClient(port) as idle:
            gate.open.set()
            assert (await idle.ask(post(b"x"))).status == 200
            gate.open.clear()
            gate.entered.clear()
            await reviewing.send(post(b"y"))
            await gate.entered.wait()
            for _ in range(20):
                async with RawClient(port) as silent:
                    await silent.send(b"POST")
            gate.open.set()
            assert (await reviewing.reply()).status == 200
            assert (await idle.ask(post(b"z"))).status == 200

    run(scenario())


def test_where_all_have_posted_the_newest_is_refused(run: Run) -> None:
    async def scenario() -> None:
        async with serving(limits=Limits(connections=1)) as (_, port), RawClient(port) as first:
            assert (await first.ask(post(b""))).status == 200
            async with RawClient(port) as second:
                assert await second.at_end()
            assert (await first.ask(post(b""))).status == 200

    run(scenario())


def test_a_flood_is_logged_once_a_moment(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with serving(limits=Limits(connections=1)) as (_, port):
            for _ in range(50):
                async with RawClient(port) as client:
                    assert (await client.ask(get("/"))).status == 200
            await until(lambda: "to make room" in caplog.text)

    run(scenario())
    assert len(caplog.records) < 10


@pytest.fixture
def restored_limit() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("restored_limit")
def test_as_many_files_may_be_open_as_are_wanted_and_allowed() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    beyond = ((256, hard + 1, hard),) if hard != resource.RLIM_INFINITY else ()
    for soft, wanted, expected in ((256, 512, 512), (512, 256, 512), *beyond):
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        allow_open_files(wanted)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (expected, hard)
