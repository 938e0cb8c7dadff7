"""What a client can make the server hold: nothing before its head is judged, and never more than the budget."""

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from cutline_webhook.app import App
from cutline_webhook.messages import Handler, HttpHead, HttpRequest, HttpResponse, Limits, plain
from cutline_webhook.server import Server
from tests.webhook.conftest import Run
from tests.webhook.http_client import RawClient, get, post
from tests.webhook.serving import MIB, Gate, echo

# Room for two bodies and a half.
SMALL = Limits(body_bytes=100, held_bytes=250, linger=0.02)
CHUNKED = b"POST /gate HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n"
VALUES = Path(__file__).parents[2] / "charts" / "cutline" / "values.yaml"


def only_the_gate(head: HttpHead) -> HttpResponse | None:
    return None if head.path == "/gate" else plain(HTTPStatus.NOT_FOUND)


@asynccontextmanager
async def serving(handler: Handler = echo, limits: Limits = SMALL) -> AsyncIterator[tuple[Server, int]]:
    server = Server(handler, None, limits, refuse_early=only_the_gate)
    try:
        yield server, await server.start("127.0.0.1", 0)
    finally:
        await server.drain(0)


async def until_held(server: Server, size: int) -> None:
    """Wait until the server holds exactly `size` bytes of bodies."""
    for _ in range(400):
        if server.budget.held == size:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"{server.budget.held} bytes are held, not {size}")


def begun(size: int = 100, path: str = "/gate", extra: str = "") -> bytes:
    """A POST that stops before the last byte of its body."""
    return post(b"x" * size, path, extra)[:-1]


# --- before the body


def test_a_refused_head_is_answered_while_the_body_is_still_to_come(run: Run) -> None:
    async def scenario() -> None:
        gate = Gate()
        async with serving(gate, Limits(linger=1)) as (server, port), RawClient(port) as client:
            whole = post(b"x" * 8 * MIB, "/nothing")
            await client.send(whole[:1000])
            reply = await client.reply()
            assert (reply.status, reply.headers["connection"]) == (404, "close")
            assert server.budget.held == 0
            await client.send(whole[1000:])
            assert await client.at_end()
            assert not gate.entered.is_set()

    run(scenario())


def test_many_large_bodies_to_nowhere_are_never_held(run: Run) -> None:
    most = 0

    async def send(server: Server, port: int) -> None:
        nonlocal most
        async with RawClient(port) as client:
            client.writer.write(post(b"", "/nothing").replace(b"Length: 0", b"Length: 8388608"))
            for _ in range(16):
                client.writer.write(b"x" * 64 * 1024)
                await asyncio.sleep(0)
                most = max(most, server.budget.held)
            assert (await client.reply()).status == 404

    async def scenario() -> None:
        async with serving(limits=Limits()) as (server, port):
            await asyncio.gather(*(send(server, port) for _ in range(40)))

    run(scenario())
    assert most == 0


def test_a_client_that_asks_first_is_not_told_to_send_what_is_refused(run: Run) -> None:
    async def scenario() -> None:
        async with serving() as (_, port), RawClient(port) as client:
            asking = post(b"x" * 9, "/nothing", "Expect: 100-continue\r\n")[:-9]
            assert (await client.ask(asking)).status == 404

    run(scenario())


def test_what_came_before_a_refused_head_is_answered_first(run: Run) -> None:
    async def scenario() -> None:
        gate = Gate()
        async with serving(gate) as (server, port), RawClient(port) as client:
            await client.send(post(b"first", "/gate") + begun(path="/nothing"))
            await gate.entered.wait()
            assert server.budget.held == len(b"first")
            gate.open.set()
            assert (await client.reply()).body == b"first"
            assert (await client.reply()).status == 404
            assert await client.at_end()

    run(scenario())


def test_a_refused_head_request_is_answered_without_a_body(run: Run) -> None:
    async def scenario() -> None:
        async with serving() as (_, port), RawClient(port) as client:
            await client.send(b"HEAD /nothing HTTP/1.1\r\nHost: w\r\n\r\n")
            assert (await client.reply(to_head=True)).status == 404
            assert await client.at_end()

    run(scenario())


# --- the budget


def test_what_exceeds_the_budget_is_to_come_again_and_then_passes(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with serving() as (server, port), RawClient(port) as one, RawClient(port) as two:
            for client in (one, two):
                await client.send(begun()[:-99])  # announced, and none of it sent
            await until_held(server, 200)
            for _ in range(3):
                async with RawClient(port) as third:
                    reply = await third.ask(begun())
                    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
                    assert reply.headers["connection"] == "close"
                    assert await third.at_end()
            assert server.budget.held == 200
            async with RawClient(port) as small:
                assert (await small.ask(post(b"x" * 50, "/gate"))).status == 200
            assert [(await client.ask(b"x" * 100)).status for client in (one, two)] == [200, 200]
            await until_held(server, 0)
            async with RawClient(port) as third:
                assert (await third.ask(post(b"x" * 100, "/gate"))).status == 200

    with caplog.at_level(logging.WARNING, "cutline_webhook"):
        run(scenario())
    assert [entry.getMessage() for entry in caplog.records if entry.name == "cutline_webhook.parsing"] == [
        "refusing requests: their bodies exceed 250 bytes, 200 are held",
        "no longer refusing requests for the size of their bodies: 3 were",
    ]


def test_a_body_of_unknown_size_is_counted_as_it_comes(run: Run) -> None:
    async def scenario() -> None:
        async with serving() as (server, port), RawClient(port) as one, RawClient(port) as two:
            await one.send(CHUNKED + b"3c\r\n" + b"x" * 60)
            await until_held(server, 60)
            await two.send(begun())
            await until_held(server, 160)
            async with RawClient(port) as third:
                await third.send(CHUNKED + b"5a\r\n" + b"x" * 90)
                await until_held(server, 250)
                assert (await third.ask(b"\r\n1\r\nx")).status == 503
                await until_held(server, 160)
            assert (await one.ask(b"\r\n0\r\n\r\n")).status == 200
            assert (await two.ask(b"x")).status == 200
            await until_held(server, 0)

    run(scenario())


def test_what_waits_for_its_turn_counts(run: Run) -> None:
    async def scenario() -> None:
        gate = Gate()
        async with serving(gate) as (server, port), RawClient(port) as client:
            await client.send(post(b"x" * 100, "/gate") * 3)
            await until_held(server, 200)
            gate.open.set()
            assert [(await client.reply()).status for _ in range(3)] == [200, 200, 503]
            await until_held(server, 0)

    run(scenario())


def test_a_connection_is_kept_though_all_its_bodies_exceed_the_budget(run: Run) -> None:
    async def scenario() -> None:
        async with serving() as (server, port), RawClient(port) as client:
            for number in range(20):
                body = post(b"x" * 100, "/gate") if number % 2 else CHUNKED + b"64\r\n" + b"x" * 100 + b"\r\n0\r\n\r\n"
                reply = await client.ask(body)
                assert (reply.status, "connection" in reply.headers) == (200, False)
                assert server.budget.held == 0
            assert (await client.ask(get("/gate"))).status == 200

    run(scenario())


# --- clients that leave


async def reset(client: RawClient) -> None:
    """Leave for good: a mere end of sending would leave the answers due."""
    lingering = struct.pack("ii", 1, 0)
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingering)
    client.writer.transport.abort()


async def stop_sending(client: RawClient) -> None:
    client.writer.write_eof()


async def trickle(client: RawClient) -> None:
    assert (await client.reply()).status == 408


@pytest.mark.parametrize("leave", [reset, stop_sending, trickle])
@pytest.mark.parametrize("sent", [begun(), CHUNKED + b"64\r\n" + b"x" * 100], ids=["announced", "chunked"])
def test_a_request_that_never_ends_gives_its_bytes_back(run: Run, leave: Callable[..., Any], sent: bytes) -> None:
    async def scenario() -> None:
        limits = replace(SMALL, request=0.1, linger=60)
        async with serving(limits=limits) as (server, port), RawClient(port) as client:
            await client.send(sent)
            await until_held(server, 100)
            await leave(client)
            await until_held(server, 0)

    run(scenario())


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"\r\nnonsense", 400), (b"\r\n33\r\n" + b"x" * 51, 413)],
    ids=["malformed", "too large"],
)
def test_a_body_that_goes_wrong_gives_its_bytes_back(run: Run, sent: bytes, status: int) -> None:
    async def scenario() -> None:
        limits = replace(SMALL, linger=60)
        async with serving(limits=limits) as (server, port), RawClient(port) as client:
            await client.send(CHUNKED + b"32\r\n" + b"x" * 50)
            await until_held(server, 50)
            assert (await client.ask(sent)).status == status
            assert server.budget.held == 0  # though the connection lingers

    run(scenario())


def test_a_handler_at_work_holds_its_body_though_the_client_left(run: Run) -> None:
    async def scenario() -> None:
        gate = Gate()
        async with serving(gate) as (server, port):
            async with RawClient(port) as client:
                await client.send(post(b"x" * 100, "/gate") + post(b"x" * 50, "/gate") + begun(60))
                await gate.entered.wait()
                await until_held(server, 210)
                await reset(client)
            await until_held(server, 100)
            gate.open.set()
            await until_held(server, 0)
            assert gate.finished == 1

    run(scenario())


def test_a_last_answer_gives_back_what_still_waited_though_nobody_reads_it(run: Run) -> None:
    # HTTP/1.0 lets the parser go on where the server does not.
    last = b"POST /gate HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 9\r\n\r\n" + b"x" * 9
    opened = asyncio.Event()

    async def much(request: HttpRequest) -> HttpResponse:
        await opened.wait()
        return HttpResponse(200, b"x" * 16 * MIB, request.path)

    async def scenario() -> None:
        async with serving(much) as (server, port), RawClient(port) as client:
            client.writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a full transport
            await client.send(last + last)
            await until_held(server, 18)
            opened.set()
            await until_held(server, 0)

    run(scenario())


# --- the sizes


def test_the_budget_fits_into_the_charts_memory() -> None:
    limits = Limits()
    memory = yaml.safe_load(VALUES.read_text())["webhook"]["resources"]["limits"]["memory"]
    assert memory.endswith("Mi")
    # Measured: 130 MiB before the first body; a usual review as objects takes 3.5 times its text.
    assert 130 * MIB + limits.held_bytes * 4.5 <= int(memory.removesuffix("Mi")) * MIB
    assert limits.held_bytes >= 2 * limits.body_bytes


# --- what the app refuses by the head


def app(*, path: str = "s3cret", names: frozenset[str] = frozenset(), verifies: bool = False) -> App:
    """An app that gets no further than the body: none of its parts is there."""
    none = cast("Any", None)
    return App(
        none,
        none,
        none,
        none,
        none,
        unready=tuple,
        secret_path=lambda: path,
        system_namespace="cutline-system",
        client_names=names,
        verifies_clients=verifies,
    )


API_SERVER = frozenset({"kube-apiserver"})
REFUSED = [
    (app(), HttpHead("POST", "/nothing", ()), 404),
    (app(), HttpHead("POST", "/gate", ()), 404),
    (app(), HttpHead("POST", "//gate", ()), 404),
    (app(), HttpHead("POST", "/s3cret/", ()), 404),
    (app(), HttpHead("POST", "/s3cret/gate/", ()), 404),
    (app(), HttpHead("POST", "/s3cret/other", ()), 404),
    (app(), HttpHead("POST", "/s3cret/gate/gate", ()), 404),
    (app(), HttpHead("POST", "s3cret/gate", ()), 404),
    (app(), HttpHead("POST", "/s3crét/gate", ()), 404),
    (app(path=""), HttpHead("POST", "//gate", ()), 404),
    (app(path=""), HttpHead("POST", "/gate", ()), 404),
    (app(), HttpHead("GET", "/s3cret/gate", ()), 405),
    (app(), HttpHead("POST", "/readyz", ()), 405),
    (app(names=API_SERVER, verifies=True), HttpHead("POST", "/s3cret/gate", ()), 403),
    (app(names=API_SERVER, verifies=True), HttpHead("POST", "/s3cret/gate", ("kubelet",)), 403),
    (app(names=API_SERVER, verifies=True), HttpHead("POST", "/other/gate", ("kube-apiserver",)), 404),
]


@pytest.mark.parametrize(("refusing", "head", "status"), REFUSED)
def test_the_app_refuses_by_the_head_alone_and_in_full_alike(refusing: App, head: HttpHead, status: int) -> None:
    refusal = refusing.refuse_early(head)
    assert refusal is not None
    assert refusal.status == status
    whole = HttpRequest(head.method, head.path, b"{}", head.peer_names)
    assert asyncio.run(refusing.handle(whole)) == refusal


@pytest.mark.parametrize("route", ["/gate", "/kinds/mutate", "/kinds/validate"])
@pytest.mark.parametrize(
    ("willing", "names"),
    [
        (app(), ()),
        (app(names=API_SERVER), ()),
        (app(verifies=True), ("anybody",)),
        (app(names=API_SERVER, verifies=True), ("kube-apiserver", "10.0.0.1")),
    ],
)
def test_the_app_reads_what_comes_to_its_routes(willing: App, names: tuple[str, ...], route: str) -> None:
    assert willing.refuse_early(HttpHead("POST", f"/s3cret{route}", names)) is None
    # The body is looked at: this one is no review.
    answer = asyncio.run(willing.handle(HttpRequest("POST", f"/s3cret{route}", b"{}", names)))
    assert answer.status == 400


def test_readiness_is_told_to_everybody() -> None:
    strict = app(names=API_SERVER, verifies=True)
    assert strict.refuse_early(HttpHead("HEAD", "/readyz", ())) is None
    assert asyncio.run(strict.handle(HttpRequest("GET", "/readyz", b"", ()))).status == 200


def test_an_app_behind_a_server_holds_nothing_of_a_stranger(run: Run) -> None:
    async def scenario() -> None:
        ours = app()
        server = Server(ours.handle, None, SMALL, refuse_early=ours.refuse_early)
        try:
            port = await server.start("127.0.0.1", 0)
            for path, status in (("/nothing", 404), ("/guess/gate", 404), ("/readyz", 405)):
                async with RawClient(port) as client:
                    assert (await client.ask(begun(path=path))).status == status
                    assert server.budget.held == 0
            async with RawClient(port) as client:
                await client.send(begun(path="/s3cret/gate"))
                await until_held(server, 100)
                assert (await client.ask(b"x")).status == 400
        finally:
            await server.drain(0)

    run(scenario())
