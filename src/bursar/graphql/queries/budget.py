"""A budget by its id, and the plans: budgets that have a name."""

from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET, Maybe
from strawberry.types import Info

from bursar.domain.ids import Prefix
from bursar.graphql.connections import After, Before, Connection, First, Last, connection
from bursar.graphql.context import Context
from bursar.graphql.enums import OrderDirection, describe
from bursar.graphql.queries.arguments import ORDER_BY, Id
from bursar.graphql.queries.node import by_id
from bursar.graphql.types.budget import Budget
from bursar.loaders.budgets import plans_list


@strawberry.input(description="Which plans; all that is given must hold.")
class BudgetFilter:
    ids: Maybe[list[strawberry.ID] | None] = strawberry.field(
        description="Only those with one of these ids."
    )
    name_contains: Maybe[str | None] = strawberry.field(
        description="Only those whose name contains this, without regard to case."
    )


Filter = Annotated[BudgetFilter | None, strawberry.argument(description="Only those that fit.")]


class BudgetOrderField(Enum):
    """The values are columns."""

    NAME = "name_key"
    CREATED_AT = "created_at"


describe(
    BudgetOrderField,
    "What plans can be sorted by.",
    NAME="The name, without regard to case.",
    CREATED_AT="The time of creation.",
)


@strawberry.input(description="How to sort plans.")
class BudgetOrder:
    field: BudgetOrderField = strawberry.field(description="What to sort by.")
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.ASC, description="Which way."
    )


OrderBy = Annotated[list[BudgetOrder] | None, strawberry.argument(description=ORDER_BY)]


@strawberry.field(description="A budget by its id; null if you may see none with it.")
async def budget(info: Info[Context, None], id: Id) -> Budget | None:
    found: Budget | None = await by_id(info, id, Prefix.BUDGET)
    return found


@strawberry.field(
    description="The plans, budgets with a name that many things can share; "
    "empty to all but platform admins and viewers."
)
def budgets(
    first: First = UNSET,
    last: Last = UNSET,
    after: After = UNSET,
    before: Before = UNSET,
    filter: Filter = UNSET,
    order_by: OrderBy = UNSET,
) -> Connection[Budget]:
    return connection(
        plans_list,
        first=first,
        last=last,
        after=after,
        before=before,
        filter=filter,
        order_by=order_by,
    )


FIELDS = [budget, budgets]
