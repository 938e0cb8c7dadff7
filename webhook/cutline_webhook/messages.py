"""What the HTTP server and a handler exchange, and how an answer looks on the wire."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One complete request."""

    method: str
    path: str
    """As sent, percent-encoding included and without a query: one that had to be decoded to match does not match."""
    body: bytes
    peer_names: tuple[str, ...]
    """The common names in the client's verified certificate; () without one."""


@dataclass(frozen=True, slots=True)
class HttpHead:
    """What is known of a request before its body; the fields are those of `HttpRequest`."""

    method: str
    path: str
    peer_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One answer. `retry_after` is in seconds; the API server repeats a 429 or 5xx that carries it."""

    status: int
    body: bytes
    content_type: str
    retry_after: int | None = None


Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]
EarlyCheck = Callable[[HttpHead], HttpResponse | None]
"""The refusal of a request whose body is not worth reading, or None. Must not raise or block."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take. All times are in seconds."""

    # A review holds the object twice, and the API server accepts objects of 3 MiB.
    body_bytes: int = 8 * 1024 * 1024
    # All bodies that the server holds at one time, whole or in part; never less than `body_bytes`.
    # What a handler makes of a review takes three to four times the body again, ten times where the
    # values are small (docs/reference/performance.md), and the chart gives the process 512 MiB.
    held_bytes: int = 48 * 1024 * 1024
    head_bytes: int = 32 * 1024
    # The API server keeps an idle connection for 90 s and does not repeat a POST that meets its end:
    # were we the first to close, a user's command would fail with EOF now and then.
    idle: float = 120.0
    # From the first byte of a request to its last.
    request: float = 10.0
    # For the client to take an answer off the socket.
    answer: float = 10.0
    # How long what a refused client still sends is thrown away, so that it reads the refusal and not
    # a connection reset.
    linger: float = 1.0
    handshake: float = 5.0
    # One more takes the place of the oldest on which nothing was posted; with none such it is refused.
    connections: int = 1024
    # Requests that are read ahead of the answer to an earlier one.
    pipelined: int = 8


def plain(status: HTTPStatus, text: str | None = None) -> HttpResponse:
    """A short answer for people and probes: `text`, or the status in words."""
    return HttpResponse(status, f"{text or status.phrase}\n".encode(), TEXT)


_KNOWN_STATUSES: Final = frozenset(HTTPStatus)
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


def encode(response: HttpResponse, *, closing: bool, without_body: bool = False) -> bytes:
    """The bytes of an answer. `closing` announces the connection's end; `without_body` is for HEAD."""
    head = [
        _status_line(response.status),
        f"date: {_date(int(time.time()))}\r\ncontent-type: {response.content_type}\r\n",
        f"content-length: {len(response.body)}\r\n",
    ]
    if response.retry_after is not None:
        head.append(f"retry-after: {response.retry_after}\r\n")
    if closing:
        head.append("connection: close\r\n")
    head.append("\r\n")
    encoded = "".join(head).encode("ascii")
    return encoded if without_body else encoded + response.body


@lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    # The phrase is optional, and a handler's odd status must not cost the answer.
    phrase = HTTPStatus(status).phrase if status in _KNOWN_STATUSES else ""
    return f"HTTP/1.1 {status} {phrase}\r\n"


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
