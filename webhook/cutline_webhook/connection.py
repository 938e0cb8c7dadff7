"""One client connection: what it waits for, which answer is due, when it ends.

Requests are handled one at a time and answered in the order they came. The loop, TLS and the parser
are libraries; this is the state between them.
"""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Coroutine
from enum import Enum, auto
from http import HTTPStatus
from typing import Final, Protocol, assert_never, cast

from cutline_webhook.messages import CONTINUE, EarlyCheck, Handler, HttpResponse, Limits, encode, plain
from cutline_webhook.parsing import BodyBudget, Received, Refused, RequestReader

_log = logging.getLogger(__name__)

_NEVER: Final = float("inf")
# A refused client that goes on sending gets this much ignored before the connection is cut.
_DISCARD_BYTES: Final = 16 * 1024 * 1024
# A connection that was used this recently probably has its next request on the way. Longer would be safer
# still, but an API server keeps idle ones for a minute and a half, and a rollout waits for each replica.
_HOT_SECONDS: Final = 3.0


class Wait(Enum):
    """What a connection is waiting for, which decides what happens when it takes too long."""

    HANDLER = auto()
    REQUEST_BEGIN = auto()
    REQUEST_END = auto()
    READER = auto()
    """The client to take earlier answers off the socket."""
    LINGER = auto()
    """A refused client to stop sending."""
    END = auto()
    """The transport to close, which first needs the client to read what was written."""


class Owner(Protocol):
    """The server, as its connections see it."""

    handler: Handler
    limits: Limits
    refuse_early: EarlyCheck | None
    budget: BodyBudget

    def opened(self, connection: "Connection") -> bool:
        """Take the connection in, maybe at the cost of another; False if there are too many."""

    def closed(self, connection: "Connection") -> None:
        """Forget the connection."""

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run `work` to its end, also when its connection is gone."""


class Connection(asyncio.Protocol):
    """The protocol object of one connection, created by the listener."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._limits = owner.limits
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader: RequestReader | None = None
        self._queue: deque[Received | Refused] = deque()
        self._busy = False
        self._draining = False
        self._input_ended = False
        self._reading_paused = False
        self._writing_paused = False
        self._discarded = 0
        self._idle_since = self._loop.time()
        self._wait = Wait.REQUEST_BEGIN
        self._deadline = _NEVER
        self.is_in_earnest = False
        """Whether a POST was taken on it: only who knows the secret path gets one past the early check."""

    # What the event loop reports.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start reading requests; over TLS the handshake is complete."""
        self._transport = cast("asyncio.Transport", transport)
        owner = self._owner
        self._reader = RequestReader(self._limits, _peer_names(transport), owner.budget, owner.refuse_early)
        if not self._owner.opened(self):
            self._transport.abort()
            return
        self._settle()

    def data_received(self, data: bytes) -> None:
        """Parse, queue what is complete, start on it."""
        if self._input_ended or self._reader is None:
            self._discard(len(data))
            return
        for entry in self._reader.feed(data):
            self._queue.append(entry)
            if isinstance(entry, Refused) or not entry.keep_alive:
                self._end_reading()
        if len(self._queue) >= self._limits.pipelined:
            self._pause_reading()
        self._next()
        self._settle()

    def eof_received(self) -> bool:
        """The client sends no more. Over plain TCP it may still be waiting for answers."""
        self._end_reading()
        over_tls = self._transport is None or self._transport.get_extra_info("ssl_object") is not None
        return not over_tls and (self._busy or bool(self._queue))

    def pause_writing(self) -> None:
        """The client does not take its answers: handle nothing more for it until it does."""
        self._writing_paused = True
        self._settle()

    def resume_writing(self) -> None:
        """The client caught up."""
        self._writing_paused = False
        self._next()
        self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything but a handler at work: it may be in the middle of writing a claim."""
        del exc  # whose fault it was makes no difference
        self._transport = None
        self._end_reading()
        self._forget_queue()
        self._deadline = _NEVER
        self._owner.closed(self)

    # What the server asks for.

    def expire(self, now: float) -> None:
        """End what has waited too long; `now` is the event loop's time."""
        if self._transport is None or now < self._deadline:
            return
        match self._wait:
            case Wait.REQUEST_END:
                self._end_input(HTTPStatus.REQUEST_TIMEOUT)
            case Wait.REQUEST_BEGIN | Wait.LINGER:
                self._close()
            case Wait.READER | Wait.END:
                # Closing would wait for the client to read, which is what it does not do.
                self._transport.abort()
            case Wait.HANDLER:
                raise AssertionError("a handler has no deadline here")
            case _:
                assert_never(self._wait)

    def drain(self) -> None:
        """End the connection as soon as that takes nobody by surprise.

        What has begun is answered, and the last answer announces the end. An idle connection is
        closed; one that was in use a moment ago waits a moment for its next request, since a client
        that is just sending one would see it fail.
        """
        self._draining = True
        self._settle()

    def abort(self) -> None:
        """End the connection now."""
        if self._transport is not None:
            self._transport.abort()

    # The state between requests and answers.

    def _next(self) -> None:
        """Start on the next request unless one is being handled."""
        if self._busy or self._writing_paused or not self._queue or self._transport is None:
            return
        entry = self._queue.popleft()
        if isinstance(entry, Refused):
            self._refuse(entry)
            return
        self._busy = True
        self.is_in_earnest = self.is_in_earnest or entry.request.method == "POST"
        self._owner.spawn(self._handle(entry))

    async def _handle(self, received: Received) -> None:
        try:
            response = await self._owner.handler(received.request)
        except Exception:
            _log.exception("the handler failed on %s %s", received.request.method, received.request.path)
            response = plain(HTTPStatus.INTERNAL_SERVER_ERROR)
        finally:
            # Not when the client leaves: the handler holds the body for as long as it is at work.
            self._owner.budget.give_back(len(received.request.body))
        self._busy = False
        if self._transport is None:
            return
        self._answer(received, response)
        self._next()
        self._settle()

    def _answer(self, received: Received, response: HttpResponse) -> None:
        assert self._transport is not None  # noqa: S101 - the caller has just looked
        more_to_come = bool(self._queue) or (self._reader is not None and self._reader.receiving)
        closing = not received.keep_alive or ((self._draining or self._input_ended) and not more_to_come)
        without_body = received.request.method == "HEAD"
        self._transport.write(encode(response, closing=closing, without_body=without_body))
        self._idle_since = self._loop.time()
        if closing:
            self._close()
        elif self._reading_paused and len(self._queue) < self._limits.pipelined:
            self._reading_paused = False
            self._transport.resume_reading()

    def _refuse(self, refused: Refused) -> None:
        """Answer with an error, then wait a little: closing at once could destroy the answer."""
        assert self._transport is not None  # noqa: S101 - the callers have just looked
        self._transport.write(encode(refused.response, closing=True, without_body=refused.to_head))
        self._wait, self._deadline = Wait.LINGER, self._loop.time() + self._limits.linger

    def _end_input(self, status: HTTPStatus) -> None:
        self._end_reading()
        self._refuse(Refused(plain(status)))

    def _end_reading(self) -> None:
        """Take no more requests; one that has begun can no longer become whole."""
        self._input_ended = True
        if self._reader is not None:
            self._reader.drop()
            self._reader = None

    def _forget_queue(self) -> None:
        held = sum(len(entry.request.body) for entry in self._queue if isinstance(entry, Received))
        self._queue.clear()
        self._owner.budget.give_back(held)

    def _close(self) -> None:
        assert self._transport is not None  # noqa: S101 - the callers have just looked
        self._end_reading()
        self._forget_queue()
        self._wait, self._deadline = Wait.END, self._loop.time() + self._limits.answer
        self._transport.close()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > _DISCARD_BYTES:
            self.abort()

    def _pause_reading(self) -> None:
        if not self._reading_paused and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()

    def _settle(self) -> None:
        """Decide what the connection waits for from here on, and until when."""
        if self._transport is None or self._wait in {Wait.LINGER, Wait.END}:
            return
        if self._writing_paused:
            self._await(Wait.READER, self._limits.answer)
        elif self._busy:
            self._await(Wait.HANDLER, _NEVER)
        elif self._reader is not None and self._reader.receiving:
            self._await(Wait.REQUEST_END, self._limits.request)
            if self._reader.expects_continue:
                self._reader.expects_continue = False
                self._transport.write(CONTINUE)
        else:
            self._idle()

    def _await(self, wait: Wait, seconds: float) -> None:
        """Wait for something; waiting on for the same thing does not move the deadline."""
        if self._wait is not wait:
            self._wait, self._deadline = wait, self._loop.time() + seconds

    def _idle(self) -> None:
        self._wait = Wait.REQUEST_BEGIN
        if self._draining:
            self._deadline = self._idle_since + min(_HOT_SECONDS, self._limits.idle)
            self.expire(self._loop.time())
        else:
            self._deadline = self._loop.time() + self._limits.idle


def _peer_names(transport: asyncio.BaseTransport) -> tuple[str, ...]:
    """The common names in the client's certificate. Python reveals them only if it verified the certificate.

    As everywhere in Kubernetes, alternative names are no names of a client: whoever is given a serving
    certificate may often choose them.
    """
    tls = transport.get_extra_info("ssl_object")
    if not isinstance(tls, ssl.SSLObject):
        return ()
    certificate = tls.getpeercert() or {}
    # Typed as nested tuples of everything a certificate can hold; this one is pairs of strings.
    subject = cast("tuple[tuple[tuple[str, str], ...], ...]", certificate.get("subject", ()))
    return tuple(value for part in subject for key, value in part if key == "commonName")
