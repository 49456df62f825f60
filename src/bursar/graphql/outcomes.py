"""Outcomes: what of a payload is kept for an idempotency key, and the payload made of it again."""

import asyncio
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from strawberry.types import Info

from bursar.database.rows import Row
from bursar.graphql.context import Context
from bursar.graphql.queries.node import by_id

SECRETS = {"secret"}  # fields that are said once, and stored nowhere


def outcome_of(payload: Any) -> dict[str, Any]:
    """A payload as JSON: rows by their ids, other values as such, secrets as null."""
    names = (field.name for field in fields(payload) if field.name != "errors")
    return {name: None if name in SECRETS else _kept(getattr(payload, name)) for name in names}


async def payload_of(info: Info[Context, None], type_: type, outcome: Mapping[str, Any]) -> Any:
    """The payload again, of its rows as they are now; what is gone, or hidden by now, is left out."""
    values = await asyncio.gather(*(_found(info, value) for value in outcome.values()))
    return type_(**dict(zip(outcome, values, strict=True)))


def _kept(value: Any) -> Any:
    match value:
        case Row():
            return {"id": value.id}
        case list():
            return [_kept(item) for item in value]
        case None | bool() | int() | str():
            return value
        case _:
            raise TypeError(f"no way to keep a {type(value).__name__}")


async def _found(info: Info[Context, None], value: Any) -> Any:
    match value:
        case {"id": id}:
            return await by_id(info, id)
        case list():
            found = await asyncio.gather(*(_found(info, item) for item in value))
            return [item for item in found if item is not None]
        case _:
            return value
