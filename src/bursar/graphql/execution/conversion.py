"""Input values converted as Strawberry does it, but worked out once a type, not with each value."""

from collections.abc import Callable
from dataclasses import MISSING
from functools import cache
from typing import Any

from strawberry import UNSET, Schema, Some
from strawberry.types.arguments import StrawberryArgument, convert_argument
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryOptional,
    get_object_definition,
)
from strawberry.types.lazy_type import LazyType

Convert = Callable[[Any], Any]


def conversion_of(
    schema: Schema, arguments: list[StrawberryArgument]
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What makes a resolver's arguments of the values that graphql-core has coerced."""
    name_of = schema.config.name_converter.from_argument
    known = [(name_of(each), each.python_name, _of(schema, each.type)) for each in arguments]

    def convert(values: dict[str, Any]) -> dict[str, Any]:
        return {
            python_name: make(values[name]) for name, python_name, make in known if name in values
        }

    return convert


def _of(schema: Schema, type_: Any) -> Convert:
    make: Convert = _itself  # of a scalar or an enum, which graphql-core has made
    match type_:
        case StrawberryMaybe() if not isinstance(type_.of_type, StrawberryOptional):
            make = _by_strawberry(schema, type_)  # which refuses null
        case StrawberryMaybe():
            make = _some(_of(schema, type_.of_type))
        case StrawberryOptional():
            make = _of(schema, type_.of_type)
        case StrawberryList():
            make = _list(_of(schema, type_.of_type))
        case LazyType():
            make = _of(schema, type_.resolve_type())
        case _ if get_object_definition(type_) is not None:
            make = _object(schema, type_)
    return make


def _itself(value: Any) -> Any:
    return value


def _some(make: Convert) -> Convert:
    return lambda value: Some(make(value))


def _list(make: Convert) -> Convert:
    return lambda values: None if values is None else list(map(make, values))


@cache
def _object(schema: Schema, type_: type) -> Convert:
    definition = get_object_definition(type_, strict=True)
    if definition.from_input is not None:
        return _by_strawberry(schema, type_)
    name_of = schema.config.name_converter.from_field
    known = [
        (
            name_of(field),
            field.python_name,
            _of(schema, field.resolve_type(type_definition=definition)),
        )
        for field in definition.fields
    ]
    absent = {
        field.python_name: None
        for field in definition.fields
        if field.default_value is MISSING and field.default_factory is MISSING
    }

    def make(values: Any) -> Any:
        if values is None or values is UNSET:
            return values
        given = {name: of(values[key]) for key, name, of in known if key in values}
        return type_(**{**absent, **given})

    return make


def _by_strawberry(schema: Schema, type_: Any) -> Convert:
    scalars = schema.schema_converter.scalar_registry
    return lambda value: convert_argument(value, type_, scalars, schema.config)
