"""Arguments: coerced by graphql-core and converted by Strawberry, once where they are constant."""

from collections.abc import Callable
from typing import Any, TypeVar

from graphql import FieldNode, GraphQLField, ListValueNode, ObjectValueNode, ValueNode, VariableNode
from graphql.execution import get_argument_values
from strawberry import Schema
from strawberry.types.field import StrawberryField

from bursar.graphql.execution.conversion import conversion_of
from bursar.graphql.execution.request import Request

Made = TypeVar("Made")


def arguments_of(
    schema: Schema, declared: StrawberryField, field: GraphQLField, node: FieldNode
) -> Callable[[Request], dict[str, Any]]:
    """What gives a field's arguments as its resolver takes them; it raises what refuses them."""
    convert = conversion_of(schema, declared.arguments)
    return lambda request: convert(get_argument_values(field, node, request.variables))


def once_if_constant(make: Callable[[Request], Made], node: FieldNode) -> Callable[[Request], Made]:
    """The same, but of a field whose arguments hold no variable made in the first request only."""
    if any(_has_variable(argument.value) for argument in node.arguments or ()):
        return make
    kept: list[Made] = []

    def make_once(request: Request) -> Made:
        if not kept:
            kept.append(make(request))
        return kept[0]

    return make_once


def _has_variable(value: ValueNode) -> bool:
    match value:
        case ListValueNode():
            return any(map(_has_variable, value.values))
        case ObjectValueNode():
            return any(_has_variable(field.value) for field in value.fields)
        case _:
            return isinstance(value, VariableNode)
