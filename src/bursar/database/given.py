"""Rows and lists that a statement is given: one text for each, which is quicker to send than an array.

No value has a control character in it, so that one separates the values and another stands for null;
nor is any value empty.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.types import TypeEngine

_SEPARATOR, _NULL = "\x1f", "\x1e"
_SUPPOSED = 10
Value = TypeVar("Value")


def given(name: str, columns: Mapping[str, TypeEngine[Any]]) -> FromClause:
    """The rows whose columns `as_texts` makes; each is read as its type by PostgreSQL."""
    texts = (bindparam(f"{name}_{column}", type_=Text) for column in columns)
    arrays = (func.string_to_array(text, _SEPARATOR, _NULL, type_=ARRAY(Text)) for text in texts)
    rows = func.unnest(*arrays).table_valued(*columns).render_derived(name=f"{name}_texts")
    read: list[ColumnElement[Any]] = [
        rows.c[column] if isinstance(type_, Text) else cast(rows.c[column], type_)
        for column, type_ in columns.items()
    ]
    return select(*(one.label(column) for one, column in zip(read, columns, strict=True))).subquery(
        name
    )


def as_texts(
    name: str, columns: Iterable[str], values: Iterable[Sequence[str | None]]
) -> dict[str, str]:
    """The parameters of rows that are given under a name: of each column all values, as text."""
    return {
        f"{name}_{column}": _SEPARATOR.join([_NULL if value is None else value for value in each])
        for column, each in zip(columns, values, strict=True)
    }


def given_texts(name: str) -> ColumnElement[Any]:
    """The array of texts that `as_text` makes; given as one, a thousand take a tenth of the time.

    The texts are taken apart by a query, which PostgreSQL runs once; else it would be for each row of a
    table that it reads whole. What that gives it takes for ten values, and so keeps the plan.
    """
    given = func.string_to_array(
        bindparam(name, type_=Text), literal_column(f"E'\\x{ord(_SEPARATOR):x}'"), type_=ARRAY(Text)
    )
    return cast(select(given).scalar_subquery(), ARRAY(Text))


def as_text(values: Sequence[str]) -> str:
    """The values for `= ANY` of `given_texts`."""
    return _SEPARATOR.join(values)


def repeated(values: Sequence[Value]) -> Sequence[Value]:
    """The values, a few of them several times, which are the same to `= ANY`.

    Of an array that it does not know PostgreSQL supposes ten values. Where it is given as many, the
    plan that it would keep looks no dearer than one for these values, and is kept; for fewer it
    plans each time, which takes longer than to look up one row.
    """
    if not 0 < len(values) < _SUPPOSED:
        return values
    return [*values, *[values[0]] * (_SUPPOSED - len(values))]
