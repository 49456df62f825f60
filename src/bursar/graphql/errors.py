"""Errors as clients see them: refusals as data in a payload, faults masked at the top level."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from graphql import GraphQLError

from bursar.domain import errors
from bursar.domain.errors import ErrorCode, Fault
from bursar.graphql import enums as _enums  # noqa: F401 (gives ErrorCode its descriptions)

if TYPE_CHECKING:
    from bursar.graphql.types.team import Team

INTERNAL = "INTERNAL_SERVER_ERROR"


class BadUserInput(GraphQLError):
    """An argument that no list or object could have; said at the top level, at the field."""

    def __init__(self, message: str) -> None:
        super().__init__(message, extensions={"code": "BAD_USER_INPUT"})


@strawberry.interface(description="One thing that was wrong with a mutation; nothing was changed.")
class UserError:
    code: ErrorCode = strawberry.field(description="What kind of mistake it is.")
    message: str = strawberry.field(description="A sentence for a person.")
    path: list[str] = strawberry.field(
        description="The way to the value in question, such as input, budget, maxBudget."
    )


@strawberry.type(description="A mistake that its code and path tell all about.")
class Refusal(UserError):
    pass


@strawberry.type(description="The object is not as it was when you read it.")
class VersionConflict(UserError):
    current_version: int = strawberry.field(description="The version it has now.")


@strawberry.type(description="A limit above the one that its parent sets.")
class LimitExceeded(UserError):
    level: str = strawberry.field(description="What sets the limit, such as organization.")
    limit: Decimal = strawberry.field(description="The limit, in the unit of the field at `path`.")
    requested: Decimal = strawberry.field(description="What was asked for, in the same unit.")


@strawberry.type(description="A limit below what teams of the organization hold.")
class TeamsExceedLimits(UserError):
    teams: list[Annotated["Team", strawberry.lazy("bursar.graphql.types.team")]] = strawberry.field(
        description="The teams, at most 100 of them."
    )


ERROR_TYPES = (Refusal, VersionConflict, LimitExceeded, TeamsExceedLimits)


def user_errors(error: errors.Refusal | errors.Refusals) -> list[UserError]:
    """The errors of a payload for what a service refused."""
    refusals = error.refusals if isinstance(error, errors.Refusals) else (error,)
    return [_user_error(refusal) for refusal in refusals]


def _user_error(refusal: errors.Refusal) -> UserError:
    said: dict[str, Any] = {
        "code": refusal.code,
        "message": str(refusal),
        "path": ["input", *(_camel(str(step)) for step in refusal.path)],
    }
    data = refusal.data
    match refusal:
        case errors.VersionConflict():
            return VersionConflict(**said, current_version=data["current_version"])
        case errors.LimitExceeded():
            return LimitExceeded(**said, **data)
        case errors.TeamsExceedLimits():
            return TeamsExceedLimits(**said, teams=data["teams"])
        case _:
            return Refusal(**said)


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


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
