"""Keysets: in what order rows come, and which of them lie beyond the values of a position."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Numeric,
    UnaryExpression,
    and_,
    bindparam,
    or_,
    tuple_,
)

from bursar.domain import money


def directed(
    sorts: Sequence[tuple[ColumnElement[Any], bool]], backward: bool
) -> list[UnaryExpression[Any]]:
    """What to order by, each column with whether it descends; the other way round if backward."""
    return [c.desc() if descends is not backward else c.asc() for c, descends in sorts]


def beyond(
    sorts: Sequence[tuple[ColumnElement[Any], bool]], name: str, *, forward: bool
) -> ColumnElement[bool]:
    """The rows on the far side of a position.

    One comparison of rows where all columns run the same way, which an index serves; else the
    expansion of it: the first column differs, or it is equal and the next differs, and so on.
    """
    values = [bindparam(f"{name}_{i}", type_=column.type) for i, (column, _) in enumerate(sorts)]
    columns = [column for column, _ in sorts]
    directions = {descends for _, descends in sorts}
    if len(directions) == 1:
        left, right = tuple_(*columns), tuple_(*values)
        return left < right if directions.pop() is forward else left > right
    return or_(
        *(
            and_(
                *(c == v for c, v in zip(columns[:i], values[:i], strict=True)),
                columns[i] < values[i] if descends is forward else columns[i] > values[i],
            )
            for i, (_, descends) in enumerate(sorts)
        )
    )


def value_of(column: ColumnElement[Any], text: str) -> Any:
    """A value of a sort column, read back from a cursor. Raises ValueError if it is none."""
    match column.type:
        case DateTime():
            return _aware(text)
        case Numeric():
            return money.parse(text)
        case _:
            return text


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone has no instant")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("an instant lies within the years 0001 to 9999 of UTC") from None
