"""The HTTP server over real sockets."""

import asyncio
import logging
import tracemalloc
from dataclasses import replace

import pytest

from cutline_webhook.messages import JSON, HttpRequest, HttpResponse, Limits
from cutline_webhook.parsing import BodyBudget, Received, RequestReader
from tests.webhook.conftest import Run
from tests.webhook.http_client import RawClient, get, post
from tests.webhook.serving import MIB, QUICK, Gate, serving


def test_a_connection_serves_many_requests(run: Run) -> None:
    async def scenario() -> None:
        async with serving() as (_, port), RawClient(port) as client:
            for size in (0, 1, 70_000):
                reply = await client.ask(post(b"x" * size))
                assert reply.status == 200
                assert reply.body == f"POST /gate {size}".encode()
                assert "connection" not in reply.headers
                assert reply.headers["content-type"] == "application/json"
                assert "date" in reply.headers

    run(scenario())


def test_idle_connections_outlive_the_api_servers_patience() -> None:
    assert Limits().idle > 90


def test_an_idle_connection_is_closed_in_the_end(run: Run) -> None:
    async def scenario() -> None:
        async with serving(limits=QUICK) as (_, port), RawClient(port) as client:
            assert (await client.ask(get("/"))).status == 200
            assert await client.at_end()

    run(scenario())


def test_pipelined_requests_are_answered_in_order(run: Run) -> None:
    async def slower_first(request: HttpRequest) -> HttpResponse:
        # The first to come takes longest: overtaking would show.
        await asyncio.sleep(0.02 / (1 + int(request.body)))
        return HttpResponse(200, request.body, JSON)

    async def scenario() -> None:
        async with serving(slower_first) as (_, port), RawClient(port) as client:
            # More than are read ahead, so that reading pauses and resumes.
            count = 3 * Limits().pipelined
            await client.send(b"".join(post(str(number).encode()) for number in range(count)))
            assert [int((await client.reply()).body) for _ in range(count)] == list(range(count))

    run(scenario())


def test_a_request_may_come_in_any_pieces(run: Run) -> None:
    async def scenario() -> None:
        whole = post(b"abc") + post(b"de")
        async with serving() as (_, port), RawClient(port) as client:
            for cut in range(1, len(whole)):
                await client.send(whole[:cut])
                await client.send(whole[cut:])
                assert (await client.reply()).body.endswith(b" 3")
                assert (await client.reply()).body.endswith(b" 2")

    run(scenario())


def test_a_body_of_8_mib_passes_and_a_larger_one_does_not(run: Run) -> None:
    async def scenario() -> None:
        async with serving(limits=Limits(linger=0.05)) as (_, port):
            async with RawClient(port) as client:
                reply = await client.ask(post(b"x" * 8 * MIB))
                assert reply.body.endswith(f" {8 * MIB}".encode())
            async with RawClient(port) as client:
                # The whole body is on its way: the refusal must arrive all the same.
                client.writer.write(post(b"x" * (8 * MIB + 1)))
                reply = await client.reply()
                assert (reply.status, reply.headers["connection"]) == (413, "close")
                assert await client.at_end()

    run(scenario())


def test_chunked_bodies_are_put_together_and_limited(run: Run) -> None:
    head = b"POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def scenario() -> None:
        async with serving(limits=replace(QUICK, body_bytes=1000)) as (_, port):
            async with RawClient(port) as client:
                reply = await client.ask(head + b"3\r\nabc\r\n4\r\ndefg\r\n0\r\nExpect: nothing\r\n\r\n")
                assert reply.body.endswith(b" 7")
                reply = await client.ask(head + b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n")
                assert reply.status == 413
                assert await client.at_end()
            async with RawClient(port) as client:
                await client.send(head + b"0\r\nTrailer: ")
                # A trailer without an end, which the parser would keep in memory.
                client.writer.write(b"x" * MIB)
                client.writer.write(b"x" * MIB)
                assert (await client.reply()).status == 413

    run(scenario())


def test_a_body_in_tiny_pieces_takes_no_more_than_is_counted() -> None:
    reader = RequestReader(Limits(), (), BodyBudget(MIB))
    pieces = b"2\r\nxx\r\n" * 50_000
    tracemalloc.start()
    try:
        reader.feed(b"POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n")
        reader.feed(pieces)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * 100_000
    (received,) = reader.feed(b"0\r\n\r\n")
    assert isinstance(received, Received)
    assert received.request.body == b"x" * 100_000


def test_a_client_that_asks_first_is_told_to_continue_in_its_turn(run: Run) -> None:
    async def scenario() -> None:
        gate = Gate()
        async with serving(gate) as (_, port), RawClient(port) as client:
            asking = post(b"abc", extra="Expect: 100-continue\r\n")[:-3]
            await client.send(post(b"first") + asking)
            await gate.entered.wait()
            gate.open.set()
            assert (await client.reply()).body == b"first"
            assert (await client.reply()).status == 100
            assert (await client.ask(b"abc")).body == b"abc"

    run(scenario())


def test_a_client_that_asks_first_for_too_much_is_refused_at_once(run: Run) -> None:
    async def scenario() -> None:
        async with serving(limits=Limits(body_bytes=10)) as (_, port), RawClient(port) as client:
            reply = await client.ask(post(b"x" * 11, extra="Expect: 100-continue\r\n")[:-11])
            assert reply.status == 413

    run(scenario())


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS to a plain port
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET / HTTP/2.0\r\nHost: w\r\n\r\n", 400),
        (b"GET http://w/ HTTP/1.1\r\nHost: w\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: w\r\n\r\n", 400),
        (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: w\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 1, 1\r\n\r\nx", 400),
        (b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: -1\r\n\r\nx", 400),
        (b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
        (b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : w\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: w\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: w\r\nContent-Length: 1\r\n\r\nx", 413),  # nothing but a way to have it held
        (b"GET / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", 413),
        (b"GET / HTTP/1.1\r\nHost: w\r\nExpect: miracles\r\n\r\n", 417),
        (b"GET / HTTP/1.1\r\nHost: w\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: w\r\n" + b"X: 1\r\n" * 20_000 + b"\r\n", 431),
        (b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: w\r\n\r\n", 431),
    ],
)
def test_what_is_malformed_is_refused_and_ends_the_connection(run: Run, sent: bytes, status: int) -> None:
    async def scenario() -> None:
        async with serving(limits=QUICK) as (_, port), RawClient(port) as client:
            # A good request before it is answered first.
            client.writer.write(post(b"good") + sent)
            assert (await client.reply()).status == 200
            reply = await client.reply()
            assert (reply.status, reply.headers["connection"]) == (status, "close")
            assert await client.at_end()

    run(scenario())


def test_nothing_after_a_refused_request_is_handled(run: Run) -> None:
    seen: list[str] = []

    async def remember(request: HttpRequest) -> HttpResponse:
        seen.append(request.path)
        return HttpResponse(200, b"", JSON)

    async def scenario() -> None:
        async with serving(remember, QUICK) as (_, port), RawClient(port) as client:
            await client.send(get("/one") + b"NONSENSE\r\n\r\n" + get("/two"))
            assert [(await client.reply()).status for _ in range(2)] == [200, 400]
            await client.send(get("/three"))
            assert await client.at_end()

    run(scenario())
    assert seen == ["/one"]


def test_an_endless_header_is_refused_before_it_ends(run: Run) -> None:
    async def scenario() -> None:
        async with serving(limits=QUICK) as (_, port), RawClient(port) as client:
            await client.send(b"GET / HTTP/1.1\r\nX: ")
            for _ in range(8):
                client.writer.write(b"x" * 64 * 1024)
            assert (await client.reply()).status == 431

    run(scenario())


@pytest.mark.parametrize("begun", [b"POST / HTTP/1.1\r\nHost: w\r\nX: ", post(b"y" * 9999)[:-9990]])
def test_a_request_that_trickles_is_cut_off(run: Run, begun: bytes) -> None:
    async def scenario() -> None:
        async with serving(limits=replace(QUICK, idle=60)) as (_, port), RawClient(port) as client:
            await client.send(begun)
            reply = asyncio.create_task(client.reply())
            while not reply.done():
                # Signs of life do not move the deadline.
                client.writer.write(b"x")
                await asyncio.sleep(0.02)
            assert reply.result().status == 408
            assert await client.at_end()

    run(scenario())


def test_a_client_that_does_not_read_is_cut_off(run: Run) -> None:
    handled: list[str] = []

    async def much(request: HttpRequest) -> HttpResponse:
        handled.append(request.path)
        return HttpResponse(200, b"x" * 8 * MIB, JSON)

    async def scenario() -> None:
        async with serving(much, QUICK) as (_, port), RawClient(port) as client:
            client.writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a full transport
            await client.send(get("/") * 4)
            while not client.writer.transport.is_closing():
                # Written only to learn of the reset, which a paused reader does not see.
                client.writer.write(b"x")
                await asyncio.sleep(0.02)

    run(scenario())
    assert handled == ["/"]


def test_a_client_that_does_not_wait_is_not_read_ahead_of(run: Run) -> None:
    async def scenario() -> None:
        async with serving(Gate()) as (_, port), RawClient(port) as client:
            for _ in range(512):
                client.writer.write(post(b"x" * 64 * 1024))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.writer.drain(), 0.3)

    run(scenario())


def test_a_refused_client_may_finish_sending_within_reason(run: Run) -> None:
    async def scenario() -> None:
        limits = Limits(body_bytes=10, linger=0.2)
        async with serving(limits=limits) as (_, port), RawClient(port) as client:
            refused_at = asyncio.get_running_loop().time()
            assert (await client.ask(post(b"x" * MIB))).status == 413
            await client.send(b"x" * MIB)
            assert await client.at_end()
            assert asyncio.get_running_loop().time() - refused_at > 0.15
        async with serving(limits=replace(limits, linger=60)) as (_, port), RawClient(port) as client:
            assert (await client.ask(post(b"x" * MIB))).status == 413
            client.writer.write(b"x" * 32 * MIB)
            assert await client.at_end()

    run(scenario())


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
    ],
)
def test_a_client_that_wants_to_end_is_answered_first(run: Run, sent: bytes) -> None:
    async def scenario() -> None:
        async with serving() as (_, port), RawClient(port) as client:
            reply = await client.ask(sent + get("/ignored"))
            assert (reply.status, reply.headers["connection"]) == (200, "close")
            assert await client.at_end()

    run(scenario())


def test_a_client_that_stops_sending_is_still_answered(run: Run) -> None:
    async def scenario() -> None:
        gate = Gate()
        async with serving(gate) as (_, port), RawClient(port) as client:
            await client.send(post(b"one") + post(b"two"))
            client.writer.write_eof()
            await gate.entered.wait()
            gate.open.set()
            assert [(await client.reply()).body for _ in range(2)] == [b"one", b"two"]
            assert await client.at_end()

    run(scenario())


def test_head_is_answered_without_a_body(run: Run) -> None:
    async def scenario() -> None:
        async with serving() as (_, port), RawClient(port) as client:
            await client.send(b"HEAD /x HTTP/1.1\r\nHost: w\r\n\r\n")
            assert int((await client.reply(to_head=True)).headers["content-length"]) > 0
            assert (await client.ask(get("/y"))).body == b"GET /y 0"

    run(scenario())


def test_a_failing_handler_is_a_500_and_a_log_line(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(request: HttpRequest) -> HttpResponse:
        raise RuntimeError("secret detail")

    async def scenario() -> None:
        async with serving(fail) as (server, port), RawClient(port) as client:
            for _ in range(2):
                reply = await client.ask(post(b"x"))
                assert reply.status == 500
                assert b"secret" not in reply.body
                assert server.budget.held == 0

    with caplog.at_level(logging.ERROR):
        run(scenario())
    assert "secret detail" in caplog.text


def test_retry_after_is_sent(run: Run) -> None:
    async def busy(request: HttpRequest) -> HttpResponse:
        return HttpResponse(429, b"", JSON, retry_after=1)

    async def scenario() -> None:
        async with serving(busy) as (_, port), RawClient(port) as client:
            assert (await client.ask(get("/"))).headers["retry-after"] == "1"

    run(scenario())
