"""What a mutation does, called with its input at once, beside Strawberry's resolver of it."""

from collections.abc import Awaitable, Callable
from typing import Any

from graphql import FieldNode, GraphQLField
from strawberry import Schema
from strawberry.types.field import StrawberryField

from bursar.graphql.execution.arguments import arguments_of
from bursar.graphql.execution.request import Request


def act_of(
    schema: Schema, field: GraphQLField, node: FieldNode, declared: StrawberryField
) -> Callable[[Request], Awaitable[Any]] | None:
    """What does it, of a field that tells; it raises what refuses the input."""
    act = declared.metadata.get("act")
    if act is None:
        return None
    read = arguments_of(schema, declared, field, node)
    return lambda request: act(schema, request.context, **read(request))
