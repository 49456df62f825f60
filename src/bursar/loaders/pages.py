"""Pages of rows: of all that the actor sees, or under each of many parents, by keyset.

A page starts after (or ends before) a *position*: the values of the sort columns and the id of a row.
So rows that are inserted or removed meanwhile are neither repeated nor left out.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Integer,
    Text,
    bindparam,
    func,
    literal,
    literal_column,
    select,
    true,
)

from bursar.access.actor import Sight
from bursar.access.related import among
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.domain.names import is_storable
from bursar.loaders.filters import Filter, parameter
from bursar.loaders.keysets import beyond, directed, value_of
from bursar.loaders.narrowing import PLACE, Forms, Known, Wanted, narrowed, underlying
from bursar.loaders.reader import Reader

ROOT = "*"  # the one parent of a list that has none
# PostgreSQL takes what a query gives for ten, however many it knows of: so none with values at hand
# looks cheaper than the plan that it can keep.
_PARENTS = select(bindparam("parents", type_=ARRAY(Text))).scalar_subquery()
PARENTS_TABLE = (
    func.unnest(_PARENTS).table_valued("id", with_ordinality="place").render_derived("parents")
)
Position = tuple[Any, ...]
Order = tuple[tuple[str, bool], ...]  # sort columns, each with whether it descends
Filtered = tuple[tuple[str, Any], ...]  # names and values of the filters in force
BY_NAME: Order = (("name_key", False),)
Asked = tuple[str, Any]  # a filter, and its value if that is spelled out in the statement


def by_column(*columns: Column[Any]) -> dict[str, ColumnElement[Any]]:
    """Orders that have their column's name."""
    return {column.name: column for column in columns}


class Beside(NamedTuple):
    """Another table, which has a row for each of the list's.

    `id` is its column that is the id there, and `rows` says which of its rows are of the list's kind.
    """

    id: Column[str]
    rows: ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page: its size, from which end, between which positions, in which order, of what.

    The values of the filters are hashable.
    """

    size: int
    backward: bool = False
    after: Position | None = None
    before: Position | None = None
    order: Order = ()
    filters: Filtered = ()


@dataclass(frozen=True, slots=True)
class Page:
    """The rows in order, and whether there are more on either side."""

    rows: list[Row]
    has_next: bool
    has_previous: bool


class Paged(Protocol):
    """What can be turned over page by page; cursors are bound to its name."""

    @property
    def name(self) -> str: ...
    @property
    def orders(self) -> Mapping[str, ColumnElement[Any]]: ...
    @property
    def filters(self) -> Mapping[str, Filter]: ...
    async def pages(
        self, reader: Reader, parents: Sequence[str], request: PageRequest, /
    ) -> dict[str, Page]: ...
    async def counts(
        self, reader: Reader, parents: Sequence[str], filters: Filtered, /
    ) -> dict[str, int]: ...
    def order_of(self, request: PageRequest) -> Order: ...
    def position_of(self, request: PageRequest, values: Sequence[Any]) -> Position: ...


@dataclass(frozen=True, eq=False)
class Listing:
    """A kind of list: the table whose `id` this is, what of it is visible, and under which parent.

    `orders` are the columns, or values that are like columns, to sort by: none may tell what not
    every reader of a row sees. `default` is the order where a request names none; the id, which makes
    every order total, comes last. Where an order is a column of another table, `beside` has that table,
    whose index on the column and its id can then serve the order. With `few_first`, what is seen by who
    sees not all is found before it is sorted. `wanted` is what the rows of a narrowed listing have
    beside the id, and `whole` the listing that it is of.
    """

    id: Column[str]
    visible: Callable[[Sight], ColumnElement[bool]]
    columns: Callable[[Sight], list[ColumnElement[Any]]] | None = None
    parent: Column[str] | None = None
    orders: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)
    default: Order = ()
    filters: Mapping[str, Filter] = field(default_factory=dict)
    beside: Mapping[str, Beside] = field(default_factory=dict)
    few_first: bool = False
    wanted: Wanted | None = None
    whole: "Listing | None" = None

    def __post_init__(self) -> None:
        if self.few_first and self.parent is not None:
            raise ValueError("few_first limits the whole list, not what is under each parent")

    def columns_of_rows(self) -> Mapping[str, Known]:
        return self._forms.columns

    def only(self, wanted: Wanted) -> "Listing":
        return self._forms.only(wanted)

    @cached_property
    def _forms(self) -> "Forms[Listing]":
        return Forms(
            lambda: self.all_columns(Sight.ALL),
            lambda wanted: replace(self, wanted=wanted, whole=self),
        )

    def all_columns(self, sight: Sight) -> list[ColumnElement[Any]]:
        """The columns of its rows, if it is not narrowed."""
        return self.columns(sight) if self.columns else list(self.id.table.c)

    @property
    def name(self) -> str:
        return self.id.table.name

    async def pages(
        self, reader: Reader, parents: Sequence[str], request: PageRequest, /
    ) -> dict[str, Page]:
        """A page under each parent."""
        statement = _page_statement(self, reader.actor.sight, *_shape(self, request))
        values = self._values(request.filters)
        for name, position in (("after", request.after), ("before", request.before)):
            values.update({f"{name}_{i}": value for i, value in enumerate(position or ())})
        rows = await reader.all(statement, parents=parents, most=request.size + 1, **values)
        if self.parent is None:
            return {ROOT: page_of(rows, request)}
        found, end = {}, 0
        for place, parent in enumerate(parents, 1):
            start, end = end, bisect_right(rows, place, end, key=itemgetter(0))
            found[parent] = page_of(rows[start:end], request)
        return found

    async def counts(
        self, reader: Reader, parents: Sequence[str], filters: Filtered, /
    ) -> dict[str, int]:
        """How many rows there are under each parent, all pages together."""
        statement = _count_statement(self, reader.actor.sight, _spelled(self, filters))
        rows = await reader.all(statement, parents=parents, **self._values(filters))
        return dict.fromkeys(parents, 0) | {row["batch_parent"]: row["rows"] for row in rows}

    def _values(self, filters: Filtered) -> dict[str, Any]:
        return {parameter(name).key: self.filters[name].read(value) for name, value in filters}

    def order_of(self, request: PageRequest) -> Order:
        """The sort columns of a request, made total by the id in the direction of the last."""
        return tuple((name, descends) for name, _, descends in _order(self, request.order))

    def position_of(self, request: PageRequest, values: Sequence[Any]) -> Position:
        """Read a position back from JSON. Raises ValueError if it is none of this order."""
        columns = [column for _, column, _ in _order(self, request.order)]
        if not all(isinstance(value, str) and is_storable(value) for value in values):
            raise ValueError("a position consists of texts")
        return tuple(value_of(column, value) for column, value in zip(columns, values, strict=True))


def _shape(listing: Listing, request: PageRequest) -> tuple[Any, ...]:
    """What of a request the text of its statement depends on."""
    return (
        request.order,
        _spelled(listing, request.filters),
        request.backward,
        request.after is not None,
        request.before is not None,
    )


def _spelled(listing: Listing, filters: Filtered) -> tuple[Asked, ...]:
    its = listing.filters
    return tuple((name, value if its[name].spelled_out else None) for name, value in filters)


def _order(
    listing: Listing, order: Order, *, joined: bool = False
) -> tuple[tuple[str, ColumnElement[Any], bool], ...]:
    """The sort columns by name; those of another table that is joined, or is looked up row by row."""
    by_id = listing.id.name
    named = order or listing.default
    columns = {**listing.orders, by_id: listing.id}
    for name in [name for name, _ in named if name in listing.beside]:
        other = listing.beside[name].id
        if joined:
            columns[by_id] = other
        else:
            columns[name] = select(columns[name]).where(other == listing.id).scalar_subquery()
    if not named or named[-1][0] != by_id:
        named = (*named, (by_id, named[-1][1] if named else False))
    return tuple((name, columns[name], descends) for name, descends in named)


def page_of(rows: list[Row], request: PageRequest) -> Page:
    """The page that these are, read in the request's direction, with one more if there are more."""
    more = len(rows) > request.size
    rows = rows[: request.size]
    if request.backward:
        return Page(rows[::-1], has_next=request.before is not None, has_previous=more)
    return Page(rows, has_next=more, has_previous=request.after is not None)


def _rows(listing: Listing, sight: Sight, filters: tuple[Asked, ...]) -> list[ColumnElement[bool]]:
    asked = [listing.filters[name].condition(sight, value) for name, value in filters]
    return [listing.visible(sight), *asked]


@lru_cache(maxsize=1024)
def _page_statement(
    listing: Listing,
    sight: Sight,
    order: Order,
    filters: tuple[Asked, ...],
    backward: bool,
    after: bool,
    before: bool,
) -> Statement:
    # Who sees all of a list reads it along the other table's index; of others few rows are found first.
    joined = sight is Sight.ALL and listing.parent is None
    named = _order(listing, order, joined=joined)
    sorts = [(column, descends) for _, column, descends in named]
    columns = listing.all_columns(sight)
    if listing.wanted is not None:
        columns = underlying(columns, listing.wanted)
    query = select(*columns)
    beside = (column.label(name) for name, column, _ in named if name not in query.selected_columns)
    query = query.add_columns(*beside).where(*_rows(listing, sight, filters))
    for name in listing.beside.keys() & {name for name, _, _ in named} if joined else ():
        other = listing.beside[name]
        query = query.where(other.id == listing.id, other.rows)
    if after:
        query = query.where(beyond(sorts, "after", forward=True))
    if before:
        query = query.where(beyond(sorts, "before", forward=False))
    most = bindparam("most", type_=Integer)
    # PostgreSQL takes a person's rows for many, and a limit that it does not know for a tenth of them:
    # it would walk an index through everybody's. An offset keeps it from that.
    few = listing.few_first and sight is Sight.RELATED
    ordered = query.order_by(*directed(sorts, backward)).limit(most)
    query = query.offset(literal_column("0")) if few else ordered
    if listing.parent is None:
        page: Any = query.subquery("page")
        source, place = page, []
    else:
        page = query.where(listing.parent == PARENTS_TABLE.c.id).lateral("page")
        source, place = PARENTS_TABLE.join(page, true()), [PARENTS_TABLE.c.place]
    shown = page.c
    if listing.wanted is not None:
        always = {name for name, _, _ in named} if PLACE in listing.wanted else {listing.id.name}
        shown = narrowed(page.c, listing.wanted | always)
    sorts = [(page.c[name], descends) for name, _, descends in named]
    places = [each.label("batch_place") for each in place]
    paged = select(*places, *shown).select_from(source).order_by(*place, *directed(sorts, backward))
    # Of a million teams a plan for so few would look cheaper than one to keep, and be made each time.
    # It knows no limit that is a query's, whatever the values.
    return Statement(paged.limit(select(most).scalar_subquery()) if few else paged)


@lru_cache(maxsize=1024)
def _count_statement(listing: Listing, sight: Sight, filters: tuple[Asked, ...]) -> Statement:
    conditions = _rows(listing, sight, filters)
    if (parent := listing.parent) is None:
        counted = select(literal(ROOT).label("batch_parent"), func.count().label("rows"))
        return Statement(counted.select_from(listing.id.table).where(*conditions))
    counted = select(parent.label("batch_parent"), func.count().label("rows"))
    return Statement(
        counted.where(among(parent, select(PARENTS_TABLE.c.id)), *conditions).group_by(parent)
    )
