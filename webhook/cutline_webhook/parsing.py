"""From bytes to requests: httptools does the parsing, this adds limits and refusals. No I/O.

httptools wraps llhttp in its strict mode, which refuses what request smuggling is made of: both
Content-Length and Transfer-Encoding, bare line feeds, spaces before a colon.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, NoReturn

import httptools

from cutline_webhook.messages import HttpRequest, Limits

# A body sent in chunks of one byte takes six times its size; nobody does that in good faith.
_CHUNKING_OVERHEAD: Final = 2


@dataclass(frozen=True, slots=True)
class Received:
    """A complete request, and whether the client wants to send more on this connection."""

    request: HttpRequest
    keep_alive: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that will not be handled; whatever follows it on the connection is not looked at."""

    status: HTTPStatus


class _Refusal(Exception):
    """Ends the parsing from within one of httptools' callbacks."""


class RequestReader:
    """Takes the bytes of one connection, gives its requests in order.

    After a `Refused`, and after a `Received` without keep-alive, it must be fed no more.
    """

    def __init__(self, limits: Limits, peer_names: tuple[str, ...]) -> None:
        self._limits = limits
        self._peer_names = peer_names
        self._parser = httptools.HttpRequestParser(self)
        self._finished: list[Received | Refused] = []
        self._refused_with = HTTPStatus.BAD_REQUEST
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
            self.receiving = False
            if not self._finished or self._is_open_ended(self._finished[-1]):
                self._finished.append(Refused(self._refused_with))
        return self._finished

    def on_message_begin(self) -> None:
        """Forget the previous request."""
        self.receiving = True
        self.expects_continue = False
        self._url = b""
        self._body: list[bytes] = []
        self._body_bytes = 0
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
        elif lowered == b"content-length" and int(value) > self._limits.body_bytes:
            # Refused before it is sent: with "Expect: 100-continue" the client then never sends it.
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """Judge the head as a whole."""
        self._in_head = False
        version = self._parser.get_http_version()
        self._keep_alive = version == "1.1" and self._parser.should_keep_alive()
        if version not in {"1.0", "1.1"} or self._parser.should_upgrade():
            self._refuse(HTTPStatus.BAD_REQUEST)
        if version == "1.0":
            self.expects_continue = False
        elif not self._has_host:
            self._refuse(HTTPStatus.BAD_REQUEST)

    def on_body(self, part: bytes) -> None:
        """Collect the body."""
        self.expects_continue = False
        self._body_bytes += len(part)
        if self._body_bytes > self._limits.body_bytes:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self._body.append(part)

    def on_message_complete(self) -> None:
        """Put the request together."""
        self.receiving = False
        self.expects_continue = False
        path, query = self._split_target()
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body = []
        method = self._parser.get_method().decode("ascii")
        request = HttpRequest(method, path, query, body, self._peer_names)
        self._finished.append(Received(request, self._keep_alive))

    def _split_target(self) -> tuple[str, str]:
        try:
            target = self._url.decode("ascii")
        except UnicodeDecodeError:
            self._refuse(HTTPStatus.BAD_REQUEST)
        if not target.startswith("/"):
            # Absolute form is for proxies; "*" and host:port belong to methods we do not serve.
            self._refuse(HTTPStatus.BAD_REQUEST)
        path, _, query = target.partition("?")
        return path, query

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.head_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _check_raw_size(self) -> None:
        """Bound what the parser holds back: it reports a header or trailer only once it is whole."""
        if self._in_head and self._raw_bytes > self._limits.head_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if self._raw_bytes > _CHUNKING_OVERHEAD * self._limits.body_bytes + self._limits.head_bytes:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    def _refuse(self, status: HTTPStatus) -> NoReturn:
        self._refused_with = status
        raise _Refusal

    @staticmethod
    def _is_open_ended(entry: Received | Refused) -> bool:
        return isinstance(entry, Received) and entry.keep_alive
