"""How lists are sorted: an input of a field and a direction for each kind of thing."""

from dataclasses import fields
from enum import Enum
from typing import Any, NamedTuple, cast

import strawberry
from strawberry.tools import create_type
from strawberry.types.enum import StrawberryEnumDefinition

from bursar.graphql.enums import OrderDirection, describe

BY_NAME = (
    "How to sort: by the first, and where that is equal by the next; by name if none is given."
)
OLDEST_FIRST = "How to sort; oldest first if nothing is given."
NEWEST_FIRST = "How to sort; newest first if nothing is given."


class Sort(NamedTuple):
    """One of the orders of a listing, by its name there, and what the API says of it."""

    order: str
    description: str


NAME = Sort("name_key", "The name, without regard to case.")
CREATED_AT = Sort("created_at", "The time of creation.")


def order_input(kind: str, things: str, /, **sorts: Sort) -> type:
    """An input type named after the kind, whose `field` is one of the sorts; plural for sentences."""
    make: Any = Enum  # mypy knows enums with literal members only
    field = describe(
        make(f"{kind}OrderField", {name: sort.order for name, sort in sorts.items()}),
        f"What {things} can be sorted by.",
        **{name: sort.description for name, sort in sorts.items()},
    )
    fields = [
        strawberry.field(name="field", graphql_type=field, description="What to sort by."),
        strawberry.field(
            name="direction",
            graphql_type=OrderDirection,
            default=OrderDirection.ASC,
            description="Which way.",
        ),
    ]
    return create_type(f"{kind}Order", fields, is_input=True, description=f"How to sort {things}.")


def orders_of(order: type) -> set[str]:
    """The names in a listing of what such an input sorts by."""
    (field,) = (each for each in fields(order) if each.name == "field")
    sorts: Any = cast(StrawberryEnumDefinition, field.type).wrapped_cls
    return {sort.value for sort in sorts}
