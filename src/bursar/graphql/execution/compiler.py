"""The compiler: the operation of a valid document becomes a plan that executes it level by level.

Fields are collected and merged by graphql-core's own functions, for the values that the directives
have in the request at hand; a request in which these differ gets a plan of its own.
"""

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

from bursar.graphql.execution import values
from bursar.graphql.execution.display import Display, Text
from bursar.graphql.execution.documents import Prepared
from bursar.graphql.execution.leaves import expression, is_leaf, writer
from bursar.graphql.execution.plan import Plan, RootField
from bursar.graphql.execution.sources import source_of
from bursar.graphql.execution.surprises import Refused
from bursar.graphql.execution.values import Column, Completion

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
            if name == TYPENAME:
                roots[key] = None
                continue
            field = self._field(root, details)
            completion = self._completion(field.type, details, root, key)
            roots[key] = RootField(field, [each.node for each in details], completion)
        return Plan(root, roots)

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
    ) -> Completion:
        """How values of this type are completed, at the field with these details."""
        if is_leaf(type_):
            return values.leaves(writer(type_))
        if isinstance(type_, GraphQLNonNull):
            return values.required(self._there(type_.of_type, details, parent, key))
        return values.optional(self._there(type_, details, parent, key))

    def _there(
        self, type_: Any, details: FieldDetailsList, parent: GraphQLObjectType, key: str
    ) -> Completion:
        """The same of values that are there."""
        if isinstance(type_, GraphQLList):
            return values.lists(self._completion(type_.of_type, details, parent, key))
        if is_abstract_type(type_):
            return self._abstract(type_, details, parent, key)
        return self._object(type_, details)

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
                each.name: self._object(each, details)
                for each in self._schema.get_possible_types(type_)
            },
        )

    def _object(self, type_: GraphQLObjectType, details: FieldDetailsList) -> Completion:
        collected = collect_subfields(
            self._schema, self._fragments, self._variables, self._operation, type_, details
        )
        display, columns = Display(), list[Column]()
        for key, subdetails in collected.grouped_field_set.items():
            if subdetails[0].node.name.value == TYPENAME:
                display.add(key, _always(repr(type_.name)))
                continue
            column = self._add(display, key, type_, subdetails)
            if column is not None:
                columns.append(column)
        return values.objects(display, columns)

    def _add(
        self, display: Display, key: str, parent: GraphQLObjectType, details: FieldDetailsList
    ) -> Column | None:
        """Show a field; where a text does not tell its values, with the column of them."""
        field = self._field(parent, details)
        source = source_of(self._strawberry, field, details[0].node)
        if not is_leaf(field.type):
            display.add(key, _always(display.column()))
            return source.column(self._completion(field.type, details, parent, key))
        if source.text is not None:
            text, column = source.text(display), None
        else:
            text, column = _always(display.column()), source.column(values.as_they_are)
        written = expression(field.type, display.constant)
        display.add(key, lambda records: written(text(records)))
        return column


def _always(text: str) -> Text:
    return lambda _: text
