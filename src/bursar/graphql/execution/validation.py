"""Validation by graphql-core's rules, of which the one that is not linear has a bound to its work.

Whether fields of one name can be merged is found by comparing them pairwise, which graphql-core ends
after half a million steps: a second of this thread. No document that a client is built with comes near
the bound that is set here; what does is refused, in a few milliseconds.

One rule is ours: inside free JSON a variable is one plain value. No type bounds there what it holds nor
how often it stands, and graphql-core writes each out as a literal: 8 KB held this thread for a second.
"""

from functools import cache
from typing import Any

from graphql import (
    GraphQLError,
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
from graphql.validation.validation_context import VariableUsage

JSON = "JSON"
ABORTED = "Validation aborted."
"""The only message of the last error, where the bound was met; a test keeps it in step."""


class ValuesOfCorrectType(ValuesOfCorrectTypeRule):
    """As in the specification; a refused literal has the code that a refused variable has."""

    def report_error(self, error: GraphQLError) -> None:
        error.extensions = {**(error.extensions or {}), "code": "BAD_USER_INPUT"}
        super().report_error(error)


class PlainVariablesInJson(ValidationRule):
    """Who has more than a text, a number or a boolean passes the whole JSON by a variable."""

    def leave_operation_definition(self, operation: OperationDefinitionNode, *_: object) -> None:
        definitions = {
            definition.variable.name.value: definition
            for definition in operation.variable_definitions or ()
        }
        for usage in self.context.get_recursive_variable_usages(operation):
            definition = definitions.get(usage.node.name.value)
            if definition is None or not _is_in_json(usage):
                continue
            type_ = type_from_ast(self.context.schema, definition.type)
            if type_ is not None and not _is_plain(type_):
                message = (
                    f"Variable '${usage.node.name.value}' of type '{type_}' cannot be part of JSON."
                )
                self.report_error(GraphQLError(message, [definition, usage.node]))


def _is_in_json(usage: VariableUsage) -> bool:
    """Whether it stands in an object or a list where a scalar is expected."""
    return usage.type is None or is_leaf_type(get_nullable_type(usage.parent_type))


def _is_plain(type_: Any) -> bool:
    type_ = get_nullable_type(type_)
    return is_leaf_type(type_) and type_.name != JSON


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
