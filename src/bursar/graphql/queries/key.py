"""API keys: by id, all that the caller may see, and those deleted."""

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET, Maybe
from strawberry.types import Info

from bursar.domain.ids import Prefix
from bursar.domain.roles import KeyKind
from bursar.graphql.connections import After, Before, Connection, First, Last, connection
from bursar.graphql.context import Context
from bursar.graphql.enums import OrderDirection, describe
from bursar.graphql.queries.arguments import Id
from bursar.graphql.queries.node import by_id
from bursar.graphql.types.key import ApiKey, DeletedApiKey
from bursar.loaders.keys import api_keys_list, deleted_api_keys_list


@strawberry.input
class AnyKeyFilter:
    ids: Maybe[list[strawberry.ID] | None] = strawberry.field(
        description="Only those with one of these ids."
    )
    external_ids: Maybe[list[str] | None] = strawberry.field(
        description="Only those with one of these external ids."
    )
    alias_contains: Maybe[str | None] = strawberry.field(
        description="Only those whose alias contains this, without regard to case."
    )
    team_id: Maybe[strawberry.ID | None] = strawberry.field(description="Only those of this team.")
    organization_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Only those of teams of this organization."
    )


@strawberry.input(description="Which keys; all that is given must hold.")
class ApiKeyFilter(AnyKeyFilter):
    user_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Only those of this user, personal and in teams."
    )
    kind: Maybe[KeyKind | None] = strawberry.field(description="Only those of this kind.")
    blocked: Maybe[bool | None] = strawberry.field(
        description="Only those that are blocked, or only those that are not."
    )
    expired: Maybe[bool | None] = strawberry.field(
        description="Only those that have expired, or only those that have not."
    )
    created_since: Maybe[datetime | None] = strawberry.field(
        description="Only those made at this time or later."
    )
    created_before: Maybe[datetime | None] = strawberry.field(
        description="Only those made before this time."
    )


@strawberry.input(description="Which deleted keys; all that is given must hold.")
class DeletedApiKeyFilter(AnyKeyFilter):
    pass


class ApiKeyOrderField(Enum):
    """The values are columns."""

    CREATED_AT = "created_at"


describe(ApiKeyOrderField, "What keys can be sorted by.", CREATED_AT="The time of creation.")


@strawberry.input(description="How to sort keys.")
class ApiKeyOrder:
    field: ApiKeyOrderField = strawberry.field(description="What to sort by.")
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.ASC, description="Which way."
    )


Filter = Annotated[ApiKeyFilter | None, strawberry.argument(description="Only those that fit.")]
DeletedFilter = Annotated[
    DeletedApiKeyFilter | None, strawberry.argument(description="Only those that fit.")
]
OrderBy = Annotated[
    list[ApiKeyOrder] | None,
    strawberry.argument(description="How to sort; oldest first if nothing is given."),
]


@strawberry.field(description="An API key by its id; null if you may see none with it.")
async def api_key(info: Info[Context, None], id: Id) -> ApiKey | None:
    found: ApiKey | None = await by_id(info, id, Prefix.API_KEY)
    return found


@strawberry.field(description="The API keys that you may see.")
def api_keys(
    first: First = UNSET,
    last: Last = UNSET,
    after: After = UNSET,
    before: Before = UNSET,
    filter: Filter = UNSET,
    order_by: OrderBy = UNSET,
) -> Connection[ApiKey]:
    return connection(
        api_keys_list,
        first=first,
        last=last,
        after=after,
        before=before,
        filter=filter,
        order_by=order_by,
    )


@strawberry.field(
    description="The API keys that were deleted, newest first, for platform admins and viewers, "
    "and for admins of an organization those of its teams."
)
def deleted_api_keys(
    first: First = UNSET,
    last: Last = UNSET,
    after: After = UNSET,
    before: Before = UNSET,
    filter: DeletedFilter = UNSET,
) -> Connection[DeletedApiKey]:
    return connection(
        deleted_api_keys_list,
        first=first,
        last=last,
        after=after,
        before=before,
        filter=filter,
    )


FIELDS = [api_key, api_keys, deleted_api_keys]
