"""Limits of documents: how much one may ask for, refused before it is validated or run.

Each is counted in one pass over the document, whose length is bounded before it is parsed, and a
fragment once however often it is spread.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    IntValueNode,
    Node,
    OperationDefinitionNode,
    OperationType,
)

from bursar.graphql.execution.cost import OperationMeasure

CODE = "LIMIT_EXCEEDED"
DIGITS = 1_000
"""Of a whole number in a document, its sign included: Python reads no more than 4,300."""


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """The most of each that a document, the variables beside it, or who sends many, may have."""

    document_characters: int = 15_000
    document_tokens: int = 2_000
    depth: int = 15
    aliases: int = 30
    root_fields: int = 20
    root_mutations: int = 10
    fragments: int = 50
    directives: int = 50
    operations: int = 10
    selections: int = 2_000
    comparisons: int = 10_000
    errors: int = 50
    cost: int = 5_000
    variables_depth: int = 16
    list_items: int = 1_000
    values: int = 10_000
    gateway_values: int = 40_000
    cost_per_minute: int = 60_000_000
    cost_at_once: int = 60_000_000
    failed_sign_ins: int = 600

    def most_values(self, *, is_gateway: bool) -> int:
        """The most values in all variables."""
        return self.gateway_values if is_gateway else self.values


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """How long a request may take, and how many of a worker may be under way."""

    seconds: int
    under_way: int


def problem_with_text(text: str, limits: DocumentLimits) -> GraphQLError | None:
    """Say that a document is too long to be parsed; its tokens the parser counts."""
    if len(text) <= limits.document_characters:
        return None
    return _exceeded("characters", len(text), limits.document_characters)


def problems_with_document(
    document: DocumentNode,
    measured: Iterable[tuple[OperationDefinitionNode, OperationMeasure]],
    limits: DocumentLimits,
) -> Iterator[GraphQLError]:
    """Each limit that a parsed document exceeds, whichever of its operations is to run."""
    counted = _counted(document)
    if counted["digits"] > DIGITS:
        yield _exceeded("digits in a number", counted["digits"], DIGITS)
    for name in ("aliases", "fragments", "directives", "operations"):
        if counted[name] > getattr(limits, name):
            yield _exceeded(name, counted[name], getattr(limits, name))
    for operation, found in measured:
        depth, fields = found.measure.depth, found.measure.fields
        selections = found.measure.selections
        if selections > limits.selections:
            yield _exceeded("fields, fragments spread", selections, limits.selections, operation)
        if depth > limits.depth:
            yield _exceeded("levels of fields", depth, limits.depth, operation)
        mutates = operation.operation is OperationType.MUTATION
        most = limits.root_mutations if mutates else limits.root_fields
        if fields > most:
            yield _exceeded("root mutations" if mutates else "root fields", fields, most, operation)


def too_much_to_compare(limits: DocumentLimits) -> GraphQLError:
    """Say that fields with the same name in the answer are too many to be compared."""
    return GraphQLError(
        "The request selects the same fields too often: more than "
        f"{limits.comparisons:,} comparisons would tell whether they agree.",
        extensions={"code": CODE, "limit": limits.comparisons},
    )


def problem_with_cost(cost: int, limits: DocumentLimits) -> GraphQLError | None:
    """Say that an operation may answer with too many objects."""
    if cost <= limits.cost:
        return None
    error = _exceeded("objects to answer with", cost, limits.cost)
    error.message += " Say `first` where lists are nested: a page has 50 without it."
    return error


def problem_with_variables(
    variables: Any, limits: DocumentLimits, most_values: int
) -> GraphQLError | None:
    """Say that variables nest too deep, or that they, or a list or an object in them, are too many."""
    level, values = [variables], 0
    for _ in range(limits.variables_depth + 1):
        below: list[Any] = []
        for value in level:
            if not isinstance(value, (dict, list)):
                continue
            if len(value) > limits.list_items:
                return _exceeded("items in a list or object", len(value), limits.list_items)
            below += value.values() if isinstance(value, dict) else value
            if values + len(below) > most_values:
                return _exceeded(
                    "values or more in its variables", values + len(below), most_values
                )
        if not below:
            return None
        level = below
        values += len(below)
    return GraphQLError(
        f"The variables nest deeper than {limits.variables_depth} levels, which is the most.",
        extensions={"code": CODE, "limit": limits.variables_depth},
    )


def problem_with_json(written: int, limits: DocumentLimits) -> GraphQLError | None:
    """Say that variables write too much into literals of JSON, whoever sends them.

    Half of what variables may hold, as a value takes twice as long there.
    """
    most = (limits.values + 1) // 2
    return _exceeded("values of variables inside JSON", written, most) if written > most else None


def _counted(document: DocumentNode) -> Counter[str]:
    counted: Counter[str] = Counter()
    pending: list[Node] = [document]
    while pending:
        node = pending.pop()
        match node:
            case FieldNode() if node.alias:
                counted["aliases"] += 1
            case FragmentDefinitionNode():
                counted["fragments"] += 1
            case DirectiveNode():
                counted["directives"] += 1
            case OperationDefinitionNode():
                counted["operations"] += 1
            case IntValueNode(value=value):
                counted["digits"] = max(counted["digits"], len(value))
        for key in node.keys:
            child = getattr(node, key)
            if isinstance(child, Node):
                pending.append(child)
            elif isinstance(child, tuple):
                pending += child
    return counted


def _exceeded(
    what: str, found: int, most: int, operation: OperationDefinitionNode | None = None
) -> GraphQLError:
    return GraphQLError(
        f"The request has {found:,} {what}; the most is {most:,}.",
        operation and operation.name,
        extensions={"code": CODE, "limit": most},
    )
