"""Outcomes: what of a payload is kept for an idempotency key, and the payload made of it again."""

import asyncio
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any, cast

from strawberry.schema import BaseSchema
from strawberry.types.base import StrawberryObjectDefinition, has_object_definition

from bursar.database.rows import Row
from bursar.graphql.context import Context
from bursar.graphql.queries.node import by_id

SECRETS = {"secret"}  # fields that are said once, and stored nowhere


def outcome_of(payload: Any) -> dict[str, Any]:
    """A payload as JSON: rows by their ids, objects by their type and fields, secrets as null."""
    return _fields(payload, without="errors")


async def payload_of(
    schema: BaseSchema, context: Context, type_: type, outcome: Mapping[str, Any]
) -> Any:
    """The payload again, of its rows as they are now; what is gone, or hidden by now, is left out."""
    return await _made(schema, context, type_, outcome)


def _fields(object_: Any, *, without: str | None = None) -> dict[str, Any]:
    # What is resolved is no part of it.
    names = (field.name for field in fields(object_) if field.init and field.name != without)
    return {name: None if name in SECRETS else _kept(getattr(object_, name)) for name in names}


def _kept(value: Any) -> Any:
    match value:
        case Row():
            return {"id": value.id}
        case list():
            return [_kept(item) for item in value]
        case None | bool() | int() | str():
            return value
        case Decimal():
            return {"decimal": str(value)}
        case _ if has_object_definition(value):
            return {"type": value.__strawberry_definition__.name, "fields": _fields(value)}
        case _:
            raise TypeError(f"no way to keep a {type(value).__name__}")


async def _found(schema: BaseSchema, context: Context, value: Any) -> Any:
    match value:
        case {"id": id}:
            return await by_id(context, id)
        case {"decimal": text}:
            return Decimal(text)
        case {"type": name, "fields": kept}:
            definition = cast(StrawberryObjectDefinition, schema.get_type_by_name(name))
            return await _made(schema, context, definition.origin, kept)
        case list():
            found = await asyncio.gather(*(_found(schema, context, item) for item in value))
            return [item for item in found if item is not None]
        case _:
            return value


async def _made(schema: BaseSchema, context: Context, type_: type, kept: Mapping[str, Any]) -> Any:
    values = await asyncio.gather(*(_found(schema, context, value) for value in kept.values()))
    return type_(**dict(zip(kept, values, strict=True)))
