"""What lists of keys, those in use and those deleted, can be filtered and sorted by."""

from datetime import datetime

import strawberry
from strawberry import Maybe

from bursar.domain.roles import KeyKind
from bursar.graphql.lists.orders import CREATED_AT, Sort, order_input


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
    deleted_since: Maybe[datetime | None] = strawberry.field(
        description="Only those deleted at this time or later."
    )
    deleted_before: Maybe[datetime | None] = strawberry.field(
        description="Only those deleted before this time."
    )


ApiKeyOrder = order_input(
    "ApiKey",
    "keys",
    CREATED_AT=CREATED_AT,
    ALIAS=Sort("alias_or_none", "The name, without regard to case, those without one first."),
)
DeletedApiKeyOrder = order_input(
    "DeletedApiKey", "deleted keys", DELETED_AT=Sort("deleted_at", "The time of deletion.")
)
