"""The compiler: the operation of a valid document becomes a plan that executes it level by level.

Fields are collected and merged by graphql-core's own functions, for the values that the directives
have in the request at hand; a request in which these differ gets a plan of its own.
"""

from collections.abc import Callable
from typing import Any

from graphql import (
    FragmentDefinitionNode,
    GraphQLAbstractType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    is_abstract_type,
)
from graphql.execution import VariableValues
from graphql.execution.collect_fields import (
    FieldDetailsList,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from strawberry import Schema

from bursar.graphql.edges import Leads
from bursar.graphql.execution import values
from bursar.graphql.execution.arguments import act_of, resolver_of
from bursar.graphql.execution.display import Display, Text, written
from bursar.graphql.execution.documents import Prepared
from bursar.graphql.execution.fields import Make
from bursar.graphql.execution.leaves import (
    expression,
    is_had_as_text,
    is_leaf,
    is_sure,
    like_text,
    writer,
)
from bursar.graphql.execution.plan import Plan, RootField
from bursar.graphql.execution.reads import argument_of, point
from bursar.graphql.execution.request import Request
from bursar.graphql.execution.sources import Source, attribute, declared_of, made_of, source_of
from bursar.graphql.execution.surprises import Refused
from bursar.graphql.execution.values import Column, Completion
from bursar.graphql.execution.wanted import Wanted, WantedOf, Whence
from bursar.loaders.narrowing import as_text

TYPENAME = "__typename"
DIRECTIVES = {"include", "skip"}


def compile_plan(schema: Schema, prepared: Prepared, variables: VariableValues) -> Plan:
    """The plan for the operation, where its directives have these variables. Raises Refused."""
    return _Compiler(schema, prepared, variables).plan()


class _Compiler:
    def __init__(self, schema: Schema, prepared: Prepared, variables: VariableValues) -> None:
        self._strawberry = schema
        self._schema = schema._schema  # noqa: SLF001 (Strawberry offers no other way to graphql-core's schema)
        self._operation = prepared.operation
        self._variables = variables
        self._wanted = WantedOf()
        self._fragments = {
            node.name.value: FragmentDetails(node)
            for node in prepared.document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }

    def plan(self) -> Plan:
        root = self._schema.get_root_type(self._operation.operation)
        if root is None or self._operation.directives:
            raise Refused("operation")
        collected = collect_fields(
            self._schema, self._fragments, self._variables, root, self._operation
        )
        roots: dict[str, RootField | None] = {}
        for key, details in collected.grouped_field_set.items():
            name = details[0].node.name.value
            roots[key] = None if name == TYPENAME else self._root(root, key, details)
        return Plan(root, roots)

    def _root(self, root: GraphQLObjectType, key: str, details: FieldDetailsList) -> RootField:
        field, nodes = self._field(root, details), [each.node for each in details]
        declared = declared_of(field)
        if (read := declared.metadata.get("point_read")) is not None:
            rows = Wanted() if read.batch is None else self._wanted(read.batch)
            completion = self._completion(field.type, details, root, key, Whence(rows))
            argument = argument_of(self._strawberry, declared, field, nodes[0], read.argument)
            return RootField(_nothing, point(read, argument, rows, completion))
        whence = Whence()
        if (made := declared.metadata.get("made")) is not None:
            whence = Whence(held=self._wanted(made.source, narrows=made.narrows))
            give = _of_root(made_of(self._strawberry, field, nodes[0], made, whence.held))
        else:
            act = act_of(self._strawberry, declared, field, nodes[0])
            give = act or resolver_of(field, nodes, root, key)
        return RootField(give, self._completion(field.type, details, root, key, whence))

    def _field(self, parent: GraphQLObjectType, details: FieldDetailsList) -> GraphQLField:
        for each in details:
            if any(d.name.value not in DIRECTIVES for d in each.node.directives or ()):
                raise Refused("directive")
        node = details[0].node
        if node.name.value.startswith("__"):
            raise Refused("introspection")
        field: GraphQLField = parent.fields[node.name.value]
        return field

    def _completion(
        self,
        type_: GraphQLOutputType,
        details: FieldDetailsList,
        parent: GraphQLObjectType,
        key: str,
        whence: Whence,
    ) -> Completion:
        """How values of this type are completed, at the field with these details."""
        if is_leaf(type_):
            return values.leaves(writer(type_))
        if isinstance(type_, GraphQLNonNull):
            return values.required(self._there(type_.of_type, details, parent, key, whence))
        return values.optional(self._there(type_, details, parent, key, whence))

    def _there(
        self,
        type_: Any,
        details: FieldDetailsList,
        parent: GraphQLObjectType,
        key: str,
        whence: Whence,
    ) -> Completion:
        """The same of values that are there."""
        if isinstance(type_, GraphQLList):
            return values.lists(self._completion(type_.of_type, details, parent, key, whence))
        if is_abstract_type(type_):
            whence.read(None)  # as nobody knows what tells the type
            return self._abstract(type_, details, parent, key)
        return self._object(type_, details, whence)

    def _abstract(
        self,
        type_: GraphQLAbstractType,
        details: FieldDetailsList,
        parent: GraphQLObjectType,
        key: str,
    ) -> Completion:
        field, nodes = self._field(parent, details), [each.node for each in details]
        return values.abstract(
            type_,
            lambda request: request.info(field, nodes, parent, key),
            {
                each.name: self._object(each, details, Whence())
                for each in self._schema.get_possible_types(type_)
            },
        )

    def _object(
        self, type_: GraphQLObjectType, details: FieldDetailsList, whence: Whence
    ) -> Completion:
        display = Display()
        columns = self._fill(display, type_, details, whence)
        return values.objects(display, columns, are_alike=whence.rows.narrows)

    def _fill(
        self, display: Display, type_: GraphQLObjectType, details: FieldDetailsList, whence: Whence
    ) -> list[Column]:
        """Show the fields that are selected; gives the columns beside the rows that this takes."""
        collected = collect_subfields(
            self._schema, self._fragments, self._variables, self._operation, type_, details
        )
        columns: list[Column] = []
        for key, subdetails in collected.grouped_field_set.items():
            if subdetails[0].node.name.value == TYPENAME:
                display.add(key, _always(repr(type_.name)))
            else:
                columns += self._add(display, key, type_, subdetails, whence)
        return columns

    def _add(
        self,
        display: Display,
        key: str,
        parent: GraphQLObjectType,
        details: FieldDetailsList,
        whence: Whence,
    ) -> list[Column]:
        """Show a field; where a text does not tell its values, with the column of them."""
        field = self._field(parent, details)
        source = source_of(self._strawberry, field, details[0].node, self._wanted)
        if is_leaf(field.type):
            return self._add_leaf(display, key, field.type, source, whence)
        whence.read(source.reads)
        below = source.whence(whence)
        inner = field.type.of_type if isinstance(field.type, GraphQLNonNull) else None
        if source.leads is Leads.ITSELF and isinstance(inner, GraphQLObjectType):
            fields: dict[str, Text] = {}
            with display.within(fields):
                columns = self._fill(display, inner, details, below)
            display.add(key, lambda reading: written(fields, reading))
            return columns
        display.add(key, _always(display.column()))
        return [source.column(self._completion(field.type, details, parent, key, below))]

    def _add_leaf(
        self,
        display: Display,
        key: str,
        type_: GraphQLOutputType,
        source: Source,
        whence: Whence,
    ) -> list[Column]:
        known = whence.rows.known(source.attribute)
        if source.attribute is not None and known.has_text and is_had_as_text(type_):
            source, type_ = attribute(as_text(source.attribute)), like_text(type_)
            known = known._replace(kind=str)
        whence.read(source.reads)
        columns: list[Column] = []
        if source.text is not None:
            text = source.text(display)
        else:
            text = _always(display.column())
            columns.append(source.column(values.as_they_are))
        if is_sure(type_, known.kind, is_required=known.is_required):
            display.add(key, text)
        else:
            write = expression(type_, display.constant)
            display.add(key, lambda reading: write(text(reading)))
        return columns


def _of_root(make: Make) -> Callable[[Request], Any]:
    """What is made of the root, which is nothing."""
    return lambda request: make(request)(None)


def _nothing(_: Request) -> None:
    """Of a field whose completion looks up the value."""


def _always(text: str) -> Text:
    return lambda _: text
