"""What lists of deleted teams can be filtered and sorted by."""

from datetime import datetime

import strawberry
from strawberry import Maybe

from bursar.graphql.lists.orders import Sort, order_input


@strawberry.input(description="Which deleted teams; all that is given must hold.")
class DeletedTeamFilter:
    ids: Maybe[list[strawberry.ID] | None] = strawberry.field(
        description="Only those with one of these ids."
    )
    external_ids: Maybe[list[str] | None] = strawberry.field(
        description="Only those with one of these external ids."
    )
    name_contains: Maybe[str | None] = strawberry.field(
        description="Only those whose name contains this, without regard to case."
    )
    organization_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Only those of this organization."
    )
    deleted_since: Maybe[datetime | None] = strawberry.field(
        description="Only those deleted at this time or later."
    )
    deleted_before: Maybe[datetime | None] = strawberry.field(
        description="Only those deleted before this time."
    )


DeletedTeamOrder = order_input(
    "DeletedTeam", "deleted teams", DELETED_AT=Sort("deleted_at", "The time of deletion.")
)
