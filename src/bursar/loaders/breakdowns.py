"""Breakdowns: what the calls of a slice (slices.py) add up to by model, key, team and so on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    Text,
    bindparam,
    cast,
    distinct,
    func,
    literal_column,
    select,
)

from bursar.access.actor import Sight
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import usage_days
from bursar.domain.money import parse
from bursar.domain.names import is_storable
from bursar.loaders.filters import Filter
from bursar.loaders.keysets import beyond, directed
from bursar.loaders.pages import Asked, Filtered, Order, Page, PageRequest, Position, page_of
from bursar.loaders.reader import Reader
from bursar.loaders.slices import SUMS, Shape, asked_of, calls_in, shapes_of, values_of


@dataclass(frozen=True, eq=False)
class Breakdown:
    """What the calls of each slice add up to by the values of a column; the most expensive first.

    Calls that have no value there are one group. It is turned over like a list, without filters and
    orders of its own: those of the slice are in force.
    """

    column: Column[str]
    filters: Mapping[str, Filter] = field(default_factory=dict)
    orders: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.column.table.name}.{self.column.name}"

    async def pages(
        self, reader: Reader, slices: Sequence[str], request: PageRequest, /
    ) -> dict[str, Page]:
        """A page of the groups in each slice."""
        found: dict[str, list[Row]] = {slice_: [] for slice_ in slices}
        positions = {
            f"{name}_{i}": value
            for name, position in (("after", request.after), ("before", request.before))
            for i, value in enumerate(position or ())
        }
        for shape, alike in shapes_of(slices).items():
            statement = _groups_statement(
                *(self.column, reader.actor.sight, shape, asked_of(request.filters)),
                *(request.backward, request.after is not None, request.before is not None),
            )
            values = {**values_of(alike, request.filters), **positions}
            for row in await reader.all(statement, most=request.size + 1, **values):
                if row["slice"] in found:
                    found[row["slice"]].append(row)
        return {slice_: page_of(rows, request) for slice_, rows in found.items()}

    async def counts(
        self, reader: Reader, slices: Sequence[str], filters: Filtered, /
    ) -> dict[str, int]:
        """How many groups there are in each slice."""
        counted = dict.fromkeys(slices, 0)
        for shape, alike in shapes_of(slices).items():
            statement = _count_statement(self.column, reader.actor.sight, shape, asked_of(filters))
            rows = await reader.all(statement, **values_of(alike, filters))
            counted |= {row["slice"]: row["groups"] for row in rows if row["slice"] in counted}
        return counted

    def order_of(self, _: PageRequest) -> Order:
        return (("spend_key", True), ("group_key", False))

    def position_of(self, _: PageRequest, values: Sequence[Any]) -> Position:
        """Read a position back from JSON. Raises ValueError if it is none."""
        spend, group = values
        if not (isinstance(spend, str) and isinstance(group, str) and is_storable(group)):
            raise ValueError("a position is an amount and a group")
        return parse(spend), group


by_model = Breakdown(usage_days.c.model)
by_provider = Breakdown(usage_days.c.provider)
by_endpoint = Breakdown(usage_days.c.endpoint)
by_api_key = Breakdown(usage_days.c.api_key_id)
by_team = Breakdown(usage_days.c.team_id)
by_user = Breakdown(usage_days.c.user_id)


def _group_of(column: ColumnElement[Any]) -> ColumnElement[str]:
    """What sorts the groups that cost the same; those without a value come first."""
    return func.coalesce(column, literal_column("''"))


@lru_cache(maxsize=512)
def _groups_statement(
    column: Column[str],
    sight: Sight,
    shape: Shape,
    asked: tuple[Asked, ...],
    backward: bool,
    after: bool,
    before: bool,
) -> Statement:
    sums = [value.label(name) for name, value in SUMS.items()]
    query = calls_in(select(shape.key.label("slice"), column, *sums), sight, shape, asked)
    groups = query.group_by(*shape.columns, column).subquery("groups")
    group = _group_of(groups.c[column.name])
    sorts: list[tuple[ColumnElement[Any], bool]] = [(groups.c.spend, True), (group, False)]
    place = func.row_number().over(partition_by=groups.c.slice, order_by=directed(sorts, backward))
    spend_key = cast(groups.c.spend, Text).label("spend_key")
    placed = select(groups, group.label("group_key"), spend_key, place.label("place"))
    if after:
        placed = placed.where(beyond(sorts, "after", forward=True))
    if before:
        placed = placed.where(beyond(sorts, "before", forward=False))
    page = placed.subquery("page")
    most = bindparam("most", type_=Integer)
    return Statement(select(page).where(page.c.place <= most).order_by(page.c.place))


@lru_cache(maxsize=512)
def _count_statement(
    column: Column[str], sight: Sight, shape: Shape, asked: tuple[Asked, ...]
) -> Statement:
    groups = func.count(distinct(_group_of(column))).label("groups")
    query: Any = select(shape.key.label("slice"), groups)
    return Statement(calls_in(query, sight, shape, asked).group_by(*shape.columns))
