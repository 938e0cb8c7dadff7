"""Waiting inside an event loop for what must come."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as it holds; the deadline is an error and not a result."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is awaited is a property of the object under test
            await asyncio.sleep(0.001)
