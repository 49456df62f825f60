"""Slices: calls that activity is asked about, all or a team's, in a range of days or on one of them.

Those of teams, and those of days, are looked up together, so that a level takes one statement. All
that is said of a slice is the sum of the same rows, whatever the page.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    Select,
    String,
    Text,
    all_,
    any_,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
)

from bursar.access.actor import Sight
from bursar.access.visible_usage import visible_usage_days
from bursar.database.tables import usage_days
from bursar.database.tables.usage import TOKENS
from bursar.loaders.filters import Filter, Filters, among, overlapping, parameter
from bursar.loaders.pages import ROOT, Asked, Filtered

_days = usage_days.c
_summed_up = {name: func.sum(_days[name]) for name in (*TOKENS, "requests", "successes")}
SUMS: dict[str, ColumnElement[Any]] = {
    "spend": func.sum(_days.spend),
    **_summed_up,
    # What was read from a cache, or written to one, is a part of the prompt.
    "total_tokens": _summed_up["prompt_tokens"] + _summed_up["completion_tokens"],
    "failures": _summed_up["requests"] - _summed_up["successes"],
}


def written(day: date) -> ColumnElement[date]:
    """The day in the text of a statement, as PostgreSQL takes days that it does not know for few."""
    return literal_column(f"DATE '{day}'", Date)


FILTERS: Filters = {
    "from": Filter(lambda _, day: _days.day >= written(day), spelled_out=True),
    "to": Filter(lambda _, day: _days.day <= written(day), spelled_out=True),
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
    """The slices by their shape, each of which takes a statement."""
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
