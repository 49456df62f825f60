"""Access groups: by id or name, and all that the caller may see."""

from bursar.domain.ids import Prefix
from bursar.graphql.connections import Connection, connection_field
from bursar.graphql.lists.access_group import AccessGroupFilter, AccessGroupOrder
from bursar.graphql.point_reads import point_read
from bursar.graphql.queries.arguments import Id, Name, id_of, name_key
from bursar.graphql.types.access_group import AccessGroup
from bursar.loaders.access_groups import (
    access_groups_by_id,
    access_groups_by_name_key,
    access_groups_list,
)

access_group = point_read(
    "access_group",
    AccessGroup,
    access_groups_by_id,
    id_of(Prefix.ACCESS_GROUP),
    id=Id,
    description="An access group by its id; null if you may see none with it.",
)
access_group_by_name = point_read(
    "access_group_by_name",
    AccessGroup,
    access_groups_by_name_key,
    name_key,
    name=Name,
    description="An access group by its name; null if you may see none with it.",
)
access_groups = connection_field(
    "access_groups",
    access_groups_list,
    Connection[AccessGroup],
    filter=AccessGroupFilter,
    order=AccessGroupOrder,
    description="The access groups that you may see: those that you may name in a list of models.",
)

FIELDS = [access_group, access_group_by_name, access_groups]
