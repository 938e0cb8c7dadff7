"""Stopping the server loses no request that it has begun to receive."""

import asyncio
import socket
import struct

import pytest

from tests.webhook.conftest import Run
from tests.webhook.http_client import RawClient, get, post
from tests.webhook.serving import QUICK, Gate, serving


def test_a_handler_finishes_though_its_client_left(run: Run) -> None:
    async def scenario() -> None:
        gate = Gate()
        async with serving(gate) as (server, port):
            async with RawClient(port) as client:
                await client.send(post(b"x"))
                await gate.entered.wait()
                # So that the end is a reset: a mere end of sending would leave the answer due.
                client.writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
            draining = asyncio.create_task(server.drain(5))
            assert await asyncio.wait({draining}, timeout=0.1) == (set(), {draining})
            gate.open.set()
            await draining
            assert gate.finished == 1

    run(scenario())


def test_draining_answers_what_has_begun_and_says_that_it_ends(run: Run) -> None:
    async def scenario() -> None:
        gate = Gate()
        async with serving(gate) as (server, port), RawClient(port) as handled, RawClient(port) as partial:
            await handled.send(post(b"one") + post(b"two"))
            await gate.entered.wait()
            await partial.send(post(b"three")[:-2])
            draining = asyncio.create_task(server.drain(5))
            await asyncio.sleep(0)
            gate.open.set()
            replies = [await handled.reply() for _ in range(2)]
            assert [reply.body for reply in replies] == [b"one", b"two"]
            assert ["connection" in reply.headers for reply in replies] == [False, True]
            assert await handled.at_end()
            assert (await partial.ask(b"ee")).headers["connection"] == "close"
            assert await partial.at_end()
            await draining
            with pytest.raises(OSError, match=r"refused|Connect call failed"):
                await asyncio.open_connection("127.0.0.1", port)

    run(scenario())


def test_draining_gives_a_busy_connection_one_more_request(run: Run) -> None:
    async def scenario() -> None:
        async with serving() as (server, port), RawClient(port) as client:
            assert (await client.ask(get("/"))).status == 200
            draining = asyncio.create_task(server.drain(5))
            await asyncio.sleep(0)
            assert (await client.ask(get("/"))).headers["connection"] == "close"
            assert await client.at_end()
            await draining

    run(scenario())


def test_draining_closes_idle_connections(run: Run) -> None:
    async def scenario() -> None:
        async with serving(limits=QUICK) as (server, port), RawClient(port) as client:
            assert (await client.ask(get("/"))).status == 200
            await server.drain(5)
            assert await client.at_end()

    run(scenario())


def test_draining_ends_with_its_grace(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        gate = Gate()
        async with serving(gate) as (server, port), RawClient(port) as client:
            await client.send(post(b"x"))
            await gate.entered.wait()
            await server.drain(0.05)
            assert await client.at_end()

    run(scenario())
    assert "unfinished" in caplog.text
