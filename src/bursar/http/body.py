"""The body of a request: read up to its limit, and understood as a GraphQL operation."""

from typing import Any, NamedTuple

import orjson

from bursar.http.incoming import Incoming

_BESIDE = 1_000
"""Values beside those of the variables: the request's own, and of extensions, which nobody reads."""
_FIELDS = (
    ("query", str, "a string"),
    ("documentId", str, "a string"),
    ("extensions", dict, "an object"),
    ("operationName", str, "a string"),
    ("variables", dict, "an object"),
)


class BadBody(Exception):
    """A body that holds no GraphQL request; `status` is the HTTP status that says so, with `code`."""

    code = "BAD_USER_INPUT"

    def __init__(self, message: str, status: int = 400, **headers: str) -> None:
        self.status = status
        self.headers = headers
        super().__init__(message)


class TooManyValues(BadBody):
    """A body with more values than the variables of any request may hold."""

    code = "LIMIT_EXCEEDED"

    def __init__(self, most: int) -> None:
        super().__init__(f"The body has too many values; the most in variables is {most:,}.")


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


def operation_of(body: bytes, most_values: int) -> Operation:
    """The operation in a body. Raises BadBody for what is no GraphQL request."""
    request = json_object(body, most_values)
    for name, type_, called in _FIELDS:
        value = request.get(name)
        if value is not None and not isinstance(value, type_):
            raise BadBody(f"`{name}` must be {called} or null.")
    document, document_id = request.get("query"), request.get("documentId")
    if document is not None and document_id is not None:
        raise BadBody("Give `query` or `documentId`, not both.")
    if document is None and document_id is None:
        raise BadBody("`query` must be a string, or `documentId` that of a trusted document.")
    return Operation(document, request.get("operationName"), request.get("variables"), document_id)


def _is_json(content_type: str) -> bool:
    if content_type == "application/json":
        return True
    media_type, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    return media_type.strip().lower() == "application/json" and charset in {"", "utf-8", "utf8"}


def read_json(body: bytes, most_values: int) -> Any:
    """The JSON in a body. Raises BadBody for anything else, and before it makes objects without end."""
    _bounded(body, most_values)
    return _read(body)


def json_object(body: bytes, most_values: int) -> dict[str, Any]:
    """The JSON object in a body. Raises BadBody for anything else."""
    marks = _bounded(body, most_values)
    request = _read(body)
    if not isinstance(request, dict):
        raise BadBody("The body must be one JSON object; there are no batches.")
    if _names_in(request) < marks.count(b":"):  # parsers differ in which of two values they take
        raise BadBody("The body must not name anything twice.")
    return request


def _read(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadBody("The body is not JSON.") from None


def _bounded(body: bytes, most_values: int) -> bytes:
    """What stands in JSON beside its texts, where it marks no more values than there may be.

    A value has at most a name before it, a comma after it and a bracket of its own. What stands in
    texts is no mark, and only there a quote has a backslash before it. Raises TooManyValues.
    """
    most = most_values + _BESIDE
    if b"\\" in body:
        body = body.replace(rb"\\", b"").replace(rb"\"", b"")
    if body.count(b'"') > 4 * most:
        raise TooManyValues(most_values)
    marks = b"".join(body.split(b'"')[::2])
    if len(marks) > most:
        brackets = marks.count(b"{") + marks.count(b"[")
        if max(brackets, marks.count(b":"), marks.count(b",")) > most:
            raise TooManyValues(most_values)
    return marks


def _names_in(request: Any) -> int:
    """How many names its objects have."""
    names, values = 0, [request]
    for value in values:  # and those in them, which come after
        if isinstance(value, dict):
            names += len(value)
            values += value.values()
        elif isinstance(value, list):
            values += value
    return names
