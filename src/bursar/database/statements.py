"""A SQLAlchemy Core statement, compiled once to the text and parameter order that asyncpg takes."""

from functools import cached_property
from typing import Any, cast

from sqlalchemy.dialects.postgresql.asyncpg import dialect as postgresql
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

_DIALECT = postgresql()  # type: ignore[no-untyped-call]  # SQLAlchemy does not type it
_GIVEN = object()


class Statement:
    """A statement built with Core; compiled at its first use, as many are never used by a process.

    What it was built from is let go then: it takes several times the memory of the text, and thousands
    are kept.
    """

    def __init__(self, element: ClauseElement) -> None:
        self._element = element

    @cached_property
    def _compiled(self) -> tuple[str, tuple[tuple[str, Any], ...]]:
        """The text; name and constant of each parameter in order, none for one that must be given."""
        compiled = cast(SQLCompiler, self._element.compile(dialect=_DIALECT))
        del self._element
        return str(compiled), tuple(
            (name, _GIVEN if compiled.binds[name].required else compiled.params[name])
            for name in compiled.positiontup or ()
        )

    @cached_property
    def sql(self) -> str:
        return self._compiled[0]

    @cached_property
    def _parameters(self) -> tuple[tuple[str, Any], ...]:
        return self._compiled[1]

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
