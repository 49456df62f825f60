"""What lists of access groups can be filtered and sorted by."""

import strawberry
from strawberry import Maybe

from bursar.graphql.lists.orders import CREATED_AT, NAME, order_input


@strawberry.input(description="Which access groups; all that is given must hold.")
class AccessGroupFilter:
    ids: Maybe[list[strawberry.ID] | None] = strawberry.field(
        description="Only those with one of these ids."
    )
    name_contains: Maybe[str | None] = strawberry.field(
        description="Only those whose name contains this, without regard to case."
    )


AccessGroupOrder = order_input("AccessGroup", "access groups", NAME=NAME, CREATED_AT=CREATED_AT)
