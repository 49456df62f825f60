"""An answer, as JSON and whole, and the form that every refusal has."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from bursar.domain.errors import Fault, RateLimited
from bursar.http.incoming import Incoming

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
_KINDS = {
    media_type: ((b"content-type", f"{media_type}; charset=utf-8".encode()),)
    for media_type in (JSON, GRAPHQL)
}
Headers = Iterable[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """What goes out: beside these headers what every answer has, and the length of the body."""

    status: int
    body: bytes
    headers: Headers


def answer(body: Any, media_type: str = JSON, status: int = 200, **headers: str) -> Answer:
    """The body as JSON. The names of headers have `_` for `-`; their values are in Latin-1."""
    named: tuple[tuple[bytes, bytes], ...] = _KINDS[media_type]
    if headers:
        named += tuple(
            (name.lower().replace("_", "-").encode(), value.encode("latin-1"))
            for name, value in headers.items()
        )
    return Answer(status, orjson.dumps(body), named)


def refusal(
    incoming: Incoming,
    status: int,
    code: str,
    message: str,
    media_type: str = JSON,
    **headers: str,
) -> Answer:
    """An answer to a request that did not get as far as what it asks."""
    incoming.told |= {"outcome": "refused", "code": code}
    extensions = {"code": code, "requestId": incoming.id}
    body = {"errors": [{"message": message, "extensions": extensions}]}
    return answer(body, media_type, status, **headers)


def unauthenticated(incoming: Incoming, media_type: str = JSON) -> Answer:
    """The answer to a request without a valid key."""
    message = "A valid key is needed: Authorization: Bearer …"
    return refusal(incoming, 401, "UNAUTHENTICATED", message, media_type, WWW_Authenticate="Bearer")


def unavailable(incoming: Incoming, fault: Fault, media_type: str = JSON) -> Answer:
    """The answer where the database gives none, or nobody may ask it yet."""
    status = 429 if isinstance(fault, RateLimited) else 503
    after = str(fault.retry_after)
    return refusal(incoming, status, fault.code, str(fault), media_type, Retry_After=after)
