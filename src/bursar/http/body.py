"""The body of a request: read up to its limit, and understood as a GraphQL operation."""

import json
from typing import Any, NamedTuple

import orjson

from bursar.http.incoming import Incoming

_NAMES = (b'"query"', b'"documentId"', b'"operationName"', b'"variables"', b'"key"', b'"model"')

_MOST_PARTS = 50_000
"""Objects, lists and names in a body: more than variables may hold, and read in a few milliseconds."""


class BadBody(Exception):
    """A body that holds no GraphQL request; `status` is the HTTP status that says so."""

    def __init__(self, message: str, status: int = 400, **headers: str) -> None:
        self.status = status
        self.headers = headers
        super().__init__(message)


class Operation(NamedTuple):
    """What a request asks to be run: a document, or the trusted one that has an id."""

    document: str | None
    name: str | None
    variables: dict[str, Any] | None
    document_id: str | None = None


async def read_body(incoming: Incoming, longest: int) -> bytes:
    """The body, of at most `longest` bytes, of the one media type that is understood.

    Raises BadBody, before a longer one is held in memory.
    """
    if not _is_json(incoming.header(b"content-type") or ""):
        raise BadBody("The body must be application/json in UTF-8.", 415)
    if incoming.header(b"content-encoding") is not None:
        raise BadBody("The body must not be compressed.", 415)
    body, more = bytearray(), True
    while more:
        message = await incoming.receive()
        if message["type"] == "http.disconnect":
            raise BadBody("The body ended early.")
        body += message.get("body", b"")
        if len(body) > longest:
            raise BadBody(f"The body must be at most {longest} bytes.", 413)
        more = message.get("more_body", False)
    return bytes(body)


def operation_of(body: bytes) -> Operation:
    """The operation in a body. Raises BadBody for what is no GraphQL request."""
    request = json_object(body)
    document = _optional(request, "query", str, "a string")
    document_id = _optional(request, "documentId", str, "a string")
    if (document is None) is (document_id is None):
        raise BadBody("`query` must be a string, or `documentId` that of a trusted document.")
    _optional(request, "extensions", dict, "an object")
    return Operation(
        document,
        _optional(request, "operationName", str, "a string"),
        _optional(request, "variables", dict, "an object"),
        document_id,
    )


def _is_json(content_type: str) -> bool:
    if content_type == "application/json":
        return True
    media_type, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    return media_type.strip().lower() == "application/json" and charset in {"", "utf-8", "utf8"}


def read_json(body: bytes) -> Any:
    """The JSON in a body. Raises BadBody for anything else, and before it makes objects without end."""
    if sum(map(body.count, (b"{", b"[", b'":'))) > _MOST_PARTS:
        raise BadBody("The body has too many objects, lists and names.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadBody("The body is not JSON.") from None


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises BadBody for anything else."""
    request = read_json(body)
    if not isinstance(request, dict):
        raise BadBody("The body must be one JSON object; there are no batches.")
    if _may_name_twice(body) and _names_twice(body):
        raise BadBody("The body must not name anything twice.")
    return request


def _may_name_twice(body: bytes) -> bool:
    """Whether a name is twice in the bytes, or may be in disguise: only then it pays to look closer."""
    for name in _NAMES:
        if body.count(name) > 1:
            return True
    return b"\\u00" in body


def _names_twice(body: bytes) -> bool:
    """Whether an object has two values for one name, of which parsers choose differently."""
    found = []

    def check(pairs: list[tuple[str, Any]]) -> None:
        found.append(len({name for name, _ in pairs}) < len(pairs))

    try:
        json.loads(body, object_pairs_hook=check, parse_int=str)
    except RecursionError:
        return True
    return any(found)


def _optional(request: dict[str, Any], name: str, type_: type, called: str) -> Any:
    value = request.get(name)
    if value is not None and not isinstance(value, type_):
        raise BadBody(f"`{name}` must be {called} or null.")
    return value
