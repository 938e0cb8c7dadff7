"""What runs beside the servers: while it does nobody waits for it, and when it ends the process does."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from cutline_webhook.process import EndedByItself, background


async def forever() -> None:
    await asyncio.Event().wait()


async def dies() -> None:
    await asyncio.sleep(0)
    raise ZeroDivisionError


async def returns() -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize("part", [dies, returns])
def test_a_part_that_ends_by_itself_stops_the_process_and_is_named(
    part: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    async def scenario() -> None:
        stopping = asyncio.Event()
        async with asyncio.timeout(5):
            async with background(stopping.set, steady=forever(), other=part()):
                await stopping.wait()

    with pytest.raises(EndedByItself, match="other ended by itself") as ended:
        asyncio.run(scenario())
    assert isinstance(ended.value.__cause__, ZeroDivisionError) is (part is dies)


def test_parts_end_with_the_process_and_nothing_is_said_of_them() -> None:
    async def scenario() -> None:
        stopping = asyncio.Event()
        async with background(stopping.set, one=forever(), other=forever()):
            await asyncio.sleep(0)
            assert not stopping.is_set()

    asyncio.run(scenario())
