"""From bytes to requests: httptools does the parsing, this adds limits and refusals. No I/O.

Nothing of a body is kept before its head has been judged and its size is covered by the budget.

httptools wraps llhttp in its strict mode, which refuses what request smuggling is made of: both
Content-Length and Transfer-Encoding, bare line feeds, spaces before a colon.
"""

import logging
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final, NoReturn

import httptools

from cutline_webhook.messages import EarlyCheck, HttpHead, HttpRequest, HttpResponse, Limits, plain

_log = logging.getLogger(__name__)

# A body sent in chunks of one byte takes six times its size; nobody does that in good faith.
_CHUNKING_OVERHEAD: Final = 2
# A body means nothing with these, so who sends one only wants it held.
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD"})
# The API server repeats a 503 that says when, as long as its own patience lasts.
_TRY_AGAIN: Final = replace(
    plain(HTTPStatus.SERVICE_UNAVAILABLE, "too much is being read at once; try again"), retry_after=1
)


@dataclass(frozen=True, slots=True)
class Received:
    """A complete request, and whether the client wants to send more on this connection.

    Its body counts against the budget until whoever took the request gives those bytes back.
    """

    request: HttpRequest
    keep_alive: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that will not be handled; whatever follows it on the connection is not looked at."""

    response: HttpResponse
    to_head: bool = False
    """Whether the request was a HEAD, whose answer has no body."""


_MALFORMED: Final = Refused(plain(HTTPStatus.BAD_REQUEST))


class _Refusal(Exception):
    """Ends the parsing from within one of httptools' callbacks."""


class BodyBudget:
    """Counts the bytes of bodies that all connections of a server hold together."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._refused = 0
        self.held = 0

    def take(self, size: int) -> bool:
        """Count `size` bytes in; False, and nothing counted, if they are too many."""
        if self.held + size > self._most:
            if not self._refused:
                _log.warning("refusing requests: their bodies exceed %d bytes, %d are held", self._most, self.held)
            self._refused += 1
            return False
        self.held += size
        return True

    def give_back(self, size: int) -> None:
        """Count `size` bytes out. Half empty, it takes what was refused until now for one burst."""
        self.held -= size
        if self._refused and self.held <= self._most // 2:
            _log.warning("no longer refusing requests for the size of their bodies: %d were", self._refused)
            self._refused = 0


class RequestReader:
    """Takes the bytes of one connection, gives its requests in order.

    After a `Refused`, and after a `Received` without keep-alive, it must be fed no more. Whoever stops
    feeding it before must `drop` it.
    """

    def __init__(
        self, limits: Limits, peer_names: tuple[str, ...], budget: BodyBudget, refuse_early: EarlyCheck | None = None
    ) -> None:
        self._limits = limits
        self._peer_names = peer_names
        self._budget = budget
        self._refuse_early = refuse_early
        self._parser = httptools.HttpRequestParser(self)
        self._finished: list[Received | Refused] = []
        self._refused = _MALFORMED
        self._counted = 0
        self.receiving = False
        """Whether a request has begun that is not complete."""
        self.expects_continue = False
        """Whether its client waits for "100 Continue" before it sends the body."""
        self.on_message_begin()
        self.receiving = False

    def feed(self, data: bytes) -> list[Received | Refused]:
        """What `data` completes; nothing, if it is only a part."""
        self._finished = []
        self._raw_bytes += len(data)
        try:
            self._parser.feed_data(data)
            if self.receiving:
                self._check_raw_size()
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, _Refusal):
            self.drop()
            if not self._finished or self._is_open_ended(self._finished[-1]):
                self._finished.append(self._refused)
        return self._finished

    def drop(self) -> None:
        """Let go of a request that will not become whole."""
        self.receiving = False
        self.expects_continue = False
        self._body = bytearray()
        self._budget.give_back(self._counted)
        self._counted = 0

    def on_message_begin(self) -> None:
        """Forget the previous request."""
        self.receiving = True
        self.expects_continue = False
        self._url = b""
        self._path = ""
        self._method = ""
        self._announced: int | None = None
        self._most_body = self._limits.body_bytes
        # Not a list of parts: sent in small ones, it would take many times what is counted.
        self._body = bytearray()
        self._head_bytes = 0
        self._raw_bytes = 0
        self._has_host = False
        self._keep_alive = True
        self._in_head = True

    def on_url(self, part: bytes) -> None:
        """Collect the request target."""
        self._url += part
        self._count_head(len(part))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Look at the few headers that concern the transfer. Trailers arrive here too."""
        self._count_head(len(name) + len(value))
        if not self._in_head:
            return
        lowered = name.lower()
        if lowered == b"host":
            self._has_host = True
        elif lowered == b"expect":
            if value.lower() != b"100-continue":
                self._refuse(HTTPStatus.EXPECTATION_FAILED)
            self.expects_continue = True
        elif lowered == b"content-length":
            self._announced = int(value)

    def on_headers_complete(self) -> None:
        """Judge the head as a whole, and what it announces, before anything of the body is kept.

        With "Expect: 100-continue" the client of a refused request then never sends it.
        """
        self._in_head = False
        version = self._parser.get_http_version()
        self._keep_alive = version == "1.1" and self._parser.should_keep_alive()
        if version not in {"1.0", "1.1"} or self._parser.should_upgrade():
            self._refuse(HTTPStatus.BAD_REQUEST)
        if version == "1.0":
            self.expects_continue = False
        elif not self._has_host:
            self._refuse(HTTPStatus.BAD_REQUEST)
        self._path = self._path_in_target()
        self._method = self._parser.get_method().decode("ascii")
        if self._refuse_early is not None:
            refusal = self._refuse_early(HttpHead(self._method, self._path, self._peer_names))
            if refusal is not None:
                self._refuse_with(refusal)
        if self._method in _WITHOUT_BODY:
            self._most_body = 0
        if self._announced is not None:
            self._count_body(self._announced)

    def on_body(self, part: bytes) -> None:
        """Collect the body."""
        self.expects_continue = False
        if self._announced is None:
            self._count_body(len(part))
        self._body += part

    def on_message_complete(self) -> None:
        """Put the request together."""
        self.receiving = False
        self.expects_continue = False
        body = bytes(self._body)
        self._body = bytearray()
        self._counted = 0  # from here on it is for the receiver to give back
        request = HttpRequest(self._method, self._path, body, self._peer_names)
        self._finished.append(Received(request, self._keep_alive))

    def _path_in_target(self) -> str:
        try:
            target = self._url.decode("ascii")
        except UnicodeDecodeError:
            self._refuse(HTTPStatus.BAD_REQUEST)
        if not target.startswith("/"):
            # Absolute form is for proxies; "*" and host:port belong to methods we do not serve.
            self._refuse(HTTPStatus.BAD_REQUEST)
        return target.partition("?")[0]

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.head_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _count_body(self, size: int) -> None:
        if self._counted + size > self._most_body:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if not self._budget.take(size):
            self._refuse_with(_TRY_AGAIN)
        self._counted += size

    def _check_raw_size(self) -> None:
        """Bound what the parser holds back: it reports a header or trailer only once it is whole."""
        if self._in_head and self._raw_bytes > self._limits.head_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if self._raw_bytes > _CHUNKING_OVERHEAD * self._limits.body_bytes + self._limits.head_bytes:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    def _refuse(self, status: HTTPStatus) -> NoReturn:
        self._refuse_with(plain(status))

    def _refuse_with(self, response: HttpResponse) -> NoReturn:
        self._refused = Refused(response, to_head=self._method == "HEAD")
        raise _Refusal

    @staticmethod
    def _is_open_ended(entry: Received | Refused) -> bool:
        return isinstance(entry, Received) and entry.keep_alive
