"""Variables of an operation: plain ones, as most are, coerced at once, any others by graphql-core."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLID,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLString,
    get_variable_values,
)
from graphql.execution import VariableValues
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValueSource

from bursar.graphql.execution.documents import Prepared, RequestError

MOST_ERRORS = 50  # as graphql-core's executor has it

# Whether a value is one that its type takes as it is.
_PLAIN: dict[Any, Callable[[Any], bool]] = {
    GraphQLString: lambda value: type(value) is str,
    GraphQLID: lambda value: type(value) is str,
    GraphQLBoolean: lambda value: type(value) is bool,
    GraphQLInt: lambda value: type(value) is int and -(2**31) <= value < 2**31,
}


class PlainValues(VariableValues):
    """The values where each variable is plain, and has one that its type takes as it is."""


class _Variable(NamedTuple):
    signature: GraphQLVariableSignature
    is_plain: Callable[[Any], bool]


class Variables:
    """What coerces the variables of an operation."""

    def __init__(self, schema: GraphQLSchema, prepared: Prepared) -> None:
        self._schema = schema
        self._definitions = prepared.operation.variable_definitions or ()
        self._hide_suggestions = prepared.hide_suggestions
        self._plain: dict[str, _Variable] | None = {}
        for definition in self._definitions:
            signature = get_variable_signature(schema, definition)
            is_plain = None if isinstance(signature, GraphQLError) else _plain(signature)
            if is_plain is None or isinstance(signature, GraphQLError):
                self._plain = None
                return
            self._plain[signature.name] = _Variable(signature, is_plain)

    def __call__(self, given: Mapping[str, Any]) -> VariableValues:
        """The values. Raises RequestError for what their types refuse."""
        return self._of_plain(given) or self._by_core(given)

    def _of_plain(self, given: Mapping[str, Any]) -> PlainValues | None:
        """None where a variable is not plain, or is given nothing or what is not."""
        if self._plain is None:
            return None
        sources, coerced = {}, {}
        for name, (signature, is_plain) in self._plain.items():
            value = given.get(name)
            if not is_plain(value):
                return None
            sources[name] = VariableValueSource(signature, value)
            coerced[name] = value
        return PlainValues(sources, coerced)

    def _by_core(self, given: Mapping[str, Any]) -> VariableValues:
        found = get_variable_values(
            self._schema,
            self._definitions,
            dict(given),
            max_errors=MOST_ERRORS,
            hide_suggestions=self._hide_suggestions,
        )
        if isinstance(found, list):
            raise RequestError("BAD_USER_INPUT", *found)
        return found


def variables_of(
    schema: GraphQLSchema, prepared: Prepared, given: Mapping[str, Any] | None
) -> VariableValues:
    """The values of the operation's variables. Raises RequestError for what their types refuse."""
    if prepared.variables is None:
        prepared.variables = Variables(schema, prepared)
    return prepared.variables(given or {})


def _plain(signature: GraphQLVariableSignature) -> Callable[[Any], bool] | None:
    type_ = signature.type
    return _PLAIN.get(type_.of_type if isinstance(type_, GraphQLNonNull) else type_)
