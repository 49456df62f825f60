"""What a mutation refused, as data in its payload."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry.utils.str_converters import to_camel_case

from bursar.domain import errors
from bursar.domain.errors import ErrorCode
from bursar.graphql import enums as _enums  # noqa: F401 (gives ErrorCode its descriptions)

if TYPE_CHECKING:
    from bursar.graphql.types.member import TeamMember
    from bursar.graphql.types.team import Team


@strawberry.interface(
    description="One thing that was wrong with a mutation, or with a part of it, which was not done."
)
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
    requested: Decimal = strawberry.field(
        description="What was asked for, or where guarantees exceed it their sum, in the same unit."
    )


@strawberry.type(description="A model, pattern or access group that the parent does not allow.")
class ModelNotAllowed(UserError):
    level: str = strawberry.field(description="What does not allow it, such as organization.")
    model: str = strawberry.field(description="The entry of the list in question.")


@strawberry.type(
    description="A limit or list that would leave teams with more than their organization."
)
class TeamsExceedLimits(UserError):
    teams: list[Annotated["Team", strawberry.lazy("bursar.graphql.types.team")]] = strawberry.field(
        description="The teams, at most 100 of them."
    )


@strawberry.type(description="Members who keep a team from an organization they do not belong to.")
class MembersOutsideOrganization(UserError):
    members: list[Annotated["TeamMember", strawberry.lazy("bursar.graphql.types.member")]] = (
        strawberry.field(description="The members, at most 100 of them.")
    )


ERROR_TYPES = (
    Refusal,
    VersionConflict,
    LimitExceeded,
    ModelNotAllowed,
    TeamsExceedLimits,
    MembersOutsideOrganization,
)


def user_errors(error: errors.Refusal | errors.Refusals) -> list[UserError]:
    """The errors of a payload for what a service refused."""
    refusals = error.refusals if isinstance(error, errors.Refusals) else (error,)
    return [user_error(refusal) for refusal in refusals]


def user_error(refusal: errors.Refusal) -> UserError:
    said: dict[str, Any] = {
        "code": refusal.code,
        "message": str(refusal),
        "path": ["input", *(to_camel_case(str(step)) for step in refusal.path)],
    }
    data = refusal.data
    match refusal:
        case errors.VersionConflict():
            return VersionConflict(**said, current_version=data["current_version"])
        case errors.LimitExceeded():
            return LimitExceeded(**said, **data)
        case errors.ModelNotAllowed():
            return ModelNotAllowed(**said, **data)
        case errors.TeamsExceedLimits():
            return TeamsExceedLimits(**said, **data)
        case errors.MembersOutsideOrganization():
            return MembersOutsideOrganization(**said, **data)
        case _:
            return Refusal(**said)
