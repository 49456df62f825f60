"""What every request gets: an id, security headers, a line in the log, an answer to a fault."""

import re
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import orjson
import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from bursar import traces
from bursar.http.logs import request_id

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_PATH = 200
_PROBES = {"/healthz", "/readyz", "/metrics"}
_TRACED = {"/graphql", "/usage"}  # any other path is a name that a client chose
_FAULT = 500
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]


class Requests:
    """ASGI middleware around everything else.

    `scope["state"]` gets `request_id` and `log`, a dict for what the endpoint adds to the line; at the
    end `count` is told that, and the seconds. A client's own `X-Request-Id` is kept where it is short
    and plain.
    """

    def __init__(
        self, app: ASGIApp, count: Callable[[Mapping[str, Any], float], None] = lambda *_: None
    ) -> None:
        self._app = app
        self._count = count
        self._log = structlog.get_logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        try:
            await self._traced(scope, receive, answer)
        except Exception as error:  # noqa: BLE001 - nothing above would answer it
            await answer.fail(error)
        finally:
            self._write(scope, answer)

    async def _traced(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        if scope["path"] not in _TRACED:
            await self._app(scope, receive, answer.send)
            return
        with traces.request(scope["method"], scope["path"], Headers(scope=scope)) as span:
            await self._app(scope, receive, answer.send)
            if span is not None:
                span.set_attribute("http.response.status_code", answer.status or 0)
                span.set_attribute("bursar.request_id", answer.id)

    def _write(self, scope: Scope, answer: "_Answer") -> None:
        write = self._log.debug if scope["path"] in _PROBES else self._log.info
        told = scope["state"]["log"]
        if answer.error is not None:
            write = self._log.error
            told |= {"outcome": "errors", "code": "INTERNAL_SERVER_ERROR"}
        seconds = perf_counter() - answer.started
        self._count(told, seconds)
        line = {
            "request_id": answer.id,
            "method": scope["method"],
            "path": scope["path"][:_LONGEST_PATH],
            "status": answer.status,
            "duration_ms": round(seconds * 1000, 2),
            "bytes": answer.bytes,
        }
        write("request", **line, **told, exc_info=answer.error)


class _Answer:
    """The answer to one request, as it goes out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.started = perf_counter()
        self.status: int | None = None
        self.bytes = 0
        self.error: Exception | None = None
        given = Headers(scope=scope).get("X-Request-Id", "")
        self.id = given if _REQUEST_ID.fullmatch(given) else uuid7().hex
        self._send = send
        scope.setdefault("state", {}).update(request_id=self.id, log={})
        request_id.set(self.id)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message["headers"])
            own = {name for name, _ in headers}
            headers += [header for header in _HEADERS if header[0] not in own]
            message["headers"] = [*headers, (b"x-request-id", self.id.encode())]
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
        await self._send(message)

    async def fail(self, error: Exception) -> None:
        """Tell the client no more than the id; an answer that has begun is left cut off."""
        self.error = error
        if self.status is not None:
            return
        fault = {
            "message": "Internal server error",
            "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": self.id},
        }
        headers = [(b"content-type", b"application/json")]
        await self.send({"type": "http.response.start", "status": _FAULT, "headers": headers})
        await self.send({"type": "http.response.body", "body": orjson.dumps({"errors": [fault]})})
