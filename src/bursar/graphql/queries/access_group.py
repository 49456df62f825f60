"""Access groups: by id or name, and all that the caller may see."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from bursar.domain.ids import Prefix
from bursar.domain.names import key_of
from bursar.graphql.connections import Connection, connection_field
from bursar.graphql.context import Context
from bursar.graphql.lists.access_group import AccessGroupFilter, AccessGroupOrder
from bursar.graphql.queries.arguments import Id
from bursar.graphql.queries.node import by_id, by_text
from bursar.graphql.types.access_group import AccessGroup
from bursar.loaders.access_groups import access_groups_by_name_key, access_groups_list

Name = Annotated[str, strawberry.argument(description="The name, in upper or lower case.")]


@strawberry.field(description="An access group by its id; null if you may see none with it.")
async def access_group(info: Info[Context, None], id: Id) -> AccessGroup | None:
    found: AccessGroup | None = await by_id(info, id, Prefix.ACCESS_GROUP)
    return found


@strawberry.field(description="An access group by its name; null if you may see none with it.")
async def access_group_by_name(info: Info[Context, None], name: Name) -> AccessGroup | None:
    found: AccessGroup | None = await by_text(info, access_groups_by_name_key, key_of(name))
    return found


access_groups = connection_field(
    "access_groups",
    access_groups_list,
    Connection[AccessGroup],
    filter=AccessGroupFilter,
    order=AccessGroupOrder,
    description="The access groups that you may see: those that you may name in a list of models.",
)

FIELDS = [access_group, access_group_by_name, access_groups]
