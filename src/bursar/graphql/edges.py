"""Edges, declared as data: a batch function, what it is asked for, and what is read from the answer.

For graphql-core an edge resolves one by one, and is looked up together. What it is made of stays
readable in the field's metadata, as `edge` or `make`, for whoever executes a level at once.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, NamedTuple

import strawberry
from strawberry.types import Info

from bursar.graphql.context import Context
from bursar.loaders.reader import Batch

Read = Callable[[Any, Any, Context], Any]


class Question(NamedTuple):
    """What is asked of a batch function for one parent."""

    batch: Batch
    key: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """How a field is looked up: `ask` makes the question of a parent, None where there is none.

    Of an edge that asks the same of every parent, `batch` is the batch function and `key` the
    parent's attribute to ask it with. `read` makes the field's value of what was found (None if
    nothing), the parent and the context; without it that is the value.
    """

    ask: Callable[[Any], Question | None]
    read: Read | None = None
    batch: Batch | None = None
    key: str = ""


def edge(batch: Batch, *, key: str, description: str, read: Read | None = None) -> Any:
    """A field that leads to what the batch function finds by the parent's attribute `key`."""

    def ask(root: Any) -> Question | None:
        value = getattr(root, key)
        return None if value is None else Question(batch, value)

    return _field(Edge(ask, read, batch, key), description)


def asking_edge(
    ask: Callable[[Any], Question | None], *, description: str, read: Read | None = None
) -> Any:
    """A field that leads to what is found for a question that its parent makes."""
    return _field(Edge(ask, read), description)


def made_once(make: Callable[..., Callable[[Any], Any]], *, description: str) -> Any:
    """A field of whose arguments `make` makes, once for all parents, what gives each its value."""

    def resolve(root: Any, **arguments: Any) -> Any:
        return make(**arguments)(root)

    return strawberry.field(resolver=resolve, description=description, metadata={"make": make})


def _field(edge: Edge, description: str) -> Any:
    def resolve(root: Any, info: Info[Context, None]) -> Any:
        return _LookUp(edge, root, info.context)

    return strawberry.field(resolver=resolve, description=description, metadata={"edge": edge})


@dataclass(frozen=True, slots=True)
class _LookUp:
    """What an edge leads to, to be awaited; graphql-core may drop it, as no coroutine should be."""

    edge: Edge
    root: Any
    context: Context

    def __await__(self) -> Generator[Any, None, Any]:
        return self._found().__await__()

    async def _found(self) -> Any:
        edge, context = self.edge, self.context
        question = edge.ask(self.root)
        found = None
        if question is not None:
            found = await context.load(question.batch, question.key, *question.arguments)
        return found if edge.read is None else edge.read(found, self.root, context)
