"""Activity: what the calls of slices (slices.py) add up to, in a range of days and on each of them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Subquery, func, select, true

from bursar.access.actor import Sight
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.loaders.filters import Filters
from bursar.loaders.pages import PARENTS_TABLE, Asked, Filtered, Order, Page, PageRequest, Position
from bursar.loaders.reader import Reader
from bursar.loaders.slices import SUMS, Shape, asked_of, calls_in, shapes_of, values_of, written

MOST_DAYS = 366


async def totals(reader: Reader, slices: Sequence[str], filters: Filtered, /) -> dict[str, Row]:
    """What the calls of slices of the whole range add up to; nothing at all is 0."""
    rows = await _all(reader, slices, filters, _totals_statement)
    return {row["slice"]: row for row in rows}


class Days:
    """The days of the range, oldest first, each with what the calls of a slice add up to on it.

    They are turned over like a list, of which every page is a range of days itself.
    """

    name = "usage_days.day"
    orders: ClassVar[Mapping[str, ColumnElement[Any]]] = {}
    filters: ClassVar[Filters] = {}

    async def pages(
        self, reader: Reader, slices: Sequence[str], request: PageRequest, /
    ) -> dict[str, Page]:
        """A page of days of each slice; one without calls has 0."""
        asked = _between(request)
        shown = (
            asked[max(len(asked) - request.size, 0) :]
            if request.backward
            else asked[: request.size]
        )
        found: dict[str, list[Row]] = {slice_: [] for slice_ in slices}
        if shown:
            ends = {"from": date.fromordinal(shown[0]), "to": date.fromordinal(shown[-1])}
            filters = tuple({**dict(request.filters), **ends}.items())
            for row in await _all(reader, slices, filters, _days_statement):
                found[row["slice"]].append(row)
        more = len(shown) < len(asked)
        if request.backward:
            beside = {"has_next": request.before is not None, "has_previous": more}
        else:
            beside = {"has_next": more, "has_previous": request.after is not None}
        return {slice_: Page(rows, **beside) for slice_, rows in found.items()}

    async def counts(
        self, _: Reader, slices: Sequence[str], filters: Filtered, /
    ) -> dict[str, int]:
        """How many days the range has."""
        asked = dict(filters)
        return dict.fromkeys(slices, (asked["to"] - asked["from"]).days + 1)

    def order_of(self, _: PageRequest) -> Order:
        return (("day", False),)

    def position_of(self, _: PageRequest, values: Sequence[Any]) -> Position:
        """Read a day back from JSON. Raises ValueError or TypeError if it is none."""
        (text,) = values
        return (date.fromisoformat(text),)


days = Days()


def _between(request: PageRequest) -> range:
    """The days of the range that are between the positions, by their numbers in the calendar."""
    asked = dict(request.filters)
    first, beyond = asked["from"].toordinal(), asked["to"].toordinal() + 1
    if request.after is not None:
        first = max(first, request.after[0].toordinal() + 1)
    if request.before is not None:
        beyond = min(beyond, request.before[0].toordinal())
    return range(first, beyond)


async def _all(
    reader: Reader,
    slices: Sequence[str],
    filters: Filtered,
    statement: Callable[[Sight, Shape, tuple[Asked, ...]], Statement],
) -> list[Row]:
    rows = []
    for shape, alike in shapes_of(slices).items():
        text = statement(reader.actor.sight, shape, asked_of(filters))
        rows += await reader.all(text, parents=alike, **values_of(alike, filters))
    return rows


@lru_cache(maxsize=512)
def _totals_statement(sight: Sight, shape: Shape, asked: tuple[Asked, ...]) -> Statement:
    summed, shown = _summed(sight, shape, asked)
    found = PARENTS_TABLE.outerjoin(summed, summed.c.slice == PARENTS_TABLE.c.id)
    return Statement(select(PARENTS_TABLE.c.id.label("slice"), *shown).select_from(found))


@lru_cache(maxsize=512)
def _days_statement(sight: Sight, shape: Shape, asked: tuple[Asked, ...]) -> Statement:
    summed, shown = _summed(sight, shape._replace(by_day=True), asked)
    first, last = (dict(asked)[name] for name in ("from", "to"))
    numbers = func.generate_series(0, (last - first).days)
    dates = select((written(first) + numbers).label("day")).subquery("dates")
    slice_ = PARENTS_TABLE.c.id + " " + func.to_char(dates.c.day, "YYYY-MM-DD")
    found = PARENTS_TABLE.join(dates, true()).outerjoin(summed, summed.c.slice == slice_)
    return Statement(
        select(PARENTS_TABLE.c.id.label("slice"), dates.c.day, *shown)
        .select_from(found)
        .order_by(dates.c.day)
    )


def _summed(
    sight: Sight, shape: Shape, asked: tuple[Asked, ...]
) -> tuple[Subquery, list[ColumnElement[Any]]]:
    """The sums of each slice that has calls, and what to show where a slice may have none."""
    sums = [value.label(name) for name, value in SUMS.items()]
    query = calls_in(select(shape.key.label("slice"), *sums), sight, shape, asked)
    summed = query.group_by(*shape.columns).subquery("summed")
    return summed, [func.coalesce(summed.c[name], 0).label(name) for name in SUMS]
