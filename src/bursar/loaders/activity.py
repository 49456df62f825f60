"""Activity: what calls add up to, over a range of days and on each of them.

It is asked about *slices*: all calls or a team's, in the whole range or on one day of it. Those of
teams, and those of days, are looked up together, so that a level takes one statement. All that is
said of a slice is the sum of the same rows, whatever the page.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    Select,
    String,
    Subquery,
    Text,
    all_,
    any_,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)

from bursar.access.actor import Sight
from bursar.access.visible_usage import visible_usage_days
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import usage_days
from bursar.database.tables.usage import TOKENS
from bursar.loaders.filters import Filter, Filters, among, overlapping, parameter
from bursar.loaders.pages import (
    PARENTS_TABLE,
    ROOT,
    Asked,
    Filtered,
    Order,
    Page,
    PageRequest,
    Position,
)
from bursar.loaders.reader import Reader

MOST_DAYS = 366

_days = usage_days.c


_summed_up = {name: func.sum(_days[name]) for name in (*TOKENS, "requests", "successes")}
SUMS: dict[str, ColumnElement[Any]] = {
    "spend": func.sum(_days.spend),
    **_summed_up,
    # What was read from a cache, or written to one, is a part of the prompt.
    "total_tokens": _summed_up["prompt_tokens"] + _summed_up["completion_tokens"],
    "failures": _summed_up["requests"] - _summed_up["successes"],
}


def _written(day: date) -> ColumnElement[date]:
    return literal_column(f"DATE '{day}'", Date)


FILTERS: Filters = {
    # Spelled out, since PostgreSQL takes days that it does not know for few, and plans accordingly.
    "from": Filter(lambda _, day: _days.day >= _written(day), spelled_out=True),
    "to": Filter(lambda _, day: _days.day <= _written(day), spelled_out=True),
    **among("team_ids", _days.team_id),
    "excluded_team_ids": Filter(
        lambda _, __: or_(
            _days.team_id.is_(None),
            _days.team_id != all_(parameter("excluded_team_ids", ARRAY(Text))),
        )
    ),
    **among("organization_ids", _days.organization_id),
    **among("user_ids", _days.user_id),
    **among("api_key_ids", _days.api_key_id),
    **among("models", _days.model),
    **among("providers", _days.provider),
    **overlapping("tags", _days.tags),
}


def slice_of(within: str, day: date) -> str:
    """The slice of one day within a slice of the whole range: that of all calls (ROOT) or a team's."""
    return f"{within} {day}"


class Shape(NamedTuple):
    """How slices are cut: by team, by day, by both or not at all."""

    by_team: bool
    by_day: bool

    @property
    def columns(self) -> list[ColumnElement[Any]]:
        """What the rows of a slice have in common."""
        cuts = ((_days.team_id, self.by_team), (_days.day, self.by_day))
        return [column for column, is_cut in cuts if is_cut]

    @property
    def key(self) -> ColumnElement[str]:
        """The slice that a row is in."""
        team: ColumnElement[str] = _days.team_id if self.by_team else literal(ROOT, String)
        day = func.to_char(_days.day, "YYYY-MM-DD")
        return team + " " + day if self.by_day else team


def shapes_of(slices: Iterable[str]) -> Mapping[Shape, list[str]]:
    shapes: dict[Shape, list[str]] = defaultdict(list)
    for slice_ in slices:
        shapes[Shape(not slice_.startswith(ROOT), " " in slice_)].append(slice_)
    return shapes


def values_of(slices: Iterable[str], filters: Filtered) -> dict[str, Any]:
    """The parameters of a statement about these slices under these filters."""
    teams = {slice_.split(" ")[0] for slice_ in slices}
    given = {parameter(name).key: FILTERS[name].read(value) for name, value in filters}
    return {"slice_teams": sorted(teams), **given}


def calls_in(
    query: Select[Any], sight: Sight, shape: Shape, asked: tuple[Asked, ...]
) -> Select[Any]:
    """What is selected of the calls in slices of this shape, those that are seen and asked for."""
    conditions = [FILTERS[name].condition(sight, value) for name, value in asked]
    if shape.by_team:
        conditions.append(_days.team_id == any_(bindparam("slice_teams", type_=ARRAY(Text))))
    return query.select_from(usage_days).where(visible_usage_days(sight), *conditions)


def asked_of(filters: Filtered) -> tuple[Asked, ...]:
    """What of the filters the text of a statement depends on."""
    return tuple((name, value if FILTERS[name].spelled_out else None) for name, value in filters)


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
        first, last = _days_between(request)
        found: dict[str, list[Row]] = {slice_: [] for slice_ in slices}
        more = (last - first).days >= request.size
        if more and request.backward:
            first = last - timedelta(days=request.size - 1)
        elif more:
            last = first + timedelta(days=request.size - 1)
        if first <= last:
            shown = tuple({**dict(request.filters), "from": first, "to": last}.items())
            for row in await _all(reader, slices, shown, _days_statement):
                found[row["slice"]].append(row)
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


def _days_between(request: PageRequest) -> tuple[date, date]:
    """The first and the last day of the range that are between the positions, where there is any."""
    asked, a_day = dict(request.filters), timedelta(days=1)
    after, before = (position and position[0] for position in (request.after, request.before))
    first = max(asked["from"], after + a_day) if after else asked["from"]
    last = min(asked["to"], before - a_day) if before else asked["to"]
    return first, last


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
    dates = select((_written(first) + numbers).label("day")).subquery("dates")
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
