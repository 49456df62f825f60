"""What lists of plans can be filtered and sorted by."""

import strawberry
from strawberry import Maybe

from bursar.graphql.lists.orders import CREATED_AT, NAME, order_input


@strawberry.input(description="Which plans; all that is given must hold.")
class BudgetFilter:
    ids: Maybe[list[strawberry.ID] | None] = strawberry.field(
        description="Only those with one of these ids."
    )
    name_contains: Maybe[str | None] = strawberry.field(
        description="Only those whose name contains this, without regard to case."
    )


BudgetOrder = order_input("Budget", "plans", NAME=NAME, CREATED_AT=CREATED_AT)
