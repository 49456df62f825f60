"""Variables inside literals of free JSON: how much they write there, at each place all of it again.

graphql-core makes a literal of a variable's value at each place, of which no type bounds the number.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from graphql import (
    GraphQLError,
    OperationDefinitionNode,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    type_from_ast,
    value_from_ast_untyped,
)
from graphql.validation import ValidationContext, ValidationRule
from graphql.validation.validation_context import VariableUsage

_CHARACTERS = 64
"""Of a text, that take no longer than a value."""


class Places(NamedTuple):
    """At how many places a variable stands, and how much its default writes at each."""

    number: int
    default: int


class VariablesInJson(ValidationRule):
    """What stands in JSON is a scalar, an enum, or lists of them; a scalar may be JSON.

    An input object stands in none, as graphql-core looks at all fields of its type for each. `places`
    gets what stands there by the names of the operations, which are different in a valid document.
    """

    def __init__(
        self, places: dict[str | None, Mapping[str, Places]], context: ValidationContext
    ) -> None:
        super().__init__(context)
        self._places = places

    def leave_operation_definition(self, operation: OperationDefinitionNode, *_: object) -> None:
        usages = self.context.get_recursive_variable_usages(operation)
        nodes = [usage.node for usage in usages if _is_in_json(usage)]
        if not nodes:
            return
        counted = Counter(node.name.value for node in nodes)
        found: dict[str, Places] = {}
        for definition in operation.variable_definitions or ():
            name = definition.variable.name.value
            if name not in counted:
                continue
            type_ = type_from_ast(self.context.schema, definition.type)
            if type_ is not None and not is_leaf_type(get_named_type(type_)):
                message = f"Variable '${name}' of type '{type_}' cannot be part of JSON."
                its = [node for node in nodes if node.name.value == name]
                self.report_error(GraphQLError(message, [definition, *its[:1]]))
            default = definition.default_value
            size = _size(value_from_ast_untyped(default)) if default else 0
            found[name] = Places(counted[name], size)
        self._places[operation.name.value if operation.name else None] = found


def _is_in_json(usage: VariableUsage) -> bool:
    """Whether it stands in an object or a list where a scalar is expected."""
    return usage.type is None or is_leaf_type(get_nullable_type(usage.parent_type))


def written(places: Mapping[str, Places], given: Mapping[str, Any]) -> int:
    """How many values are written in all; a long text is several."""
    return sum(
        number * (_size(given[name]) if name in given else default)
        for name, (number, default) in places.items()
    )


def _size(value: Any) -> int:
    size, pending = 0, [value]
    while pending:
        value = pending.pop()
        size += 1
        match value:
            case str():
                size += len(value) // _CHARACTERS
            case list():
                pending += value
            case dict():
                pending += value.values()
                size += sum(map(len, value)) // _CHARACTERS
    return size
