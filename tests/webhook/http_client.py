"""A client that sends exactly the bytes it is told to."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, its header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class RawClient:
    """One connection to 127.0.0.1; use it as a context manager."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._port = port
        self._tls = tls

    async def __aenter__(self) -> Self:
        name = None if self._tls is None else "127.0.0.1"
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._tls, server_hostname=name
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self, *, to_head: bool = False) -> Reply:
        head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        length = 0 if to_head else int(headers.get("content-length", "0"))
        return Reply(int(first.split(" ")[1]), headers, await self.reader.readexactly(length))

    async def ask(self, data: bytes) -> Reply:
        await self.send(data)
        return await self.reply()

    async def at_end(self) -> bool:
        """Wait for the next byte or the end; whether it was the end."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True

    def certificate(self) -> bytes:
        """The server's certificate, in DER."""
        encoded = self.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        assert isinstance(encoded, bytes)
        return encoded


def post(body: bytes, path: str = "/gate?timeout=3s", extra: str = "") -> bytes:
    """A POST with a body of known length."""
    head = f"POST {path} HTTP/1.1\r\nHost: webhook\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


def get(path: str) -> bytes:
    """A GET."""
    return f"GET {path} HTTP/1.1\r\nHost: webhook\r\n\r\n".encode()
