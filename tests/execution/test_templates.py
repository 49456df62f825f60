"""Arguments made of a template are those that graphql-core and Strawberry make of each request."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import strawberry
from graphql.execution import get_argument_values
from strawberry import Maybe, Schema
from strawberry.scalars import JSON
from strawberry.types.base import get_object_definition

from bursar.graphql.execution.arguments import arguments_of
from bursar.graphql.execution.conversion import conversion_of
from bursar.graphql.execution.documents import prepare
from bursar.graphql.execution.request import Request
from bursar.graphql.execution.sources import declared_of
from bursar.graphql.execution.variables import PlainValues, variables_of


@strawberry.input
class Leaf:
    id: Maybe[strawberry.ID | None] = strawberry.field(description="Maybe.")
    sizes: list[int] = strawberry.field(default_factory=lambda: [1])
    data: JSON | None = None


@strawberry.input
class Own:
    size: int = 3


get_object_definition(Own, strict=True).from_input = lambda kind, value, _: kind(
    size=value["size"] + 1
)


def resolve(
    id: strawberry.ID,  # noqa: ARG001 (as the next, for its type)
    flag: bool = False,  # noqa: ARG001
    leaves: list[Leaf] | None = None,  # noqa: ARG001
    own: Own | None = None,  # noqa: ARG001
) -> int:
    return 0


@strawberry.type
class Query:
    field: int = strawberry.field(resolver=resolve)


SCHEMA = Schema(Query)
CORE = SCHEMA._schema  # noqa: SLF001 (as in execution.request)
USED = "used: field(id: $i, flag: $f, own: {size: $n})"


@pytest.mark.parametrize(
    "given",
    [
        "id: $i",
        'id: "x"',
        "id: $i, flag: $f",
        "id: $i, leaves: []",
        "id: $i, leaves: {id: $i}",
        'id: "x", leaves: [{id: null}, {id: $i, sizes: [2, $n, $n]}, {}, {data: {a: [1]}}]',
        'id: "x", leaves: [{data: {a: $n}}, {id: $i}]',
        "id: $i, own: {size: $n}",
    ],
)
def test_a_template(given: str) -> None:
    field = CORE.query_type.fields["field"]
    declared = declared_of(field)
    text = f"query ($i: ID!, $n: Int = 3, $f: Boolean) {{ field({given}) {USED} }}"
    prepared = prepare(CORE, text, None)
    node: Any = prepared.operation.selection_set.selections[0]
    read = arguments_of(SCHEMA, declared, field, node)
    convert = conversion_of(SCHEMA, declared.arguments)
    plain = [{"i": "1", "n": 4, "f": True}, {"i": "2", "n": 5, "f": False}]
    for variables in [*plain, {"i": "3", "n": 6}, {"i": "3", "f": True}, plain[0]]:
        values = variables_of(CORE, prepared, variables)
        assert isinstance(values, PlainValues) == (variables in plain)
        request = cast("Request", SimpleNamespace(variables=values))
        assert read(request) == convert(get_argument_values(field, node, values))
