"""The arguments that several root fields take."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import Maybe

Id = Annotated[strawberry.ID, strawberry.argument(description="The id.")]
Ids = Annotated[list[strawberry.ID], strawberry.argument(description="The ids, at most 1,000.")]
ExternalId = Annotated[
    str, strawberry.argument(description="The caller's own name, exactly as it was given.")
]

ORDER_BY = (
    "How to sort: by the first, and where that is equal by the next; by name if none is given."
)


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
