"""Rows as they leave PostgreSQL: immutable, with their columns as attributes."""

from typing import TYPE_CHECKING, Any

from asyncpg import Record

if TYPE_CHECKING:
    # A row stands for the GraphQL type that it is resolved as, so to the type checker it may be any.
    class Row(Record, Any):  # type: ignore[misc]  # Any as a base is the point
        ...
else:

    class Row(Record):
        """A record whose columns are attributes too, so that default resolvers can read it."""

        __slots__ = ()

        def __getattr__(self, name: str) -> Any:
            try:
                return self[name]
            except KeyError:
                raise AttributeError(name) from None
