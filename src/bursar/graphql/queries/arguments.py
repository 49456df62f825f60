"""The arguments that several root fields take, and the keys that they are."""

from collections.abc import Callable
from typing import Annotated

import strawberry

from bursar.domain.ids import Prefix, is_id
from bursar.domain.names import is_storable, key_of

Id = Annotated[strawberry.ID, strawberry.argument(description="The id.")]
Ids = Annotated[list[strawberry.ID], strawberry.argument(description="The ids, at most 1,000.")]
ExternalId = Annotated[
    str, strawberry.argument(description="The caller's own name, exactly as it was given.")
]
Name = Annotated[str, strawberry.argument(description="The name, in upper or lower case.")]


def id_of(prefix: Prefix) -> Callable[[str], str | None]:
    """The argument where it is an id of this kind, and else nothing."""
    return lambda text: text if is_id(text, prefix) else None


def storable(text: str) -> str | None:
    """The argument where anything can have it, a text of a person's choosing."""
    return text if is_storable(text) else None


def name_key(name: str) -> str | None:
    """What names are compared by, of one that anything can have."""
    return storable(key_of(name))
