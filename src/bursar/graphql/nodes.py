"""A connection of things of several kinds: a page of their ids, then those of each kind at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import strawberry

from bursar.domain.ids import prefix_of
from bursar.graphql.connections import Connection
from bursar.graphql.edges import Question
from bursar.graphql.queries.node import BY_ID
from bursar.graphql.types.node import Node
from bursar.loaders.pages import Listing, Page, PageRequest
from bursar.loaders.reader import Batch, Reader


@strawberry.type(description="A page of a list of things of several kinds.")
class NodeConnection(Connection[Node]):
    def page(self) -> Question:
        return Question(_pages_of_things, self.parent, (self.listing, self.request))


async def _pages_of_things(
    reader: Reader, parents: Sequence[str], listing: Listing, request: PageRequest, /
) -> dict[str, Page]:
    """Pages of a list of ids, with the things in their place; one that went meanwhile is left out."""
    pages = await listing.pages(reader, parents, request)
    ids: dict[Batch, list[str]] = {}
    for page in pages.values():
        for row in page.rows:
            ids.setdefault(_batch_of(row.id), []).append(row.id)
    found = await asyncio.gather(*(batch(reader, keys) for batch, keys in ids.items()))
    things: dict[str, Any] = {id: thing for of_kind in found for id, thing in of_kind.items()}
    return {
        parent: replace(page, rows=[things[row.id] for row in page.rows if row.id in things])
        for parent, page in pages.items()
    }


def _batch_of(id: str) -> Batch:
    kind = prefix_of(id)
    if kind is None:
        raise ValueError(f"{id} is the id of no kind of thing")
    return BY_ID[kind]
