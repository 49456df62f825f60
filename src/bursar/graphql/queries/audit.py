"""The audit: every change that the caller may hear of."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import UNSET, Maybe

from bursar.graphql.connections import After, Before, Connection, First, Last, connection
from bursar.graphql.types.audit import AuditEntry
from bursar.loaders.audit import audit_entries_list


@strawberry.input(description="Which audit entries; all that is given must hold.")
class AuditFilter:
    object_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Only what was done to this."
    )
    actor_user_id: Maybe[strawberry.ID | None] = strawberry.field(
        description="Only what this user did."
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


Filter = Annotated[AuditFilter | None, strawberry.argument(description="Only those that fit.")]


@strawberry.field(
    description="The changes that you may hear of, newest first: all for platform admins and "
    "viewers, those of their organizations and teams for the admins of these, none for others."
)
def audit_entries(
    first: First = UNSET,
    last: Last = UNSET,
    after: After = UNSET,
    before: Before = UNSET,
    filter: Filter = UNSET,
) -> Connection[AuditEntry]:
    return connection(
        audit_entries_list, first=first, last=last, after=after, before=before, filter=filter
    )


FIELDS = [audit_entries]
