"""Arguments: coerced by graphql-core and converted by Strawberry, once where they are constant.

And what root fields call with theirs.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    ListValueNode,
    ObjectValueNode,
    ValueNode,
    VariableNode,
)
from graphql.execution import get_argument_values
from strawberry import Schema
from strawberry.types.field import StrawberryField

from bursar.graphql.execution.conversion import conversion_of
from bursar.graphql.execution.request import Request
from bursar.graphql.execution.surprises import Refused

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


def act_of(
    schema: Schema, declared: StrawberryField, field: GraphQLField, node: FieldNode
) -> Callable[[Request], Awaitable[Any]] | None:
    """What a mutation does, called beside Strawberry's resolver of it, where the field tells."""
    act = declared.metadata.get("act")
    if act is None:
        return None
    read = arguments_of(schema, declared, field, node)
    return lambda request: act(schema, request.context, **read(request))


def resolver_of(
    field: GraphQLField, nodes: list[FieldNode], root: GraphQLObjectType, key: str
) -> Callable[[Request], Any]:
    """The resolver, with its arguments as graphql-core has them. Raises Refused where there is none."""
    resolve = field.resolve
    if resolve is None:
        raise Refused("default resolver")

    def resolved(request: Request) -> Any:
        arguments = get_argument_values(field, nodes[0], request.variables)
        return resolve(None, request.info(field, nodes, root, key), **arguments)

    return resolved


def _has_variable(value: ValueNode) -> bool:
    match value:
        case ListValueNode():
            return any(map(_has_variable, value.values))
        case ObjectValueNode():
            return any(_has_variable(field.value) for field in value.fields)
        case _:
            return isinstance(value, VariableNode)
