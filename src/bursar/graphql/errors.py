"""Faults at the top level of a response: the client's own are told, ours are masked."""

from typing import Any

from graphql import GraphQLError

from bursar.domain.errors import Fault

INTERNAL = "INTERNAL_SERVER_ERROR"


class BadUserInput(GraphQLError):
    """An argument that no list or object could have; said at the top level, at the field."""

    def __init__(self, message: str) -> None:
        super().__init__(message, extensions={"code": "BAD_USER_INPUT"})


def masked(error: GraphQLError, request_id: str | None) -> dict[str, Any]:
    """An error of the response, which shows only what was made to be shown.

    An error without an exception behind it, or with a code, is the client's: a value that its type
    or its list refused. Any other exception is ours, and says nothing.
    """
    shown = dict(error.formatted)
    cause = error.original_error
    if isinstance(cause, Fault):
        code, shown["message"] = cause.code, str(cause)
    elif is_ours(error):
        code, shown["message"] = INTERNAL, "Internal server error"
    else:
        code = (error.extensions or {}).get("code", "BAD_USER_INPUT")
    shown["extensions"] = {"code": code, "requestId": request_id}
    return shown


def is_ours(error: GraphQLError) -> bool:
    """Whether an error is a mistake of the server's, to be looked into."""
    return error.original_error is not None and not isinstance(
        error.original_error, GraphQLError | Fault
    )
