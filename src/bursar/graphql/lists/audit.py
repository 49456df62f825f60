"""What lists of audit entries can be filtered and sorted by."""

from datetime import datetime

import strawberry
from strawberry import Maybe

from bursar.graphql.lists.orders import Sort, order_input


@strawberry.input(description="Which audit entries; all that is given must hold.")
class AuditFilter:
    object_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Only what was done to this."
    )
    actor_user_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Only what this user did."
    )
    actor_key_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Only what was done with this key."
    )
    organization_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Only what happened in this organization."
    )
    team_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Only what happened in this team."
    )
    actions: Maybe[list[str] | None] = strawberry.field(
        description="Only these actions, such as team.update."
    )
    since: Maybe[datetime | None] = strawberry.field(
        description="Only what was done at this time or later."
    )
    before: Maybe[datetime | None] = strawberry.field(
        description="Only what was done before this time."
    )


AuditOrder = order_input("Audit", "audit entries", AT=Sort("at", "The time of the change."))
