"""Clients that open connections and do nothing with them: closed in time, and in nobody's way."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from bursar.operations import open_connections
from bursar.operations.open_connections import OpenConnection, allow_files, close_idle

HEAD = b"GET / HTTP/1.1\r\nHost: bursar.test\r\n"
Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Clients:
    """A server of its own, and clients that send what they are told to."""

    def __init__(self, state: ServerState, port: int, stack: AsyncExitStack) -> None:
        self.state = state
        self.may_answer = asyncio.Event()
        self.answer = b"ok"
        self.port = port
        self._stack = stack

    async def connect(self, sent: bytes) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._stack.callback(writer.close)
        writer.write(sent)
        await asyncio.sleep(0.05)
        return reader, writer

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": self.answer})


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    async with AsyncExitStack() as stack:
        state = ServerState()
        clients = Clients(state, 0, stack)
        config = uvicorn.Config(clients, log_config=None, lifespan="off", date_header=False)
        config.load()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: OpenConnection(config, state, {}), "127.0.0.1", 0)
        clients.port = server.sockets[0].getsockname()[1]
        yield clients
        clients.may_answer.set()
        server.close()
    await asyncio.sleep(0.05)


async def is_closed(client: Client) -> bool:
    try:
        async with asyncio.timeout(0.1):
            return await client[0].read(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize("sent", [b"", b"G", HEAD, HEAD + b"A: "])
async def test_a_client_that_sends_no_whole_head_is_closed_in_time(
    clients: Clients, sent: bytes
) -> None:
    client = await clients.connect(sent)
    assert close_idle(clients.state, 10) == 0
    assert not await is_closed(client)
    assert close_idle(clients.state, 0.01) == 1
    assert await is_closed(client)
    assert not clients.state.connections


async def test_a_client_that_waits_for_its_answer_is_not_closed(clients: Clients) -> None:
    reader, _ = await clients.connect(HEAD + b"\r\n")
    assert close_idle(clients.state, 0.01) == 0
    clients.may_answer.set()
    assert (await reader.readuntil(b"0\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
    assert close_idle(clients.state, 0.01) == 0  # for a second request uvicorn waits 5 s


async def test_the_head_of_a_second_request_has_to_come_in_time_too(clients: Clients) -> None:
    clients.may_answer.set()
    reader, writer = await clients.connect(HEAD + b"\r\n")
    await reader.readuntil(b"0\r\n\r\n")
    writer.write(HEAD)
    await asyncio.sleep(0.05)
    assert close_idle(clients.state, 0.01) == 1


async def test_a_client_that_takes_nothing_of_its_answer_is_closed(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_connections, "STALLED_SECONDS", 0.1)
    clients.answer = bytes(50_000_000)
    clients.may_answer.set()
    reader, _ = await clients.connect(HEAD + b"\r\n")
    assert close_idle(clients.state) == 0
    await reader.readexactly(10_000_000)
    await asyncio.sleep(0.12)
    assert close_idle(clients.state) == 0
    await asyncio.sleep(0.12)
    assert close_idle(clients.state) == 1


async def test_where_there_are_too_many_a_new_one_takes_the_place_of_idle_ones(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OpenConnection, "most", 5)
    monkeypatch.setattr(open_connections, "CROWDED_SECONDS", 0.2)
    idle = [await clients.connect(HEAD) for _ in range(5)]
    await asyncio.sleep(0.2)
    waiting = [await clients.connect(HEAD + b"\r\n") for _ in range(5)]
    assert [await is_closed(client) for client in idle] == [True] * 5
    assert await is_closed(await clients.connect(HEAD + b"\r\n"))
    clients.may_answer.set()
    for reader, _ in waiting:
        assert (await reader.readuntil(b"0\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")


def test_a_process_may_open_as_many_files_as_it_is_allowed() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
        most = allow_files()
        assert 300 < most <= open_connections.MOST
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
