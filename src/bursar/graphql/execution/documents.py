"""A document, parsed and validated: what of it may run, or what is wrong with it."""

from typing import NamedTuple

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
    SelectionSetNode,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)
from graphql.validation import ValuesOfCorrectTypeRule


class RequestError(Exception):
    """The request cannot run at all; `code` says at which step that was found."""

    def __init__(self, code: str, *errors: GraphQLError) -> None:
        self.code = code
        self.errors = errors
        for error in errors:
            error.extensions = {"code": code, **(error.extensions or {})}
        super().__init__(code)


class Prepared(NamedTuple):
    """A valid document and the operation of it that is to run."""

    document: DocumentNode
    operation: OperationDefinitionNode

    @property
    def field(self) -> str:
        """The root field that is asked for, by its name in the schema; "several" for more than one."""
        fragments = {
            definition.name.value: definition.selection_set
            for definition in self.document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        names: set[str] = set()
        _collect(self.operation.selection_set, fragments, names)
        return names.pop() if len(names) == 1 else "several"


class ValuesOfCorrectType(ValuesOfCorrectTypeRule):
    """As in the specification; a refused literal has the code that a refused variable has."""

    def report_error(self, error: GraphQLError) -> None:
        error.extensions = {**(error.extensions or {}), "code": "BAD_USER_INPUT"}
        super().report_error(error)


RULES = tuple(
    ValuesOfCorrectType if rule is ValuesOfCorrectTypeRule else rule for rule in specified_rules
)


def prepare(schema: GraphQLSchema, text: str, operation_name: str | None) -> Prepared:
    """Parse and validate a document and choose its operation. Raises RequestError."""
    try:
        document = parse(text)
    except GraphQLSyntaxError as error:
        raise RequestError("GRAPHQL_PARSE_FAILED", error) from error
    if errors := validate(schema, document, RULES):
        raise RequestError("GRAPHQL_VALIDATION_FAILED", *errors)
    operation = get_operation_ast(document, operation_name)
    if operation is None:
        unnamed = operation_name is None
        what = "several operations" if unnamed else f"no operation named {operation_name!r}"
        raise RequestError(
            "OPERATION_RESOLUTION_FAILURE",
            GraphQLError(f"The document has {what}; say which one to run with operationName."),
        )
    return Prepared(document, operation)


def _collect(
    selections: SelectionSetNode, fragments: dict[str, SelectionSetNode], names: set[str]
) -> None:
    """Add the names of fields at this level; each fragment is taken out, to be read once."""
    for selection in selections.selections:
        match selection:
            case FieldNode():
                names.add(selection.name.value)
            case InlineFragmentNode():
                _collect(selection.selection_set, fragments, names)
            case FragmentSpreadNode():
                if (spread := fragments.pop(selection.name.value, None)) is not None:
                    _collect(spread, fragments, names)
