"""Input values become what Strawberry makes of them, of every argument of the schema."""

from random import Random
from typing import Annotated, Any

import pytest
import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    is_required_input_field,
)
from strawberry import Maybe, Schema
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.types.arguments import convert_arguments
from strawberry.types.base import get_object_definition
from strawberry.types.field import StrawberryField

from bursar.graphql.execution.conversion import conversion_of
from bursar.graphql.schema import schema

SHOTS = 25


def drawn(chance: Random, type_: Any) -> Any:
    """A value as graphql-core coerces it; what is in a scalar is no matter to who converts."""
    if isinstance(type_, GraphQLNonNull):
        return there(chance, type_.of_type)
    return None if chance.random() < 0.2 else there(chance, type_)


def there(chance: Random, type_: Any) -> Any:
    match type_:
        case GraphQLList():
            return [drawn(chance, type_.of_type) for _ in range(chance.randrange(3))]
        case GraphQLInputObjectType():
            return {
                name: drawn(chance, field.type)
                for name, field in type_.fields.items()
                if is_required_input_field(field) or chance.random() < 0.5
            }
        case GraphQLEnumType():
            return chance.choice([value.value for value in type_.values.values()])
        case _:
            return chance.choice(["x", 1, True])


def by_strawberry(of: Schema, declared: StrawberryField, values: dict[str, Any]) -> Any:
    scalars = of.schema_converter.scalar_registry
    return convert_arguments(values, declared.arguments, scalars, of.config)


FIELDS = {
    f"{type_.name}.{name}": field
    for type_ in schema._schema.type_map.values()  # noqa: SLF001 (as in execution.request)
    for name, field in getattr(type_, "fields", {}).items()
    if getattr(field, "args", None) and "strawberry-definition" in field.extensions
}


def test_every_argument_of_the_schema() -> None:
    assert len(FIELDS) > 100
    chance = Random(0)  # noqa: S311 (to be repeated)
    for field in FIELDS.values():
        declared = field.extensions["strawberry-definition"]
        convert = conversion_of(schema, declared.arguments)
        for _ in range(SHOTS):
            values = {
                name: drawn(chance, argument.type)
                for name, argument in field.args.items()
                if chance.random() < 0.8
            }
            assert convert(values) == by_strawberry(schema, declared, values)


@strawberry.input
class Leaf:
    number: Maybe[int] = strawberry.field(description="Never null.")


@strawberry.input
class Own:
    size: int = 3


get_object_definition(Own, strict=True).from_input = lambda kind, value, _: kind(
    size=value["size"] + 1
)


def resolve(
    leaf: Leaf,  # noqa: ARG001 (as the next, for its type)
    lazy: Annotated["Leaf", strawberry.lazy(__name__)] | None = None,  # noqa: ARG001
    own: Own | None = None,  # noqa: ARG001
) -> int:
    return 0


@strawberry.type
class Query:
    field: int = strawberry.field(resolver=resolve)


def test_what_other_schemas_have() -> None:
    other = Schema(Query)
    declared = other._schema.query_type.fields["field"].extensions["strawberry-definition"]  # noqa: SLF001 (as above)
    convert = conversion_of(other, declared.arguments)
    for values in (
        {"leaf": {"number": 1}, "lazy": None, "own": {"size": 4}},
        {"leaf": {}, "lazy": {"number": 2}, "own": None},
    ):
        assert convert(values) == by_strawberry(other, declared, values)
    with pytest.raises(StrawberryInputCoercionError):
        convert({"leaf": {"number": None}})
