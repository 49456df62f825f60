"""Where the values of a field come from, by how Strawberry has it declared."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from graphql import FieldNode, GraphQLField
from strawberry import Schema
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver

from bursar.graphql.execution import fields
from bursar.graphql.execution.arguments import arguments_of, once_if_constant
from bursar.graphql.execution.display import Display, Text, attribute
from bursar.graphql.execution.request import Request
from bursar.graphql.execution.surprises import Refused
from bursar.graphql.execution.values import Column, Completion


class Source(NamedTuple):
    """How values are got: as a column, and where one row is enough for it also in a source text."""

    column: Callable[[Completion], Column]
    text: Callable[[Display], Text] | None = None


def source_of(schema: Schema, field: GraphQLField, node: FieldNode) -> Source:
    """The source of a field that is no root field. Raises Refused."""
    declared = field.extensions.get("strawberry-definition")
    if not isinstance(declared, StrawberryField) or declared.extensions:
        raise Refused("field extension")
    resolver = declared.base_resolver
    if resolver is None:
        if schema.config.default_resolver is not getattr:
            raise Refused("default resolver")
        return _attribute(declared.python_name)
    if (edge := declared.metadata.get("edge")) is not None:
        by_key = edge.batch is not None and edge.read is None
        return Source(partial(fields.edges_by_key if by_key else fields.edges, edge))
    if (make := declared.metadata.get("make")) is not None:
        arguments = arguments_of(schema, declared, field, node)
        once = once_if_constant(lambda request: make(**arguments(request)), node)
        return Source(partial(fields.made, once))
    if resolver.is_async or resolver.info_parameter:
        raise Refused("resolver")
    if declared.arguments:
        return _function_of(resolver, arguments_of(schema, declared, field, node))
    return _function(resolver)


def _attribute(name: str) -> Source:
    return Source(
        partial(fields.attributes, name), lambda _: lambda records: attribute(name, records)
    )


def _function_of(
    resolver: StrawberryResolver[Any], arguments: Callable[[Request], dict[str, Any]]
) -> Source:
    """A resolver that needs its parent and arguments."""
    if not (resolver.self_parameter or resolver.root_parameter or resolver.parent_parameter):
        raise Refused("resolver")
    function: Any = resolver.wrapped_func

    def make(request: Request) -> Callable[[Any], Any]:
        given = arguments(request)
        return lambda row: function(row, **given)

    return Source(partial(fields.made, make))


def _function(resolver: StrawberryResolver[Any]) -> Source:
    """A resolver that needs nothing but its parent, if that."""
    function: Any = resolver.wrapped_func
    if not resolver.signature.parameters:
        return Source(partial(fields.made, lambda _: lambda _: function()))

    def text(display: Display) -> Text:
        called = f"{display.constant(function)}(row)"
        return lambda _: called

    return Source(partial(fields.made, lambda _: function), text)
