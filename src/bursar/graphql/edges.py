"""Edges, declared as data: a batch function, what it is asked for, and what is read from the answer.

For graphql-core an edge resolves one by one, and is looked up together. What it is made of stays
readable in the field's metadata, as `edge` or `made`, for whoever executes a level at once; and as
`reads` and `leads`, what it reads of its parent and whose rows it leads to, for whoever looks ahead.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import Any, NamedTuple

import strawberry
from strawberry.types import Info

from bursar.graphql.context import Context
from bursar.loaders.reader import Batch

Read = Callable[[Any, Any, Context], Any]


class Question(NamedTuple):
    """What is asked of a batch function for one parent."""

    batch: Batch
    key: Any
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """How a field is looked up: `ask` makes the question of a parent, None where there is none.

    Of an edge that asks the same of every parent, `batch` is the batch function and `key` the
    parent's attribute to ask it with, or several, which are asked with together. `read` makes the
    field's value of what was found (None if nothing), the parent and the context; without it that is
    the value. It reads the attributes `reads_found` of what was found; None is that nobody knows.
    """

    ask: Callable[[Any], Question | None]
    read: Read | None = None
    batch: Batch | None = None
    key: str | tuple[str, ...] = ""
    reads_found: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A field's value, made of the parent by what `make` makes of the source and the arguments.

    If it `narrows`, the value holds rows of the source alone, and the source may have fewer columns.
    """

    make: Callable[..., Callable[[Any], Any]]
    source: Any
    narrows: bool = False


class Leads(Enum):
    """Where a field leads to that looks nothing up itself."""

    ITSELF = "the parent, seen as another type"
    ROWS = "the rows that the parent holds"
    HOLDERS = "objects that hold the same rows as the parent"


def reads(*attributes: str, leads: Leads | None = None) -> Mapping[Any, Any]:
    """The metadata of a field that reads no more of its parent than these attributes."""
    return {"reads": attributes, "leads": leads}


def edge(
    batch: Batch,
    *,
    key: str | tuple[str, ...],
    description: str,
    read: Read | None = None,
    reads: tuple[str, ...] | None = None,
    reads_found: tuple[str, ...] | None = None,
) -> Any:
    """A field that leads to what the batch function finds by the parent's attribute `key`, or several.

    `reads` is what `read` reads of the parent; where that is not said, it may be anything.
    """
    names = (key,) if isinstance(key, str) else key
    value_of = attrgetter(*names)

    def ask(root: Any) -> Question | None:
        value = value_of(root)
        return None if value is None else Question(batch, value)

    if read is None:
        reads = reads_found = ()
    of_parent = None if reads is None else (*names, *reads)
    return _field(Edge(ask, read, batch, key, reads_found), description, of_parent)


def asking_edge(
    ask: Callable[[Any], Question | None],
    *,
    description: str,
    read: Read | None = None,
    reads: tuple[str, ...] | None = None,
    leads: Leads | None = None,
) -> Any:
    """A field that leads to what is found for a question that its parent makes.

    `reads` is what both functions read of the parent; where that is not said, it may be anything.
    """
    return _field(Edge(ask, read), description, reads, leads)


def made_once(
    made: Made, *, description: str, reads: tuple[str, ...], graphql_type: Any = None
) -> Any:
    """A field of whose arguments is made, once for all parents, what gives each its value."""

    def resolve(root: Any, **arguments: Any) -> Any:
        return made.make(made.source, **arguments)(root)

    metadata = {"made": made, "reads": reads}
    return strawberry.field(
        resolver=resolve, graphql_type=graphql_type, description=description, metadata=metadata
    )


def _field(
    edge: Edge, description: str, reads: tuple[str, ...] | None, leads: Leads | None = None
) -> Any:
    def resolve(root: Any, info: Info[Context, None]) -> Any:
        return _LookUp(edge, root, info.context)

    metadata = {"edge": edge, "reads": reads, "leads": leads}
    return strawberry.field(resolver=resolve, description=description, metadata=metadata)


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
