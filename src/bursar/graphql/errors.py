"""Faults at the top level of a response: the client's own are told, ours are masked."""

import re
from collections.abc import Sequence
from typing import Any

from graphql import FieldNode, GraphQLError

from bursar.domain.errors import Fault

INTERNAL = "INTERNAL_SERVER_ERROR"
LONGEST_MESSAGE = 1_000
"""Characters; a longer one quotes what the client sent."""


class BadUserInput(GraphQLError):
    """An argument that no list or object could have; said at the top level, at the field."""

    def __init__(self, message: str) -> None:
        super().__init__(message, extensions={"code": "BAD_USER_INPUT"})


_QUOTED = re.compile(r", found: \{.*\}(?=\.$)", re.DOTALL)
_PYTHON = re.compile(r"(?<= )(None|True|False)(?=\.?$)")
_JSON = {"None": "null", "True": "true", "False": "false"}


def _as_json(message: str) -> str:
    """What graphql-core says of a value, in the client's words, and without the rest of its input."""
    return _PYTHON.sub(lambda found: _JSON[found[0]], _QUOTED.sub("", message))


def masked(error: GraphQLError, request_id: str | None) -> dict[str, Any]:
    """An error of the response, which shows only what was made to be shown.

    What is ours says nothing. Below a root field only reading fails, and where that is a mutation's
    its change is made. The rest is the client's: a value that its type or its list refused.
    """
    shown: dict[str, Any] = dict(error.formatted)
    cause = error.original_error
    if isinstance(cause, Fault):
        is_below = len(error.path or ()) > 1
        code = cause.code
        shown["message"] = f"{cause.reason}; this could not be read." if is_below else str(cause)
    elif is_ours(error):
        code, shown["message"] = INTERNAL, "Internal server error"
    else:
        code = (error.extensions or {}).get("code", "BAD_USER_INPUT")
        shown["message"] = _as_json(shown["message"])
    shown["extensions"] = {"code": code, "requestId": request_id}
    shown["message"] = shown["message"][:LONGEST_MESSAGE]
    return shown


def capped(errors: Sequence[GraphQLError], most: int) -> list[GraphQLError]:
    """At most so many of the errors; of more, the last stands for those that are left out."""
    if len(errors) <= most:
        return list(errors)
    left_out = len(errors) - most + 1
    return [*errors[: most - 1], _more(errors[most - 1], left_out)]


def _more(first: GraphQLError, count: int) -> GraphQLError:
    """An error of the kind that the first of those has that are left out."""
    extensions = {"code": masked(first, None)["extensions"]["code"]}
    return GraphQLError(f"There are {count:,} more errors.", extensions=extensions)


def is_ours(error: GraphQLError) -> bool:
    """Whether an error is a mistake of the server's, to be looked into.

    graphql-core speaks alike of an argument that a client got wrong and of an answer that we did,
    but points at the argument's value in the one case, and at the whole field in the other.
    """
    cause = error.original_error
    if isinstance(cause, GraphQLError):
        at_field = all(isinstance(node, FieldNode) for node in error.nodes or ())
        return at_field and "code" not in (error.extensions or {})
    return cause is not None and not isinstance(cause, Fault)
