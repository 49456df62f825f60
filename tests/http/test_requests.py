"""What every request gets, whatever stands behind: id, headers, log line, answer to a fault."""

import asyncio
import io
import json
import logging
import re
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from bursar.http import logs
from bursar.http.requests import Requests


@pytest.fixture(autouse=True)
def stream(logging_as_before: None) -> io.StringIO:  # noqa: ARG001 (after the test)
    written = io.StringIO()
    logs.configure("debug", written)
    return written


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    logging.getLogger().handlers[0].flush()  # what waits for the end of a turn
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in told if line["event"] == "request"]


async def plain(request: Request) -> Response:
    return PlainTextResponse(request.scope["incoming"].id)


async def named(request: Request) -> Response:
    request.scope["incoming"].told |= {"operation": "Dashboard", "statements": 4}
    return PlainTextResponse("ok", headers={"Cache-Control": "no-cache"})


async def faulty(_request: Request) -> Response:
    raise ValueError("ada@example.com")


def client() -> AsyncClient:
    routes = [
        Route("/plain", plain),
        Route("/healthz", plain),
        Route("/readyz", plain),
        Route("/named", named),
        Route("/faulty", faulty),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Requests)])
    return AsyncClient(transport=ASGITransport(app=app), base_url="http://bursar.test")


async def test_a_request_gets_an_id_and_tells_it() -> None:
    async with client() as caller:
        first, second = await caller.get("/plain"), await caller.get("/plain")
    assert re.fullmatch(r"[0-9a-f]{32}", first.text)
    assert first.headers["X-Request-Id"] == first.text
    assert first.text != second.text


async def test_a_clients_own_id_is_kept() -> None:
    async with client() as caller:
        answer = await caller.get("/plain", headers={"X-Request-Id": "trace_1.a-b"})
    assert answer.text == answer.headers["X-Request-Id"] == "trace_1.a-b"


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", 'a"b', "a\tb", "é"])
async def test_an_id_that_is_not_short_and_plain_is_replaced(given: str) -> None:
    async with client() as caller:
        answer = await caller.get("/plain", headers={"X-Request-Id": given.encode()})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.text)


async def test_every_answer_has_the_security_headers() -> None:
    async with client() as caller:
        for path in ("/plain", "/faulty", "/nowhere"):
            answer = await caller.get(path)
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["Cache-Control"] == "no-store"
        assert (await caller.get("/named")).headers.get_list("Cache-Control") == ["no-cache"]


async def test_a_request_is_one_line_without_its_query(stream: io.StringIO) -> None:
    async with client() as caller:
        answer = await caller.get("/plain?email=ada@example.com")
    (line,) = lines(stream)
    assert line.pop("duration_ms") >= 0
    assert line.pop("time")
    assert line == {
        "level": "info",
        "event": "request",
        "request_id": answer.text,
        "method": "GET",
        "path": "/plain",
        "status": 200,
        "bytes": 32,
        "address": "127.0.0.1",
    }


async def test_the_endpoint_adds_to_the_line(stream: io.StringIO) -> None:
    async with client() as caller:
        await caller.get("/named")
    (line,) = lines(stream)
    assert (line["operation"], line["statements"]) == ("Dashboard", 4)


async def test_probes_are_logged_at_debug(stream: io.StringIO) -> None:
    async with client() as caller:
        await caller.get("/healthz")
        await caller.get("/readyz")
    assert [line["level"] for line in lines(stream)] == ["debug", "debug"]


async def test_a_long_path_is_cut(stream: io.StringIO) -> None:
    async with client() as caller:
        await caller.get("/" + "x" * 5000)
    assert len(lines(stream)[0]["path"]) == 200


async def test_a_fault_is_masked_and_logged_with_its_place(stream: io.StringIO) -> None:
    async with client() as caller:
        answer = await caller.get("/faulty")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/json"
    extensions = {
        "code": "INTERNAL_SERVER_ERROR",
        "requestId": answer.headers["X-Request-Id"],
    }
    error = {"message": "Internal server error", "extensions": extensions}
    assert answer.json() == {"errors": [error]}
    (line,) = lines(stream)
    assert (line["level"], line["status"]) == ("error", 500)
    assert " in faulty" in line["exception"]
    assert "ada@example.com" not in stream.getvalue()


async def test_a_fault_after_the_answer_began_cuts_it_off(stream: io.StringIO) -> None:
    async def half(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("ada@example.com")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await Requests(half)(scope, None, send)  # type: ignore[arg-type]  # nothing is read
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    (line,) = lines(stream)
    assert (line["level"], line["status"], line["bytes"]) == ("error", 200, 4)


async def test_a_request_that_is_cancelled_is_logged_without_a_status(stream: io.StringIO) -> None:
    async def endless(*_: object) -> None:
        await asyncio.sleep(60)

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    async def send(_message: Message) -> None:
        raise AssertionError("nothing is sent")

    scope: Scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": []}
    request = asyncio.create_task(Requests(endless)(scope, receive, send))
    await asyncio.sleep(0)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert lines(stream)[0]["status"] is None


async def test_what_is_no_request_passes(stream: io.StringIO) -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, *_: object) -> None:
        seen.append(scope)

    scope: Scope = {"type": "lifespan"}
    await Requests(app)(scope, None, None)  # type: ignore[arg-type]  # never called
    assert seen == [{"type": "lifespan"}]
    assert lines(stream) == []
