"""Pages of rows: of all that the actor sees, or under each of many parents, by keyset.

A page starts after (or ends before) a *position*: the values of the sort columns and the id of a row.
So rows that are inserted or removed meanwhile are neither repeated nor left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, Protocol

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    DateTime,
    Integer,
    Numeric,
    Text,
    UnaryExpression,
    and_,
    any_,
    bindparam,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)

from bursar.access.actor import Sight
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.domain import money
from bursar.domain.names import is_storable
from bursar.loaders.filters import Filter, parameter
from bursar.loaders.narrowing import Forms, Wanted, narrowed, underlying
from bursar.loaders.reader import Reader

ROOT = "*"  # the one parent of a list that has none
PARENTS = bindparam("parents", type_=ARRAY(Text))
PARENTS_TABLE = func.unnest(PARENTS).table_valued("id").render_derived("parents")
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
    every order total, comes last. Where an order is a column of another table, `beside` has that table
    under its name, whose index on the column and its id can then serve the order. `wanted` is what the
    rows of a narrowed listing have beside the sort columns, and `whole` the listing that it is of.
    """

    id: Column[str]
    visible: Callable[[Sight], ColumnElement[bool]]
    columns: Callable[[Sight], list[ColumnElement[Any]]] | None = None
    parent: Column[str] | None = None
    orders: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)
    default: Order = ()
    filters: Mapping[str, Filter] = field(default_factory=dict)
    beside: Mapping[str, Beside] = field(default_factory=dict)
    wanted: Wanted | None = None
    whole: "Listing | None" = None

    def columns_of_rows(self) -> Mapping[str, bool]:
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
        found: dict[str, list[Row]] = {parent: [] for parent in parents}
        for row in rows:
            found[row["batch_parent"]].append(row)
        return {parent: page_of(under, request) for parent, under in found.items()}

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
        return tuple(_value(column, value) for column, value in zip(columns, values, strict=True))


def _value(column: ColumnElement[Any], text: str) -> Any:
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
    return tuple(
        (name, value if listing.filters[name].spelled_out else None) for name, value in filters
    )


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
            its = select(columns[name]).where(other == listing.id)
            columns[name] = its.scalar_subquery()
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
    query = query.order_by(*directed(sorts, backward)).limit(bindparam("most", type_=Integer))
    if listing.parent is None:
        page: Any = query.subquery("page")
        source, of_parent = page, []
    else:
        parents = PARENTS_TABLE
        page = query.where(listing.parent == parents.c.id).lateral("page")
        source, of_parent = parents.join(page, true()), [parents.c.id.label("batch_parent")]
    shown = page.c
    if listing.wanted is not None:
        shown = narrowed(page.c, listing.wanted | {name for name, _, _ in named})
    return Statement(
        select(*of_parent, *shown)
        .select_from(source)
        .order_by(*directed([(page.c[name], descends) for name, _, descends in named], backward))
    )


def directed(
    sorts: Sequence[tuple[ColumnElement[Any], bool]], backward: bool
) -> list[UnaryExpression[Any]]:
    """What to order by, each column with whether it descends; the other way round if backward."""
    return [c.desc() if descends is not backward else c.asc() for c, descends in sorts]


@lru_cache(maxsize=1024)
def _count_statement(listing: Listing, sight: Sight, filters: tuple[Asked, ...]) -> Statement:
    conditions = _rows(listing, sight, filters)
    parent = listing.parent
    if parent is None:
        counted = select(literal(ROOT).label("batch_parent"), func.count().label("rows"))
        return Statement(counted.select_from(listing.id.table).where(*conditions))
    counted = select(parent.label("batch_parent"), func.count().label("rows"))
    return Statement(counted.where(parent == any_(PARENTS), *conditions).group_by(parent))


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
