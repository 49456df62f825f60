"""Access groups: by id or name, and all that the caller may see."""

from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET, Maybe
from strawberry.types import Info

from bursar.domain.ids import Prefix
from bursar.domain.names import key_of
from bursar.graphql.connections import After, Before, Connection, First, Last, connection
from bursar.graphql.context import Context
from bursar.graphql.enums import OrderDirection, describe
from bursar.graphql.queries.arguments import ORDER_BY, Id
from bursar.graphql.queries.node import by_id, by_text
from bursar.graphql.types.access_group import AccessGroup
from bursar.loaders.access_groups import access_groups_by_name_key, access_groups_list


@strawberry.input(description="Which access groups; all that is given must hold.")
class AccessGroupFilter:
    ids: Maybe[list[strawberry.ID] | None] = strawberry.field(
        description="Only those with one of these ids."
    )
    name_contains: Maybe[str | None] = strawberry.field(
        description="Only those whose name contains this, without regard to case."
    )


Name = Annotated[str, strawberry.argument(description="The name, in upper or lower case.")]
Filter = Annotated[
    AccessGroupFilter | None, strawberry.argument(description="Only those that fit.")
]


class AccessGroupOrderField(Enum):
    """The values are columns."""

    NAME = "name_key"
    CREATED_AT = "created_at"


describe(
    AccessGroupOrderField,
    "What access groups can be sorted by.",
    NAME="The name, without regard to case.",
    CREATED_AT="The time of creation.",
)


@strawberry.input(description="How to sort access groups.")
class AccessGroupOrder:
    field: AccessGroupOrderField = strawberry.field(description="What to sort by.")
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.ASC, description="Which way."
    )


OrderBy = Annotated[list[AccessGroupOrder] | None, strawberry.argument(description=ORDER_BY)]


@strawberry.field(description="An access group by its id; null if you may see none with it.")
async def access_group(info: Info[Context, None], id: Id) -> AccessGroup | None:
    found: AccessGroup | None = await by_id(info, id, Prefix.ACCESS_GROUP)
    return found


@strawberry.field(description="An access group by its name; null if you may see none with it.")
async def access_group_by_name(info: Info[Context, None], name: Name) -> AccessGroup | None:
    found: AccessGroup | None = await by_text(info, access_groups_by_name_key, key_of(name))
    return found


@strawberry.field(
    description="The access groups that you may see: those that you may name in a list of models."
)
def access_groups(
    first: First = UNSET,
    last: Last = UNSET,
    after: After = UNSET,
    before: Before = UNSET,
    filter: Filter = UNSET,
    order_by: OrderBy = UNSET,
) -> Connection[AccessGroup]:
    return connection(
        access_groups_list,
        first=first,
        last=last,
        after=after,
        before=before,
        filter=filter,
        order_by=order_by,
    )


FIELDS = [access_group, access_group_by_name, access_groups]
