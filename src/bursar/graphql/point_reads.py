"""Point reads: root fields that look one thing up by their one argument, declared as data.

Like an edge, one stays readable in the field's metadata, as `point_read`, for whoever asks it together
with what else is looked up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types import Info
from strawberry.types.arguments import StrawberryArgument

from bursar.graphql.context import Context
from bursar.graphql.edges import Question
from bursar.loaders.reader import Batch


@dataclass(frozen=True, slots=True)
class PointRead:
    """What `ask` makes of the argument, a text: a question, or None where nothing can be found.

    Of one that asks the same batch function always, that is `batch`.
    """

    argument: str
    ask: Callable[[str], Question | None]
    batch: Batch | None = None


def point_read(
    name: str,
    type_: Any,
    batch: Batch,
    key: Callable[[str], str | None],
    /,
    *,
    description: str,
    **argument: Any,
) -> Any:
    """A field for what the batch function finds by the key that is made of the argument, if any is."""

    def ask(text: str) -> Question | None:
        found = key(text)
        return None if found is None else Question(batch, found)

    return asking_read(name, type_, ask, batch, description=description, **argument)


def asking_read(
    name: str,
    type_: Any,
    ask: Callable[[str], Question | None],
    batch: Batch | None = None,
    /,
    *,
    description: str,
    **argument: Any,
) -> Any:
    """A field for what is found for the question that is made of the argument."""
    ((given, kind),) = argument.items()

    async def resolve(info: Info[Context, None], **arguments: Any) -> Any:
        question = ask(arguments[given])
        return None if question is None else await info.context.load(question.batch, question.key)

    field: Any = strawberry.field(
        resolver=resolve,
        graphql_type=type_ | None,
        description=description,
        metadata={"point_read": PointRead(given, ask, batch)},
    )
    field.python_name = name
    field.arguments = [StrawberryArgument(given, None, StrawberryAnnotation(kind))]
    return field
