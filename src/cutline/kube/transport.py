"""One HTTP exchange with the API server: credentials, deadline, errors, clock.

It knows HTTP and nothing about Kubernetes verbs. It never repeats a request: only the caller knows
whether a write may be sent twice, and whether its deadline leaves room for it.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

from cutline.kube.connection import Endpoint, TokenSource
from cutline.kube.errors import NO_ANSWER, Unavailable, error_from_answer
from cutline.kube.skew import ClockSkew

_CONNECTIONS: Final = 256
# The API server closes a connection that was idle for 90 s; we must be the first to let go, or a
# request is written into a closing connection.
_KEEP_IDLE_SECONDS: Final = 60.0
_WARNING: Final = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')

OnWarning = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Exchange:
    """What to send. `path` is quoted already; `query` is not."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes | None = None
    content_type: str = "application/json"
    accept: str = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer (2xx)."""

    status_code: int
    body: bytes


class Transport:
    """Sends exchanges over a pool of connections. Belongs to the event loop that created it."""

    def __init__(self, endpoint: Endpoint, tokens: TokenSource, user_agent: str, on_warning: OnWarning | None) -> None:
        self._endpoint = endpoint
        self._tokens = tokens
        self._on_warning = on_warning
        self._skew = ClockSkew()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=_CONNECTIONS, keepalive_timeout=_KEEP_IDLE_SECONDS, ssl=endpoint.tls or True
            ),
            headers={"User-Agent": user_agent},
            # An API server sets no cookies; a load balancer's would pin us to one backend.
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    @property
    def clock_skew(self) -> float | None:
        """Local minus server time in seconds, None while nothing is known."""
        return self._skew.seconds(time.monotonic())

    async def send(self, exchange: Exchange, timeout_seconds: float) -> Answer:
        """Send and read the whole answer within `timeout_seconds`, credentials included.

        Raises the `KubeError` that an unsuccessful answer stands for, `Unavailable` without answer.
        """
        try:
            async with asyncio.timeout(timeout_seconds), self._open(exchange) as response:
                return Answer(response.status, await response.read())
        except TimeoutError as error:
            raise Unavailable(
                NO_ANSWER, "Timeout", f"no answer from the API server within {timeout_seconds:g} s"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise _unreachable(error) from error

    async def stream(
        self, exchange: Exchange, timeout_seconds: float, silence_seconds: float
    ) -> AsyncGenerator[bytes, None]:
        """Send, then yield the answer line by line until the server ends it.

        `timeout_seconds` bounds the wait for the answer's head, `silence_seconds` that for each piece
        of it. Raises as `send` does. The caller closes the iterator.
        """
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(timeout_seconds):
                    response = await stack.enter_async_context(self._open(exchange))
                async for line in _lines(response.content, silence_seconds):
                    yield line
        except TimeoutError as error:
            raise Unavailable(NO_ANSWER, "Timeout", "the API server fell silent during a watch") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _unreachable(error) from error

    async def close(self) -> None:
        """Close all connections; requests under way fail with `Unavailable`."""
        await self._session.close()

    @asynccontextmanager
    async def _open(self, exchange: Exchange) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Accept": exchange.accept}
        if exchange.body is not None:
            headers["Content-Type"] = exchange.content_type
        token = await self._tokens.header()
        if token is not None:
            headers["Authorization"] = token
        url = URL(self._endpoint.server + exchange.path, encoded=True)
        if exchange.query:
            url = url.with_query(exchange.query)
        wall, started = time.time(), time.monotonic()
        async with self._session.request(
            exchange.method,
            url,
            data=exchange.body,
            headers=headers,
            # The deadline is the caller's asyncio.timeout, which covers renewing the credential too.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            # Credentials go to the configured server and to no other.
            allow_redirects=False,
            server_hostname=self._endpoint.tls_server_name,
            proxy=self._endpoint.proxy,
        ) as response:
            now = time.monotonic()
            self._skew.observe(response.headers.get("Date"), wall, now - started, now)
            self._report_warnings(response)
            if not 200 <= response.status < 300:
                body = await response.read()
                raise error_from_answer(response.status, body, response.headers.get("Retry-After"))
            yield response

    def _report_warnings(self, response: aiohttp.ClientResponse) -> None:
        """Hand on `Warning: 299 - "text"` headers, as kubectl prints them."""
        if self._on_warning is None:
            return
        for header in response.headers.getall("Warning", []):
            for match in _WARNING.finditer(header):
                self._on_warning(re.sub(r"\\(.)", r"\1", match.group(1)))


async def _lines(content: aiohttp.StreamReader, silence_seconds: float) -> AsyncIterator[bytes]:
    """The non-empty lines of `content`. An object may be longer than aiohttp's own limit for a line."""
    pending = bytearray()
    while True:
        async with asyncio.timeout(silence_seconds):
            piece = await content.readany()
        if not piece:
            return
        pending += piece
        if b"\n" not in piece:
            continue
        *lines, rest = bytes(pending).split(b"\n")
        pending = bytearray(rest)
        for line in lines:
            if line:
                yield line


def _unreachable(error: Exception) -> Unavailable:
    return Unavailable(NO_ANSWER, "Unreachable", f"the API server cannot be reached: {error}")
