"""A server on a free port, and handlers for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cutline_webhook.messages import JSON, Handler, HttpRequest, HttpResponse, Limits
from cutline_webhook.server import Server

# Short enough to be awaited, and still longer than anything that must not run into them.
QUICK = Limits(idle=0.2, request=0.2, answer=0.2, linger=0.02, handshake=0.2)
MIB = 1024 * 1024


async def echo(request: HttpRequest) -> HttpResponse:
    """Answer with the request's own parts."""
    said = f"{request.method} {request.path} {len(request.body)}"
    return HttpResponse(200, said.encode(), JSON)


class Gate:
    """A handler that answers when it is told to."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()
        self.finished = 0

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        self.entered.set()
        await self.open.wait()
        self.finished += 1
        return HttpResponse(200, request.body, JSON)


@asynccontextmanager
async def serving(handler: Handler = echo, limits: Limits | None = None) -> AsyncIterator[tuple[Server, int]]:
    server = Server(handler, None, limits)
    try:
        yield server, await server.start("127.0.0.1", 0)
    finally:
        await server.drain(0)
