"""A budget by its id."""

import strawberry
from strawberry.types import Info

from bursar.domain.ids import Prefix
from bursar.graphql.context import Context
from bursar.graphql.queries.arguments import Id
from bursar.graphql.queries.node import by_id
from bursar.graphql.types.budget import Budget


@strawberry.field(description="A budget by its id; null if you may see none with it.")
async def budget(info: Info[Context, None], id: Id) -> Budget | None:
    found: Budget | None = await by_id(info, id, Prefix.BUDGET)
    return found


FIELDS = [budget]
