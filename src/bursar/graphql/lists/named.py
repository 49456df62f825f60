"""What all things with a name can be found by."""

from datetime import datetime

import strawberry
from strawberry import Maybe


@strawberry.input
class NamedFilter:
    ids: Maybe[list[strawberry.ID] | None] = strawberry.field(
        description="Only those with one of these ids."
    )
    external_ids: Maybe[list[str] | None] = strawberry.field(
        description="Only those with one of these external ids."
    )
    name_contains: Maybe[str | None] = strawberry.field(
        description="Only those whose name contains this, without regard to case."
    )
    created_since: Maybe[datetime | None] = strawberry.field(
        description="Only those made at this time or later."
    )
    created_before: Maybe[datetime | None] = strawberry.field(
        description="Only those made before this time."
    )
