"""Rows with only the columns that are wanted of them, some as the text that an answer has."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from time import monotonic
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    Float,
    Integer,
    Numeric,
    Text,
    cast,
    func,
    literal_column,
)

MOST_FORMS = 32  # of one source
KEEPS_PLACE_SECONDS = 60.0

Wanted = frozenset[str]  # names of columns, and of their texts; and PLACE
PLACE = "place in the list"  # the columns that a list is sorted by, which cursors are made of
Columns = Iterable[ColumnElement[Any]]


class Known(NamedTuple):
    """What is known of a column: the kind is that of its values in Python, None if not sure."""

    has_text: bool
    kind: type | None
    is_required: bool


@runtime_checkable
class Narrowable(Protocol):
    """A source of rows that can be had with few of their columns."""

    def columns_of_rows(self) -> Mapping[str, Known]:
        """All columns by name; one that has a text is had as that too, under the name of `as_text`."""

    def only(self, wanted: Wanted) -> Any:
        """The same source, whose rows have at least what of this there is."""


def whole_of(batch: Any) -> Any:
    """The batch function of whole rows that a narrowed one stands for; else the same."""
    source = getattr(batch, "__self__", batch)
    whole = getattr(source, "whole", None)
    if whole is None:
        return batch
    return whole if source is batch else getattr(whole, batch.__name__)


def as_text(name: str) -> str:
    """The name under which a column is had as text: the one canonical text that the API writes."""
    return f"{name} as text"


def narrowed(columns: Columns, wanted: Wanted) -> list[ColumnElement[Any]]:
    """Of the columns those that are wanted, as they are or as text."""
    chosen = []
    for column in columns:
        name = str(column.key)
        if name in wanted:
            chosen.append(column)
        if as_text(name) in wanted and (text := _text_of(column)) is not None:
            chosen.append(text.label(as_text(name)))
    return chosen


def underlying(columns: Columns, wanted: Wanted) -> list[ColumnElement[Any]]:
    """Of the columns those that are wanted in whatever way, as they are."""
    return [each for each in columns if {str(each.key), as_text(str(each.key))} & wanted]


def _text_of(column: ColumnElement[Any]) -> ColumnElement[str] | None:
    """What writes a column's values as the API does; None where it is not known to be the same.

    PostgreSQL does it at a small part of what it takes to make objects of them and write those. The
    session's zone is UTC, and JSON has one form of a time, whatever the session's style of dates.
    """
    match column.type:
        case DateTime(timezone=True):
            text = func.to_jsonb(column).op("#>>")(literal_column("'{}'"))
            return func.replace(text, literal_column("'+00:00'"), literal_column("'Z'"), type_=Text)
        case Numeric() if not isinstance(column.type, Float):
            return cast(func.trim_scale(column), Text)
        case Integer():
            return cast(column, Text)
        case _:
            return None


_KINDS: Mapping[Any, type] = {Text: str, Boolean: bool, Integer: int}


def _known(column: ColumnElement[Any]) -> Known:
    """A table's own column is as the table has it; of what is made of several only the type is sure."""
    is_required = isinstance(column, Column) and not column.nullable
    return Known(_text_of(column) is not None, _KINDS.get(type(column.type)), is_required)


Form = TypeVar("Form")


class Forms(Generic[Form]):
    """The forms that a source is had in, by what is wanted of its rows.

    Each form has statements of its own, and a client can ask for more selections than any memory of
    statements holds: so there are no more than MOST_FORMS of a source, and who finds no room gets the
    widest, which has everything. A form that was asked for within a minute keeps its place.
    """

    def __init__(self, columns: Callable[[], Columns], make: Callable[[Wanted], Form]) -> None:
        self._columns = columns
        self._make = make
        self._kept: OrderedDict[Wanted, tuple[Form, float]] = OrderedDict()

    @cached_property
    def columns(self) -> Mapping[str, Known]:
        """All columns by name."""
        return {str(each.key): _known(each) for each in self._columns()}

    @cached_property
    def _all(self) -> Wanted:
        return frozenset(
            (
                PLACE,
                *self.columns,
                *(as_text(name) for name, known in self.columns.items() if known.has_text),
            )
        )

    @cached_property
    def _widest(self) -> Form:
        return self._make(self._all)

    def only(self, wanted: Wanted) -> Form:
        """A form with at least this, as far as there is such."""
        wanted &= self._all
        now = monotonic()
        form, _ = self._kept.pop(wanted, (None, now))
        if form is None:
            if len(self._kept) >= MOST_FORMS:
                oldest, (_, asked) = next(iter(self._kept.items()))
                if now - asked < KEEPS_PLACE_SECONDS:
                    return self._widest
                del self._kept[oldest]
            form = self._make(wanted)
        self._kept[wanted] = form, now
        return form
