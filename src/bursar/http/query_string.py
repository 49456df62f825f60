"""A request by GET: the id of a trusted document in the query string, which may only be a query."""

from typing import Any
from urllib.parse import parse_qsl

from graphql import OperationType

from bursar.graphql.execution.documents import Prepared
from bursar.http.body import BadBody, Operation, TooManyValues, json_object

_MOST = 20  # parameters; those that are not known count too, and are not read


def operation_in(query: bytes, longest: int, most_values: int) -> Operation:
    """The operation in a query string of at most `longest` bytes. Raises BadBody."""
    if len(query) > longest:
        raise BadBody(f"The query string must be at most {longest} bytes.", 414)
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST
        )
    except ValueError:
        raise BadBody(f"The query string is not of at most {_MOST} fields in UTF-8.") from None
    given = dict(pairs)
    if len(given) < len(pairs):
        raise BadBody("The query string must not name anything twice.")
    if "documentId" not in given or "query" in given:
        raise BadBody("GET is for trusted documents, by their documentId.", 405, Allow="POST")
    return Operation(
        None,
        given.get("operationName") or None,
        _variables(given.get("variables"), most_values),
        given["documentId"],
    )


def _variables(text: str | None, most_values: int) -> dict[str, Any] | None:
    """The parameter as an object, of JSON. Raises BadBody, which speaks of it."""
    try:
        return json_object(text.encode(), most_values) if text else None
    except TooManyValues:
        raise
    except BadBody:
        raise BadBody("`variables` must be one JSON object that names nothing twice.") from None


def require_query(prepared: Prepared) -> None:
    """Refuse what changes something. Raises BadBody."""
    if prepared.operation.operation is not OperationType.QUERY:
        raise BadBody("A mutation is run by POST.", 405, Allow="POST")
