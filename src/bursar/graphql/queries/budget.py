"""A budget by its id, and the plans: budgets that have a name."""

import strawberry
from strawberry.types import Info

from bursar.domain.ids import Prefix
from bursar.graphql.connections import Connection, connection_field
from bursar.graphql.context import Context
from bursar.graphql.lists.budget import BudgetFilter, BudgetOrder
from bursar.graphql.queries.arguments import Id
from bursar.graphql.queries.node import by_id
from bursar.graphql.types.budget import Budget
from bursar.loaders.budgets import plans_list


@strawberry.field(description="A budget by its id; null if you may see none with it.")
async def budget(info: Info[Context, None], id: Id) -> Budget | None:
    found: Budget | None = await by_id(info, id, Prefix.BUDGET)
    return found


budgets = connection_field(
    "budgets",
    plans_list,
    Connection[Budget],
    filter=BudgetFilter,
    order=BudgetOrder,
    description="The plans, budgets with a name that many things can share; "
    "empty to all but platform admins and viewers.",
)

FIELDS = [budget, budgets]
