"""Access groups: models under one name."""

from datetime import datetime

import strawberry

from bursar.domain.ids import Prefix
from bursar.graphql.connections import connection_edge
from bursar.graphql.nodes import NodeConnection
from bursar.graphql.types.node import Node
from bursar.loaders.access_groups import users_by_access_group


@strawberry.type(description="Models under one name, which lists of models name as `group:NAME`.")
class AccessGroup(Node):
    prefix = Prefix.ACCESS_GROUP

    name: str = strawberry.field(description="The name, unique without regard to case.")
    description: str | None = strawberry.field(description="What the group is for.")
    models: list[str] = strawberry.field(
        description="What it stands for: names, and patterns with `*`; empty is nothing."
    )
    version: int = strawberry.field(description="Counts the changes.")
    created_at: datetime = strawberry.field(description="When the group was made.")
    updated_at: datetime = strawberry.field(description="When the group was last changed.")
    used_by: NodeConnection = connection_edge(
        users_by_access_group,
        key="id",
        kind=NodeConnection,
        description="What names the group in a list of models that is yours to see: organizations, "
        "teams, users and keys, oldest first within their kind.",
    )
