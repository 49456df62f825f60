"""A SQLAlchemy Core statement, compiled once to the text and parameter order that asyncpg takes."""

from functools import cached_property
from typing import Any, cast

from sqlalchemy.dialects.postgresql.asyncpg import dialect as postgresql
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

_DIALECT = postgresql()  # type: ignore[no-untyped-call]  # SQLAlchemy does not type it
_GIVEN = object()


class Statement:
    """A statement built with Core; compiled at its first use, as many are never used by a process."""

    def __init__(self, element: ClauseElement) -> None:
        self._element = element

    @cached_property
    def _compiled(self) -> SQLCompiler:
        return cast(SQLCompiler, self._element.compile(dialect=_DIALECT))

    @cached_property
    def sql(self) -> str:
        return str(self._compiled)

    @cached_property
    def _parameters(self) -> tuple[tuple[str, Any], ...]:
        """Name and constant of each parameter in order; one that must be given has no constant."""
        compiled = self._compiled
        return tuple(
            (name, _GIVEN if compiled.binds[name].required else compiled.params[name])
            for name in compiled.positiontup or ()
        )

    @cached_property
    def names(self) -> frozenset[str]:
        """The parameters that the text speaks of."""
        return frozenset(name for name, _ in self._parameters)

    def arguments(self, values: dict[str, Any]) -> list[Any]:
        """The values in the order of the text.

        Raises KeyError for a parameter that has neither a value nor a constant.
        """
        return [
            values[name] if constant is _GIVEN or name in values else constant
            for name, constant in self._parameters
        ]
