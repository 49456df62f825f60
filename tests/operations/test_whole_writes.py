"""Answers go out whole: one call to the system for head and body, and nothing that is held is lost."""

import asyncio
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from bursar.operations import open_connections
from bursar.operations.open_connections import OpenConnection
from bursar.operations.whole_writes import WholeWrites

HEAD = b" / HTTP/1.1\r\nHost: bursar.test\r\n"


class Transport:
    """Takes down what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return 7


async def held(*parts: bytes) -> tuple[Transport, WholeWrites]:
    transport: Any = Transport()
    writes = WholeWrites(transport, asyncio.get_running_loop())
    for part in parts:
        writes.write(part)
    assert transport.sent == []
    return transport, writes


async def test_what_is_written_in_one_turn_is_sent_at_once() -> None:
    transport, writes = await held(b"head", b"body")
    writes.flush()
    assert transport.sent == [b"headbody"]
    await asyncio.sleep(0)
    assert transport.sent == [b"headbody"]


async def test_what_nobody_flushes_goes_at_the_end_of_the_turn() -> None:
    transport, writes = await held(b"HTTP/1.1 100 Continue\r\n\r\n")
    await asyncio.sleep(0)
    writes.write(b"more")
    await asyncio.sleep(0)
    assert transport.sent == [b"HTTP/1.1 100 Continue\r\n\r\n", b"more"]


async def test_a_close_comes_after_what_is_held() -> None:
    transport, writes = await held(b"all")
    writes.close()
    await asyncio.sleep(0)
    assert (transport.sent, transport.closed) == ([b"all"], True)


async def test_to_a_client_that_is_gone_nothing_is_sent() -> None:
    transport, _ = await held(b"all")
    transport.closed = True
    await asyncio.sleep(0)
    assert transport.sent == []


async def test_everything_else_is_the_transports() -> None:
    _, writes = await held()
    assert writes.get_write_buffer_size() == 7


class Answers:
    """Answers in two parts, the second when it may; `sent` has each call to the system."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent = sent = list[bytes]()
        self.may_end = asyncio.Event()

        class Recorded(WholeWrites):
            def flush(self) -> None:
                if self._held:
                    sent.append(b"".join(self._held))
                super().flush()

        monkeypatch.setattr(open_connections, "WholeWrites", Recorded)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/parts":
            await send({"type": "http.response.body", "body": b"one", "more_body": True})
            await self.may_end.wait()
        await send({"type": "http.response.body", "body": b"two"})


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    return Answers(monkeypatch)


async def connect(answers: Answers) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    config = uvicorn.Config(answers, log_config=None, lifespan="off", date_header=False)
    config.load()
    loop, state = asyncio.get_running_loop(), ServerState()
    server = await loop.create_server(lambda: OpenConnection(config, state, {}), "127.0.0.1", 0)
    found = await asyncio.open_connection(*server.sockets[0].getsockname())
    server.close()
    return found


@pytest.mark.parametrize(("method", "end"), [(b"GET", b"0\r\n\r\n"), (b"HEAD", b"\r\n\r\n")])
async def test_an_answer_is_one_call_to_the_system(
    answers: Answers, method: bytes, end: bytes
) -> None:
    reader, writer = await connect(answers)
    for _ in range(2):
        writer.write(method + HEAD + b"\r\n")
        assert (await reader.readuntil(end)).startswith(b"HTTP/1.1 200 OK")
    writer.close()
    await writer.wait_closed()
    assert len(answers.sent) == 2


async def test_the_parts_of_an_answer_do_not_wait_for_each_other(answers: Answers) -> None:
    reader, writer = await connect(answers)
    writer.write((b"GET" + HEAD + b"Connection: close\r\n\r\n").replace(b"/ ", b"/parts ", 1))
    assert (await reader.readuntil(b"one\r\n")).startswith(b"HTTP/1.1 200 OK")
    answers.may_end.set()
    assert await reader.read() == b"3\r\ntwo\r\n0\r\n\r\n"
    writer.close()
    await writer.wait_closed()
