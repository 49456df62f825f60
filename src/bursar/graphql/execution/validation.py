"""Validation by graphql-core's rules, of which the one that is not linear has a bound to its work.

Whether fields of one name can be merged is found by comparing them pairwise, which graphql-core ends
after half a million steps: a second of this thread. No document that a client is built with comes near
the bound that is set here; what does is refused, in a few milliseconds.
"""

from functools import cache

from graphql import GraphQLError, specified_rules
from graphql.validation import (
    ASTValidationRule,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    ValuesOfCorrectTypeRule,
)

ABORTED = "Validation aborted."
"""The only message of the last error, where the bound was met; a test keeps it in step."""


class ValuesOfCorrectType(ValuesOfCorrectTypeRule):
    """As in the specification; a refused literal has the code that a refused variable has."""

    def report_error(self, error: GraphQLError) -> None:
        error.extensions = {**(error.extensions or {}), "code": "BAD_USER_INPUT"}
        super().report_error(error)


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
    return tuple(ours.get(rule, rule) for rule in specified_rules)
