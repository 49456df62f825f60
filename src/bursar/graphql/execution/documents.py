"""A document, parsed, bounded and validated: what of it may run, or what is wrong with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_operation_ast,
    parse,
    validate,
)
from graphql.execution import VariableValues
from graphql.validation import ASTValidationRule

from bursar.graphql.execution import limits as limits_
from bursar.graphql.execution.cost import OperationMeasure, measures
from bursar.graphql.execution.json_places import Places, VariablesInJson, written
from bursar.graphql.execution.kept import Kept
from bursar.graphql.execution.limits import DocumentLimits
from bursar.graphql.execution.validation import ABORTED, rules

MOST_PLANS = 4  # of one document
SEVERAL = "several"


class RequestError(Exception):
    """The request cannot run at all; `code` says at which step that was found."""

    def __init__(self, code: str, *errors: GraphQLError) -> None:
        self.code = code
        self.errors = errors
        for error in errors:
            error.extensions = {"code": code, **(error.extensions or {})}
        super().__init__(code)


@dataclass(eq=False)
class Prepared:
    """A valid document and the operation of it that is to run; what is made of it is kept beside it.

    `plans` are by the values of the variables that the document's directives speak of, its `switches`.
    """

    document: DocumentNode
    operation: OperationDefinitionNode
    measure: OperationMeasure
    in_json: Mapping[str, Places] = field(default_factory=dict)
    switches: tuple[str, ...] | None = None
    hide_suggestions: bool = False
    variables: Callable[[Mapping[str, Any]], VariableValues] | None = None
    plans: Kept[Any] = field(default_factory=lambda: Kept(MOST_PLANS))

    @cached_property
    def field(self) -> str:
        """The root field that is asked for, by its name in the schema; SEVERAL for more than one."""
        names = set(self.fields.values())
        return names.pop() if len(names) == 1 else SEVERAL

    @cached_property
    def fields(self) -> dict[str, str]:
        """The root fields that are asked for: the name that each is answered under, and its own."""
        fragments = {
            node.name.value: node.selection_set
            for node in self.document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        names: dict[str, str] = {}
        pending: list[SelectionSetNode] = [self.operation.selection_set]
        while pending:
            for node in pending.pop().selections:
                match node:
                    case FieldNode():
                        names[(node.alias or node.name).value] = node.name.value
                    case InlineFragmentNode():
                        pending.append(node.selection_set)
                    case FragmentSpreadNode() if spread := fragments.pop(node.name.value, None):
                        pending.append(spread)
        return names


@dataclass(frozen=True, eq=False)
class Valid:
    """A valid document, with what each of its operations comes to."""

    document: DocumentNode
    measures: Mapping[OperationDefinitionNode, OperationMeasure]
    in_json: Mapping[str | None, Mapping[str, Places]]

    def operation(self, name: str | None) -> Prepared:
        """The operation of this name, or the only one. Raises RequestError."""
        operation = get_operation_ast(self.document, name)
        if operation is None:
            what = "several operations" if name is None else f"no operation named {name!r}"
            raise RequestError(
                "OPERATION_RESOLUTION_FAILURE",
                GraphQLError(f"The document has {what}; say which one to run with operationName."),
            )
        in_json = self.in_json.get(operation.name.value if operation.name else None, {})
        return Prepared(self.document, operation, self.measures[operation], in_json)


def validated(schema: GraphQLSchema, text: str, limits: DocumentLimits) -> Valid:
    """Parse a document, bound and validate it. Raises RequestError."""
    if problem := limits_.problem_with_text(text, limits):
        raise RequestError(limits_.CODE, problem)
    try:
        document = parse(text, max_lexical_tokens=limits.document_tokens)
    except GraphQLSyntaxError as error:
        # The parser says it in words alone, which a test keeps in step with these.
        too_many = f"more than {limits.document_tokens} tokens" in error.message
        raise RequestError(limits_.CODE if too_many else "GRAPHQL_PARSE_FAILED", error) from error
    measured = dict(measures(schema, document))
    if problems := [*limits_.problems_with_document(document, measured.items(), limits)]:
        raise RequestError(limits_.CODE, *problems)
    in_json: dict[str | None, Mapping[str, Places]] = {}
    in_literals = cast("type[ASTValidationRule]", partial(VariablesInJson, in_json))
    all_rules = (*rules(limits.comparisons), in_literals)
    errors = validate(schema, document, all_rules, limits.errors - 1)
    if errors and errors[-1].message == ABORTED:
        raise RequestError(limits_.CODE, limits_.too_much_to_compare(limits))
    if errors:
        raise RequestError("GRAPHQL_VALIDATION_FAILED", *errors)
    return Valid(document, measured, in_json)


def prepare(
    schema: GraphQLSchema,
    text: str,
    operation_name: str | None,
    limits: DocumentLimits | None = None,
) -> Prepared:
    """Parse a document, bound and validate it, and choose its operation. Raises RequestError."""
    return validated(schema, text, limits or DocumentLimits()).operation(operation_name)


def cost_of(
    prepared: Prepared,
    variables: Mapping[str, Any] | None,
    limits: DocumentLimits,
    *,
    is_gateway: bool,
) -> int:
    """How many objects an operation may answer with, where that and its variables are not too much.

    Raises RequestError.
    """
    given = variables or {}
    most_values = limits.most_values(is_gateway=is_gateway)
    problem = limits_.problem_with_variables(given, limits, most_values)
    if prepared.in_json and not problem:
        problem = limits_.problem_with_json(written(prepared.in_json, given), limits)
    cost = 0 if problem else prepared.measure.cost(given)
    if problem := problem or limits_.problem_with_cost(cost, limits):
        raise RequestError(limits_.CODE, problem)
    return cost


def require_one_mutation(prepared: Prepared) -> None:
    """Refuse an operation with several mutations; for what a request says of one only.

    Those that `@skip` or `@include` may leave out count too. Raises RequestError.
    """
    if prepared.operation.operation is not OperationType.MUTATION:
        return
    asked = [name for name in prepared.fields.values() if not name.startswith("__")]
    if len(asked) > 1:
        raise RequestError(
            "BAD_USER_INPUT",
            GraphQLError(
                "The header Idempotency-Key is for one mutation; "
                "give each of several an `idempotencyKey` in its input."
            ),
        )
