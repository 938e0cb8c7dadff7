"""The HTTP/1.1 server of the webhook: a listener and the connections it accepted.

Written on asyncio.Protocol, httptools and uvloop because that stack measured at more than twice the
requests per second of the common frameworks, and because two things matter here that those make
hard: idle connections must outlive the API server's own patience, and a stop must not lose a review.
"""

import asyncio
import logging
import ssl
from collections.abc import Coroutine

from cutline_webhook.connection import Connection
from cutline_webhook.messages import EarlyCheck, Handler, Limits
from cutline_webhook.parsing import BodyBudget

__all__ = ["Limits", "Server"]

_log = logging.getLogger(__name__)


class Server:
    """Serves `handler` on one address. One instance is started once and drained once."""

    def __init__(
        self,
        handler: Handler,
        ssl_context: ssl.SSLContext | None,
        limits: Limits | None = None,
        *,
        refuse_early: EarlyCheck | None = None,
    ) -> None:
        """Without `ssl_context` it serves plain HTTP.

        `refuse_early` sees the head of each request: where it answers, that is the answer, the body
        is thrown away as it comes, and the connection ends.
        """
        self.handler = handler
        self.refuse_early = refuse_early
        self.limits = limits if limits is not None else Limits()
        self.budget = BodyBudget(self.limits.held_bytes)
        self._ssl_context = ssl_context
        self._listener: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._connections: dict[Connection, None] = {}  # the oldest first
        self._displaced = 0
        self._work: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._quiet = asyncio.Event()

    async def start(self, host: str, port: int) -> int:
        """Listen; answers the port, which is the one asked for unless that was 0.

        Raises `OSError` if the address cannot be had.
        """
        over_tls = self._ssl_context is not None
        self._listener = await asyncio.get_running_loop().create_server(
            lambda: Connection(self),
            host,
            port,
            ssl=self._ssl_context,
            ssl_handshake_timeout=self.limits.handshake if over_tls else None,
            ssl_shutdown_timeout=self.limits.linger if over_tls else None,
            backlog=512,
        )
        self._sweeper = asyncio.create_task(self._sweep())
        bound: int = self._listener.sockets[0].getsockname()[1]
        return bound

    async def drain(self, grace_seconds: float) -> None:
        """Stop accepting, answer everything in flight, close; after `grace_seconds` cut what is left.

        A connection still in the listener's queue is lost with it: let the endpoint be taken out of
        the Service and wait a few seconds before calling this.
        """
        self._stopping = True
        if self._listener is not None:
            self._listener.close()
        for connection in tuple(self._connections):
            connection.drain()
        self._note_quiet()
        try:
            async with asyncio.timeout(grace_seconds):
                await self._quiet.wait()
        except TimeoutError:
            _log.warning(
                "stopping with %d connections and %d requests unfinished",
                len(self._connections),
                len(self._work),
            )
            for connection in tuple(self._connections):
                connection.abort()
            for task in tuple(self._work):
                task.cancel()
        finally:
            if self._sweeper is not None:
                self._sweeper.cancel()

    # What connections report.

    def opened(self, connection: Connection) -> bool:
        """Take a connection in; False if there are too many already, and all of them in earnest."""
        if len(self._connections) >= self.limits.connections and not self._displace():
            _log.warning("refusing a connection: %d are open", len(self._connections))
            return False
        self._connections[connection] = None
        if self._stopping:
            connection.drain()
        return True

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._connections.pop(connection, None)
        self._note_quiet()

    def _displace(self) -> bool:
        """Make room at the cost of the oldest connection that nothing was posted on; False if there is none.

        Anybody who reaches the port can open connections and say nothing, and they must not keep the API
        server out, which posts at once on what it opens. It may also open one that it does not need yet:
        while there is room such a connection is left alone, for to close it could cost a review on its way.
        """
        idle = next((one for one in self._connections if not one.is_in_earnest), None)
        if idle is None:
            return False
        self._displaced += 1
        del self._connections[idle]  # its loss is reported to us only later
        idle.abort()
        return True

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run `work` and hold on to its task: the event loop itself would let it be collected."""
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)
        self._note_quiet()

    def _note_quiet(self) -> None:
        if self._stopping and not self._connections and not self._work:
            self._quiet.set()

    async def _sweep(self) -> None:
        """Look after the deadlines of all connections.

        One pass over a few hundred objects a second costs less than a timer set and cancelled for
        every request.
        """
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._interval())
            now = loop.time()
            try:
                for connection in tuple(self._connections):
                    connection.expire(now)
            except Exception:
                _log.exception("a pass over the connections failed")
            if self._displaced:
                _log.warning("closed %d connections that nothing was posted on, to make room", self._displaced)
                self._displaced = 0

    def _interval(self) -> float:
        limits = self.limits
        return min(1.0, limits.idle / 4, limits.request / 4, limits.answer / 4, limits.linger / 4)
