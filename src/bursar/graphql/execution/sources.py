"""Where the values of a field come from, by how Strawberry has it declared."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from graphql import FieldNode, GraphQLField
from strawberry import Schema
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver

from bursar.graphql.edges import Edge, Leads, Made
from bursar.graphql.execution import fields
from bursar.graphql.execution.arguments import arguments_of, once_if_constant
from bursar.graphql.execution.display import Display, Text
from bursar.graphql.execution.request import Request
from bursar.graphql.execution.surprises import Refused
from bursar.graphql.execution.values import Column, Completion
from bursar.graphql.execution.wanted import Wanted, WantedOf, Whence


class Source(NamedTuple):
    """How values are got: as a column, and where one row is enough for it also in a source text.

    An attribute has its name. `reads` is what is read of the parent's row, None for who knows what.
    Where the values are objects, they are from where it `leads`, or else from `below`.
    """

    column: Callable[[Completion], Column]
    text: Callable[[Display], Text] | None = None
    attribute: str | None = None
    reads: Sequence[str] | None = None
    leads: Leads | None = None
    below: Whence = Whence()

    def whence(self, parent: Whence) -> Whence:
        """Whose rows the objects are that this leads to from a parent."""
        match self.leads:
            case Leads.ITSELF:
                return parent
            case Leads.ROWS:
                return Whence(rows=parent.held)
            case Leads.HOLDERS:
                return Whence(held=parent.held)
        return self.below


def source_of(schema: Schema, field: GraphQLField, node: FieldNode, wanted: WantedOf) -> Source:
    """The source of a field that is no root field. Raises Refused."""
    declared = declared_of(field)
    resolver = declared.base_resolver
    if resolver is None:
        if schema.config.default_resolver is not getattr:
            raise Refused("default resolver")
        return attribute(declared.python_name)
    metadata = declared.metadata
    if (made := metadata.get("made")) is not None:
        rows = wanted(made.source, narrows=made.narrows)
        make = made_of(schema, field, node, made, rows)
        below = Whence(held=rows)
        return Source(partial(fields.made, make), reads=metadata["reads"], below=below)
    if (edge := metadata.get("edge")) is not None:
        source = _edge(edge, wanted)
    elif resolver.is_async or resolver.info_parameter:
        raise Refused("resolver")
    elif declared.arguments:
        source = _function_of(resolver, arguments_of(schema, declared, field, node))
    else:
        source = _function(resolver)
    return source._replace(reads=metadata.get("reads"), leads=metadata.get("leads"))


def declared_of(field: GraphQLField) -> StrawberryField:
    """How Strawberry has a field declared. Raises Refused for what is wrapped in more than that."""
    declared = field.extensions.get("strawberry-definition")
    if not isinstance(declared, StrawberryField) or declared.extensions:
        raise Refused("field extension")
    return declared


def made_of(
    schema: Schema, field: GraphQLField, node: FieldNode, made: Made, rows: Wanted
) -> fields.Make:
    """What makes the values of a field, with what is wanted of the rows that they hold."""
    arguments = arguments_of(schema, declared_of(field), field, node)
    return once_if_constant(lambda request: made.make(rows.source, **arguments(request)), node)


def attribute(name: str) -> Source:
    """An attribute of each row."""
    return Source(
        partial(fields.attributes, name),
        lambda _: lambda reading: reading.attribute(name),
        attribute=name,
        reads=(name,),
    )


def _edge(edge: Edge, wanted: WantedOf) -> Source:
    if edge.batch is None:
        return Source(partial(fields.edges, edge))
    rows = wanted(edge.batch)
    if edge.read is not None:
        rows.read(edge.reads_found)
        return Source(partial(fields.edges_read, edge, rows))
    return Source(partial(fields.edges_by_key, edge, rows), below=Whence(rows))


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
        name = display.constant(function)
        return lambda reading: f"{name}({reading.row})"

    return Source(partial(fields.made, lambda _: function), text)
