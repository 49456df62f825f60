"""Arguments: coerced by graphql-core and converted by Strawberry, once where they are constant.

And what root fields call with theirs.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
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
from graphql.execution import VariableValues, get_argument_values
from strawberry import Schema
from strawberry.types.field import StrawberryField

from bursar.graphql.execution.conversion import conversion_of
from bursar.graphql.execution.request import Request
from bursar.graphql.execution.surprises import Refused
from bursar.graphql.execution.templates import Fill, Hole, fill_of
from bursar.graphql.execution.variables import PlainValues

Made = TypeVar("Made")


def arguments_of(
    schema: Schema, declared: StrawberryField, field: GraphQLField, node: FieldNode
) -> Callable[[Request], dict[str, Any]]:
    """What gives a field's arguments as its resolver takes them; it raises what refuses them."""
    convert = conversion_of(schema, declared.arguments)
    variables = [
        name for argument in node.arguments or () for name in _variables_in(argument.value)
    ]
    kept: list[Fill | None] = []

    def made(values: VariableValues) -> dict[str, Any]:
        return convert(get_argument_values(field, node, values))

    def read(request: Request) -> dict[str, Any]:
        values = request.variables
        if not isinstance(values, PlainValues):
            return made(values)
        if not kept:
            kept.append(_template(made, variables))
        fill = kept[0]
        return made(values) if fill is None else fill(values.coerced)

    return read


def _template(
    make: Callable[[VariableValues], dict[str, Any]], variables: Sequence[str]
) -> Fill | None:
    """What fills in the variables of arguments; None where each request has to make its own."""
    try:
        holes = make(VariableValues({}, {name: Hole(name) for name in variables}))
    except Exception:  # noqa: BLE001 (what refuses a hole takes the value, or refuses that too)
        return None
    return fill_of(holes, len(variables))


def once_if_constant(make: Callable[[Request], Made], node: FieldNode) -> Callable[[Request], Made]:
    """The same, but of a field whose arguments hold no variable made in the first request only."""
    if any(any(_variables_in(argument.value)) for argument in node.arguments or ()):
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


def _variables_in(value: ValueNode) -> Iterator[str]:
    match value:
        case ListValueNode():
            for item in value.values:
                yield from _variables_in(item)
        case ObjectValueNode():
            for field in value.fields:
                yield from _variables_in(field.value)
        case VariableNode():
            yield value.name.value
