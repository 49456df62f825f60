"""Edges, declared as data: a batch function, and the parent's attribute that is its key.

For graphql-core an edge resolves through a dataloader. What it is made of stays readable in the
field's metadata, for whoever executes a level at once.
"""

from dataclasses import dataclass
from typing import Any

import strawberry
from strawberry.types import Info

from bursar.graphql.context import Context
from bursar.loaders.reader import Batch


@dataclass(frozen=True, slots=True)
class Edge:
    """The batch function of an edge, and the attribute of the parent that it is asked with."""

    batch: Batch
    key: str


def edge(batch: Batch, *, key: str, description: str) -> Any:
    """A field that leads to the one object the batch function finds; null if it finds none."""

    async def resolve(root: Any, info: Info[Context, None]) -> Any:
        value = getattr(root, key)
        return None if value is None else await info.context.load(batch, value)

    return strawberry.field(
        resolver=resolve, description=description, metadata={"edge": Edge(batch, key)}
    )
