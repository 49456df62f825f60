"""The cost of an operation: how many objects it may answer with, known before it is validated.

An object costs 1, a connection as many times what is asked of each node as `first` or `last` says;
`edges` and `pageInfo` cost nothing, and neither does a scalar. Where a size is a variable the cost
is a formula over the variables, so that it is found once for a document. Fragments are measured once
each, those that others spread first, so that the work grows with the document's length alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    is_introspection_type,
)

DEFAULT_SIZE = 50
_LONGEST_SIZE = 11
"""Characters of the longest Int; a literal of thousands, which validation refuses, is no number yet."""
INTROSPECTION = 2_000
"""About what the schema's own description holds; how deep it is asked for validation bounds.

What is asked of it under another name comes once more.
"""

Size = int | str
"""How many nodes a page has, or which variable says it."""

_SIZES = {"first", "last"}
_FREE = {"edges", "pageInfo"}
_DESCRIPTIONS = {"__schema": "__Schema", "__type": "__Type"}


@dataclass(slots=True, eq=False)
class Formula:
    """A number of objects: its own, and those of other formulas, each as often as its size says."""

    objects: int = 0
    terms: list[tuple[Size, "Formula"]] = field(default_factory=list)

    def add(self, other: "Formula", size: Size = 1) -> None:
        """Count what is in another too, by now where no variable has a say in it."""
        if other.terms or isinstance(size, str):
            self.terms.append((size, other))
        else:
            self.objects += max(size, 0) * other.objects

    def with_values(self, values: Mapping[str, Any], known: dict[int, int]) -> int:
        """The number for these values of variables; `known` has those of the formulas met before."""
        found = known.get(id(self))
        if found is None:
            found = self.objects
            for size, formula in self.terms:
                found += _number(size, values) * formula.with_values(values, known)
            known[id(self)] = found
        return found


@dataclass(slots=True)
class Measure:
    """What a selection comes to: levels of fields, fields of the first level and of all, objects.

    The fields of a fragment count wherever it is spread, as they do for who plans the operation.
    """

    depth: int = 0
    fields: int = 0
    selections: int = 0
    cost: Formula = field(default_factory=Formula)


@dataclass(slots=True)
class OperationMeasure:
    """What an operation comes to, and what its variables are where they are not given."""

    measure: Measure
    defaults: Mapping[str, int]

    def cost(self, variables: Mapping[str, Any]) -> int:
        """How many objects it may answer with; for one whose depth is bounded."""
        return self.measure.cost.with_values({**self.defaults, **variables}, {})


def measures(
    schema: GraphQLSchema, document: DocumentNode
) -> Iterator[tuple[OperationDefinitionNode, OperationMeasure]]:
    """Each operation of a document, which need not be valid, with what it comes to."""
    fragments: dict[str, Measure] = {}
    for fragment in _spread_first(document):
        type_ = schema.get_type(fragment.type_condition.name.value)
        fragments[fragment.name.value] = _measure(schema, fragments, fragment.selection_set, type_)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            root = schema.get_root_type(node.operation)
            measure = _measure(schema, fragments, node.selection_set, root)
            yield node, OperationMeasure(measure, _defaults(node))


def _measure(
    schema: GraphQLSchema,
    fragments: Mapping[str, Measure],
    selected: SelectionSetNode,
    parent: GraphQLNamedType | None,
) -> Measure:
    """What a selection on a type comes to; what does not exist is not run, and costs nothing."""
    measure = Measure()
    for node in selected.selections:
        match node:
            case FieldNode():
                measure.fields += 1
                _add_field(schema, fragments, measure, node, parent)
            case InlineFragmentNode():
                of = node.type_condition
                type_ = schema.get_type(of.name.value) if of else parent
                inline = _measure(schema, fragments, node.selection_set, type_)
                _merge(measure, inline)
                measure.cost.objects += inline.cost.objects
                measure.cost.terms += inline.cost.terms
            case FragmentSpreadNode() if spread := fragments.get(node.name.value):
                _merge(measure, spread)
                measure.cost.add(spread.cost)
    return measure


def _merge(measure: Measure, below: Measure) -> None:
    measure.fields += below.fields
    measure.selections += below.selections
    measure.depth = max(measure.depth, below.depth)


def _add_field(
    schema: GraphQLSchema,
    fragments: Mapping[str, Measure],
    measure: Measure,
    node: FieldNode,
    parent: GraphQLNamedType | None,
) -> None:
    measure.depth = max(measure.depth, 1)
    measure.selections += 1
    name = node.name.value
    if name in _DESCRIPTIONS:
        measure.cost.objects += INTROSPECTION
    type_ = _type_below(schema, parent, name)
    if node.selection_set is None or type_ is None:
        return
    below = _measure(schema, fragments, node.selection_set, type_)
    if is_introspection_type(type_):
        measure.cost.add(below.cost)
        if node.alias and parent is not None and is_introspection_type(parent):
            measure.cost.objects += INTROSPECTION
        return
    measure.depth = max(measure.depth, 1 + below.depth)
    measure.selections += below.selections
    size: Size = 1
    if _is_connection(type_):
        size = _size_of(node)
    elif is_composite_type(type_) and not (name in _FREE and _is_connection(parent)):
        measure.cost.objects += 1
    measure.cost.add(below.cost, size)


def _type_below(
    schema: GraphQLSchema, parent: GraphQLNamedType | None, name: str
) -> GraphQLNamedType | None:
    if name in _DESCRIPTIONS:
        return schema.get_type(_DESCRIPTIONS[name])
    definition = getattr(parent, "fields", {}).get(name)
    return definition and get_named_type(definition.type)


def _is_connection(type_: GraphQLNamedType | None) -> bool:
    return "pageInfo" in getattr(type_, "fields", {})


def _size_of(node: FieldNode) -> Size:
    for argument in node.arguments or ():
        if argument.name.value in _SIZES:
            match argument.value:
                case VariableNode(name=name):
                    return name.value
                case IntValueNode(value=value) if len(value) <= _LONGEST_SIZE:
                    return int(value)
    return DEFAULT_SIZE


def _number(size: Size, values: Mapping[str, Any]) -> int:
    value = values.get(size) if isinstance(size, str) else size
    return max(value, 0) if isinstance(value, int) else DEFAULT_SIZE


def _defaults(operation: OperationDefinitionNode) -> dict[str, int]:
    defaults = {
        each.variable.name.value: each.default_value.value
        for each in operation.variable_definitions or ()
        if isinstance(each.default_value, IntValueNode)
    }
    return {name: int(text) for name, text in defaults.items() if len(text) <= _LONGEST_SIZE}


def _spread_first(document: DocumentNode) -> Iterator[FragmentDefinitionNode]:
    """The fragments, each after those that it spreads; a circle, refused later, breaks somewhere."""
    left = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    while left:
        path = [left.pop(next(iter(left)))]
        pending = [_spreads(path[0])]
        while path:
            name = next((each for each in pending[-1] if each in left), None)
            if name is None:
                pending.pop()
                yield path.pop()
            else:
                path.append(left.pop(name))
                pending.append(_spreads(path[-1]))


def _spreads(node: FragmentDefinitionNode) -> Iterator[str]:
    selections = [node.selection_set]
    while selections:
        for child in selections.pop().selections:
            match child:
                case FragmentSpreadNode():
                    yield child.name.value
                case FieldNode(selection_set=SelectionSetNode() as below):
                    selections.append(below)
                case InlineFragmentNode():
                    selections.append(child.selection_set)
