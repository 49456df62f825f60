"""What every request gets: an id, security headers, a line in the log, an answer to a fault."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter
from typing import TYPE_CHECKING, Any

import orjson
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bursar import traces
from bursar.http.answer import Answer
from bursar.http.incoming import Incoming
from bursar.http.logs import request_id
from bursar.http.sign_in import address_of

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_LONGEST_PATH = 200
_PROBES = {"/healthz", "/readyz", "/metrics"}
_TRACED = {"/graphql", "/usage"}  # any other path is a name that a client chose
_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]

Respond = Callable[[Incoming], Awaitable[Answer]]
Count = Callable[[Mapping[str, Any], float], None]


class Requests:
    """ASGI around everything: a path of `endpoints` is answered at once, any other by `app`.

    An endpoint whose path ends in a slash has all that is below it too.
    `scope["incoming"]` is the request to both; at the end `count` is told what was told of it, and the
    seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        endpoints: Mapping[str, Respond] | None = None,
        count: Count = lambda *_: None,
    ) -> None:
        self._app = app
        self._endpoints = endpoints or {}
        self._above = tuple(path for path in self._endpoints if path.endswith("/"))
        self._count = count
        self._log = structlog.get_logger().bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        scope["incoming"] = incoming = Incoming(scope, receive)
        request_id.set(incoming.id)
        outgoing = Outgoing(incoming, send)
        error = None
        try:
            with _span_of(incoming) as span:
                if (respond := self._endpoint(incoming.path)) is None:
                    await self._app(scope, incoming.receive, outgoing.pass_on)
                else:
                    await outgoing.answer(await respond(incoming))
                if span is not None:
                    span.set_attribute("http.response.status_code", outgoing.status or 0)
                    span.set_attribute("bursar.request_id", incoming.id)
        except Exception as raised:  # noqa: BLE001 - nothing above would answer it
            error = raised
            await outgoing.fault()
        finally:
            self._write(incoming, outgoing, perf_counter() - started, error)
            # It has the scope: in a circle they, and all they hold, would wait for the collector.
            del scope["incoming"]

    def _endpoint(self, path: str) -> Respond | None:
        found = self._endpoints.get(path)
        if found is None and path.startswith(self._above):
            found = next(self._endpoints[above] for above in self._above if path.startswith(above))
        return found

    def _write(
        self, incoming: Incoming, outgoing: "Outgoing", seconds: float, error: Exception | None
    ) -> None:
        told = incoming.told
        if error is not None:
            told |= {"outcome": "errors", "code": "INTERNAL_SERVER_ERROR"}
        self._count(told, seconds)
        if incoming.is_quiet:
            return
        line = {
            "method": incoming.method,
            "path": incoming.path[:_LONGEST_PATH],
            "status": outgoing.status,
            "duration_ms": int(seconds * 100_000) / 100,
            "bytes": outgoing.bytes,
            "address": address_of(incoming),
            **told,
        }
        if error is not None:
            self._log.error("request", whole=line, exc_info=error)
        elif incoming.path in _PROBES and "code" not in told:
            self._log.debug("request", whole=line)
        else:
            self._log.info("request", whole=line)


def _span_of(incoming: Incoming) -> "AbstractContextManager[Span | None]":
    if incoming.path not in _TRACED:
        return nullcontext()
    return traces.request(incoming.method, incoming.path, incoming.scope["headers"])


class Outgoing:
    """The answer to one request, as it goes out."""

    __slots__ = ("_incoming", "_send", "bytes", "status")

    def __init__(self, incoming: Incoming, send: Send) -> None:
        self._incoming = incoming
        self._send = send
        self.status: int | None = None
        self.bytes = 0

    async def answer(self, given: Answer) -> None:
        """Send a whole answer."""
        self.status, body, headers = given
        self.bytes = len(body)
        headers = self._all([*headers, (b"content-length", b"%d" % len(body))])
        await self._send({"type": "http.response.start", "status": self.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def pass_on(self, message: Message) -> None:
        """Send what makes up an answer, the head with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = self._all(message["headers"])
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
        await self._send(message)

    def _all(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The headers, with those that every answer has."""
        own = dict(headers)
        return [
            *headers,
            *[header for header in _SECURITY if header[0] not in own],
            (b"x-request-id", self._incoming.id.encode()),
        ]

    async def fault(self) -> None:
        """Tell the client no more than the id; an answer that has begun is left cut off."""
        if self.status is not None:
            return
        extensions = {"code": "INTERNAL_SERVER_ERROR", "requestId": self._incoming.id}
        error = {"message": "Internal server error", "extensions": extensions}
        kind = (b"content-type", b"application/json")
        await self.answer(Answer(500, orjson.dumps({"errors": [error]}), [kind]))
