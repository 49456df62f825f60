"""CORS: which pages of other sites may read answers in a browser; none but those that are listed.

No credentials are allowed: a key is in a header that the page's script sets, and never in a cookie.
"""

from dataclasses import dataclass

from bursar.http.answer import Answer
from bursar.http.incoming import Incoming
from bursar.http.requests import Respond

_PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, POST"),
    (
        b"access-control-allow-headers",
        b"authorization, content-type, idempotency-key, on-behalf-of, x-request-id",
    ),
    (b"access-control-max-age", b"600"),
]
_EXPOSED = (b"access-control-expose-headers", b"x-request-id, retry-after")


@dataclass(frozen=True, slots=True)
class Cors:
    """Adds what a browser asks for where the page's origin is, to the letter, one of the listed."""

    origins: frozenset[str]

    def around(self, respond: Respond) -> Respond:
        """The same endpoint for pages too; with no origin listed, just the endpoint."""
        if not self.origins:
            return respond

        async def answered(incoming: Incoming) -> Answer:
            lines = incoming.lines(b"origin")
            vary = (b"vary", b"Origin")
            if len(lines) != 1 or lines[0] not in self.origins:
                answer = await respond(incoming)
                return answer._replace(headers=[*answer.headers, vary])
            allowed = [(b"access-control-allow-origin", lines[0].encode("latin-1")), vary]
            if incoming.method == "OPTIONS" and incoming.lines(b"access-control-request-method"):
                return Answer(200, b"", [*allowed, *_PREFLIGHT])
            answer = await respond(incoming)
            return answer._replace(headers=[*answer.headers, *allowed, _EXPOSED])

        return answered
