"""Validation by graphql-core's rules, of which the one that is not linear has a bound to its work.

Whether fields of one name can be merged is found by comparing them pairwise, which graphql-core ends
after half a million steps: a second of this thread. No document that a client is built with comes near
the bound that is set here; what does is refused, in a few milliseconds.

One rule is ours: inside free JSON stands no variable of an input object, nor of lists in a list. No
type bounds there how many it is, and graphql-core writes each out as a literal: a tenth of a second.
"""

from functools import cache
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLList,
    OperationDefinitionNode,
    get_nullable_type,
    is_leaf_type,
    specified_rules,
    type_from_ast,
)
from graphql.validation import (
    ASTValidationRule,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    ValidationRule,
    ValuesOfCorrectTypeRule,
)

ABORTED = "Validation aborted."
"""The only message of the last error, where the bound was met; a test keeps it in step."""


class ValuesOfCorrectType(ValuesOfCorrectTypeRule):
    """As in the specification; a refused literal has the code that a refused variable has."""

    def report_error(self, error: GraphQLError) -> None:
        error.extensions = {**(error.extensions or {}), "code": "BAD_USER_INPUT"}
        super().report_error(error)


class PlainVariablesInJson(ValidationRule):
    """Where no type says what may stand, a variable is a scalar, an enum, or a list of them."""

    def leave_operation_definition(self, operation: OperationDefinitionNode, *_: object) -> None:
        free = {
            usage.node.name.value: usage.node
            for usage in self.context.get_recursive_variable_usages(operation)
            if usage.type is None
        }
        for definition in operation.variable_definitions or ():
            node = free.get(definition.variable.name.value)
            type_ = type_from_ast(self.context.schema, definition.type)
            if node is not None and type_ is not None and not _is_plain(type_):
                message = f"Variable '${node.name.value}' of type '{type_}' cannot be part of JSON."
                self.report_error(GraphQLError(message, [definition, node]))


def _is_plain(type_: Any) -> bool:
    item = get_nullable_type(type_)
    if isinstance(item, GraphQLList):
        item = get_nullable_type(item.of_type)
    return is_leaf_type(item)


@cache
def rules(comparisons: int) -> tuple[type[ASTValidationRule], ...]:
    """All rules, with a bound to the steps of the one that compares fields."""

    class OverlappingFields(OverlappingFieldsCanBeMergedRule):
        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            self.rule_context.remaining_complexity_budget = comparisons

    ours: dict[type[ASTValidationRule], type[ASTValidationRule]] = {
        ValuesOfCorrectTypeRule: ValuesOfCorrectType,
        OverlappingFieldsCanBeMergedRule: OverlappingFields,
    }
    return (*(ours.get(rule, rule) for rule in specified_rules), PlainVariablesInJson)
