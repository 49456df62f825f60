"""The broadest document: of every root field all fields of its type, and of their edges, to a depth."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_leaf_type,
)

from bursar.graphql.schema import schema

TODAY = datetime.now(UTC).date()
RANGE = f'{{ from: "{TODAY - timedelta(days=1)}", to: "{TODAY}" }}'
NEEDED = {"activity": f"(range: {RANGE})"}
# All of it is asked of the root field alone.
NESTED = {
    "activity": f"{NEEDED['activity']} {{ totals {{ spend }} byModel {{ nodes {{ model }} }} }}"
}
SCHEMA: GraphQLSchema = build_schema(schema.as_str())


def everything(arguments: dict[str, str], edges: int = 2, variables: str = "") -> dict[str, str]:
    """A document for each root field; those that need arguments have them in `arguments`."""
    assert SCHEMA.query_type is not None
    arguments = {**NEEDED, **arguments}
    selections = {
        name: _selection(get_named_type(field.type), edges)
        for name, field in SCHEMA.query_type.fields.items()
    }
    return {
        name: f"query{variables} {{ {name}{arguments.get(name, '')} {selection} }}"
        for name, selection in selections.items()
    }


def _selection(type_: object, edges: int, prefix: str = "") -> str:
    """All leaves of a type and what is behind its edges. The limits of a budget are no edge."""
    if isinstance(type_, GraphQLInterfaceType):
        # Fields of two types under one name would have to be of one shape.
        kinds = SCHEMA.get_implementations(type_).objects
        return _block(f"... on {k.name} {_selection(k, edges, f'{k.name}_')}" for k in kinds)
    assert isinstance(type_, GraphQLObjectType)
    if "pageInfo" in type_.fields:
        node = _selection(get_named_type(type_.fields["nodes"].type), edges)
        return f"{{ totalCount pageInfo {{ startCursor endCursor }} nodes {node} }}"
    nearer = edges if type_.name == "BudgetUse" else edges - 1
    named = {name: get_named_type(field.type) for name, field in type_.fields.items()}
    return _block(
        f"{prefix}{name}: {name} "
        f"{NESTED.get(name) or ('' if is_leaf_type(of) else _selection(of, nearer))}"
        for name, of in named.items()
        if is_leaf_type(of) or nearer >= 0
    )


def _block(parts: Iterable[str]) -> str:
    return f"{{ {' '.join(parts)} }}"
