"""A TCP proxy before PostgreSQL that cuts, delays, trickles and swallows, and knows a COMMIT."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from time import monotonic
from urllib.parse import parse_qs, urlsplit

CHUNK = 65_536
COMMIT = b"COMMIT\0"  # at the end of a simple query, which is how Bursar sends it


class Moment(Enum):
    """When a connection is cut, of the COMMIT that passes."""

    BEFORE = "before PostgreSQL gets it"
    DURING = "when PostgreSQL has it and has not answered"
    AFTER = "when PostgreSQL has answered and nobody was told"


@dataclass
class Proxy:
    """What happens to what passes may be changed at any moment, for open connections too.

    `delay` is added to each piece each way; `trickle` is a pause after each single byte of the
    answers; `swallow` has it say nothing any more, to new connections too, until it is to `heal`.
    """

    target: str
    port: int = 0
    delay: float = 0.0
    trickle: float | None = None
    cut_at: Callable[[], Moment | None] = lambda: None
    cuts: int = 0
    opened: int = 0
    _passing: asyncio.Event = field(default_factory=asyncio.Event)
    _links: "set[_Link]" = field(default_factory=set)

    def __post_init__(self) -> None:
        self._passing.set()

    @property
    def open(self) -> int:
        """How many connections there are through it."""
        return len(self._links)

    @property
    def url(self) -> str:
        """The target's address, by way of here."""
        parts = urlsplit(self.target)
        account = parts.netloc.rpartition("@")[0]
        return parts._replace(netloc=f"{account}@127.0.0.1:{self.port}", query="").geturl()

    def swallow(self) -> None:
        self._passing.clear()

    def heal(self) -> None:
        """Pass on whatever was held up, and all that comes."""
        self.delay, self.trickle = 0.0, None
        self._passing.set()

    def cut(self, number: int | None = None) -> None:
        """Reset connections, all or some, as a firewall or a dead host does."""
        for link in list(self._links)[:number]:
            link.cut()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        link = _Link(self, writer)
        self._links.add(link)
        try:
            with suppress(OSError):
                await self._passing.wait()
                await link.run(reader)
        finally:
            self._links.discard(link)
            link.cut()

    async def passes(self) -> None:
        """Return when a piece may go on, at once where what held it up is over."""
        since = monotonic()
        await self._passing.wait()
        while monotonic() < since + self.delay:  # noqa: ASYNC110 (the delay may change meanwhile)
            await asyncio.sleep(0.01)
        await self._passing.wait()


class _Link:
    """One connection from Bursar and the one to PostgreSQL that belongs to it."""

    def __init__(self, proxy: Proxy, client: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = client
        self._server: asyncio.StreamWriter | None = None
        self._answer_is_lost = False

    async def run(self, from_client: asyncio.StreamReader) -> None:
        from_server, self._server = await _connect(self._proxy.target)
        there = asyncio.create_task(self._there(from_client, self._server))
        back = asyncio.create_task(self._back(from_server))
        try:
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)

    def cut(self) -> None:
        for side in (self._client, self._server):
            if side is not None:
                side.transport.abort()

    async def _there(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._proxy.passes()
            moment = self._proxy.cut_at() if data.endswith(COMMIT) else None
            self._proxy.cuts += moment is not None
            if moment is Moment.BEFORE:
                self.cut()
                return
            self._answer_is_lost = moment is Moment.AFTER
            server.write(data)
            await server.drain()
            if moment is Moment.DURING:
                self._server = None  # PostgreSQL is left to itself: it reads what it was sent
                self.cut()
                server.close()
                return

    async def _back(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(CHUNK):
            await self._proxy.passes()
            if self._answer_is_lost:
                self.cut()
                return
            while self._proxy.trickle is not None and data:
                self._client.write(data[:1])
                data = data[1:]
                await asyncio.sleep(self._proxy.trickle)
                await self._proxy.passes()
            self._client.write(data)
            await self._client.drain()


async def _connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    host = query.get("host", [parts.hostname or ""])[0]
    port = query.get("port", [parts.port or 5432])[0]
    if host.startswith("/"):
        return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
    return await asyncio.open_connection(host, int(port))


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[Proxy]:
    """A proxy before the database of this address, open to the end, when all that it has is cut."""
    proxy = Proxy(url)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.heal()
        while proxy.open:
            proxy.cut()
            await asyncio.sleep(0.01)
