"""HTTP by hand, over one connection: what no library would send, and every byte that comes back."""

import asyncio
import time
from typing import NamedTuple, Self

from fuzz.bodies import Sent


class Reply(NamedTuple):
    """All of an answer; the status is 0 where the server hung up instead."""

    status: int
    text: bytes
    seconds: float


class Wire:
    """Asks one thing after another, and connects again where the server has hung up."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._hang_up()

    async def ask(self, sent: Sent, secret: str) -> Reply:
        began = time.perf_counter()
        try:
            text = await self._exchanged(sent, secret)
        except (ConnectionError, asyncio.IncompleteReadError):
            self._hang_up()
            text = b""
        status = int(text.split(maxsplit=2)[1]) if text else 0
        return Reply(status, text, time.perf_counter() - began)

    async def _exchanged(self, sent: Sent, secret: str) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        headers = {"Host": "bursar.test", "Authorization": f"Bearer {secret}", **sent.headers}
        lines = [f"{sent.method} {sent.path} HTTP/1.1", *map(": ".join, headers.items())]
        head = "\r\n".join([*lines, f"Content-Length: {len(sent.body)}", "", ""])
        writer.write(head.encode() + sent.body)
        told = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in told.lower().split(b"\r\n")[1:-2])
        if sent.method != "HEAD":
            told += await reader.readexactly(int(fields.get(b"content-length", 0)))
        if fields.get(b"connection") == b"close" or not told.startswith(b"HTTP/1.1 2"):
            self._hang_up()  # as an error may have come before the body was read
        return told

    def _hang_up(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None
