"""A connection of things of several kinds: a page of their ids, then those of each kind at once."""

import asyncio

import strawberry
from strawberry.types import Info

from bursar.database.rows import Row
from bursar.domain.ids import prefix_of
from bursar.graphql.connections import Connection
from bursar.graphql.context import Context
from bursar.graphql.queries.node import BY_ID
from bursar.graphql.types.node import Node


@strawberry.type(description="A page of a list of things of several kinds.")
class NodeConnection(Connection[Node]):
    async def nodes_of(self, info: Info[Context, None], rows: list[Row]) -> list[Node]:
        kinds = [prefix_of(row.id) for row in rows]
        batches = [BY_ID[kind] for kind in kinds if kind is not None]
        return list(
            await asyncio.gather(
                *(
                    info.context.load(batch, row.id)
                    for batch, row in zip(batches, rows, strict=True)
                )
            )
        )
