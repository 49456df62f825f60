"""Connections as Relay has them: pages by keyset, opaque cursors, a count only when asked for.

Specification: GraphQL Cursor Connections, https://relay.dev/graphql/connections.htm
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from functools import lru_cache, partial
from typing import Annotated, Any, Generic, TypeVar, get_origin

import orjson
import strawberry
from strawberry import UNSET
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.utils.str_converters import to_camel_case

from bursar.database.rows import Row
from bursar.domain.money import to_text
from bursar.domain.names import is_storable
from bursar.graphql.edges import Leads, Made, Question, asking_edge, made_once, reads
from bursar.graphql.enums import OrderDirection
from bursar.graphql.errors import BadUserInput
from bursar.graphql.inputs import given
from bursar.graphql.lists.orders import BY_NAME, orders_of
from bursar.loaders.narrowing import Narrowable
from bursar.loaders.pages import ROOT, Filtered, Listing, Page, Paged, PageRequest, Position

NodeType = TypeVar("NodeType")

NOTHING = ""  # a parent that is none has an empty list
DEFAULT_PAGE = 50
LARGEST_PAGE = 1_000

First = Annotated[
    int | None,
    strawberry.argument(description="How many from the start: 0 to 1,000; 50 if nothing is said."),
]
Last = Annotated[int | None, strawberry.argument(description="How many from the end: 0 to 1,000.")]
After = Annotated[str | None, strawberry.argument(description="Only what comes after this cursor.")]
Before = Annotated[
    str | None, strawberry.argument(description="Only what comes before this cursor.")
]


@strawberry.type(description="Where a page stands in the whole list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether more follow after this page.")
    has_previous_page: bool = strawberry.field(description="Whether more come before this page.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first on the page.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last on the page.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[NodeType]):
    listing: strawberry.Private[Paged]
    parent: strawberry.Private[str]
    request: strawberry.Private[PageRequest]

    edges: list["ConnectionEdge[NodeType]"] = asking_edge(
        lambda connection: connection.page(),
        read=lambda page, connection, _: [
            ConnectionEdge(connection=connection, row=row, thing=thing)
            for row, thing in zip(page.rows, connection.nodes_of(page.rows), strict=True)
        ],
        reads=(),
        leads=Leads.HOLDERS,
        description="The objects on the page, each with its cursor.",
    )
    nodes: list[NodeType] = asking_edge(
        lambda connection: connection.page(),
        read=lambda page, connection, _: connection.nodes_of(page.rows),
        reads=(),
        leads=Leads.ROWS,
        description="The objects on the page.",
    )
    page_info: PageInfo = asking_edge(
        lambda connection: connection.page(),
        read=lambda page, connection, _: connection.info(page),
        description="Where the page stands in the whole list.",
    )
    total_count: int = asking_edge(
        lambda it: Question(it.listing.counts, it.parent, (it.request.filters,)),
        reads=(),
        description="How many there are on all pages together.",
    )

    def page(self) -> Question:
        return Question(self.listing.pages, self.parent, (self.request,))

    def nodes_of(self, rows: list[Row]) -> list[NodeType]:
        """The objects that the rows of a page stand for."""
        return rows  # type: ignore[return-value]  # rows resolve as their type

    def info(self, page: Page) -> PageInfo:
        return PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=self.cursor(page.rows[0]) if page.rows else None,
            end_cursor=self.cursor(page.rows[-1]) if page.rows else None,
        )

    def cursor(self, row: Row) -> str:
        return _encode(self.listing, self.request, row)


@strawberry.type(name="Edge", description="An object in a list, and its place there.")
class ConnectionEdge(Generic[NodeType]):
    connection: strawberry.Private[Connection[Any]]
    row: strawberry.Private[Row]
    thing: strawberry.Private[Any]

    @strawberry.field(description="The place, to be given to `after` or `before`.")
    def cursor(self) -> str:
        return self.connection.cursor(self.row)

    @strawberry.field(description="The object.", metadata=reads(leads=Leads.ROWS))
    def node(self) -> NodeType:
        node: NodeType = self.thing
        return node


def page_request(listing: Paged, within: Filtered = (), **arguments: Any) -> PageRequest:
    """The page that the arguments of a field ask for; what is unset counts as null.

    `first`, `last`, `after` and `before` are Relay's. `filter` is an input object whose attributes
    are filters of the listing; the items of `order_by` have a `field`, whose value is a sort column,
    and a `direction`. `within` are filters in force whatever is asked for. Raises BadUserInput for a
    size out of bounds, both `first` and `last`, a field to sort by twice, or a cursor of another list,
    order or filter.
    """
    asked = {name: None if value is UNSET else value for name, value in arguments.items()}
    first, last = asked.get("first"), asked.get("last")
    if first is not None and last is not None:
        raise BadUserInput("Give at most one of `first` and `last`.")
    for name, size in (("first", first), ("last", last)):
        if size is not None and not 0 <= size <= LARGEST_PAGE:
            raise BadUserInput(f"`{name}` must be 0 to {LARGEST_PAGE}.")
    request = PageRequest(
        size=next(size for size in (first, last, DEFAULT_PAGE) if size is not None),
        backward=last is not None,
        order=tuple(
            (by.field.value, by.direction is OrderDirection.DESC)
            for by in asked.get("order_by") or ()
        ),
        filters=(*within, *filters_of(asked.get("filter"))),
    )
    request = replace(
        request,
        after=_decode(listing, request, asked.get("after"), "after"),
        before=_decode(listing, request, asked.get("before"), "before"),
    )
    if len({name for name, _ in request.order}) < len(request.order):
        raise BadUserInput("`orderBy` must name each field once.")
    return request


def connection_field(
    name: str,
    listing: Listing,
    kind: Any,
    *,
    description: str,
    filter: type | None = None,
    order: type | None = None,
    sorted_by: str = BY_NAME,
) -> Any:
    """A root field of this name that leads to a page of the listing, as this kind of connection.

    Raises TypeError where `filter` and `order`, input types, differ from what the listing offers.
    """

    def make(listing: Listing, **arguments: Any) -> Callable[[Any], Connection[Any]]:
        request = page_request(listing, **arguments)

        def made(_: Any) -> Connection[Any]:
            connection: Connection[Any] = kind(listing=listing, parent=ROOT, request=request)
            return connection

        return made

    field: Any = made_once(
        Made(make, listing, _narrows(listing, kind)),
        description=description,
        reads=(),
        graphql_type=kind,
    )
    field.python_name = name
    field.arguments = _arguments(listing, filter, order, sorted_by)
    return field


def connection_edge(
    listing: Paged,
    *,
    key: str,
    description: str,
    within: str | None = None,
    kind: type[Connection[Any]] = Connection,
    filter: type | None = None,
    order: type | None = None,
    sorted_by: str = BY_NAME,
) -> Any:
    """A field that leads to a page of the listing under the parent with this key; else as above.

    `within` names the parent's attribute that has the filters in force there.
    """

    def make(listing: Paged, **arguments: Any) -> Callable[[Any], Connection[Any]]:
        request_within = lru_cache(maxsize=1)(partial(page_request, listing, **arguments))

        def made(root: Any) -> Connection[Any]:
            request = request_within(getattr(root, within) if within else ())
            return kind(listing=listing, parent=getattr(root, key) or NOTHING, request=request)

        return made

    field: Any = made_once(
        Made(make, listing, _narrows(listing, kind)),
        description=description,
        reads=(key, within) if within else (key,),
    )
    field.arguments = _arguments(listing, filter, order, sorted_by)
    return field


def _narrows(listing: Paged, kind: Any) -> bool:
    """Whether the rows are the nodes, of which a part of the columns is enough."""
    return isinstance(listing, Narrowable) and (get_origin(kind) or kind) is Connection


def _arguments(
    listing: Paged, filter: type | None, order: type | None, sorted_by: str
) -> list[StrawberryArgument]:
    kinds: dict[str, Any] = {"first": First, "last": Last, "after": After, "before": Before}
    if filter is not None:
        _check_offer({field.name for field in fields(filter)}, listing.filters)
        fit = strawberry.argument(description="Only those that fit.")
        kinds["filter"] = Annotated[filter | None, fit]
    if order is not None:
        _check_offer(orders_of(order), listing.orders)
        by = strawberry.argument(description=sorted_by)
        kinds["order_by"] = Annotated[list[order] | None, by]  # type: ignore[valid-type]  # a value
    return [
        StrawberryArgument(name, None, StrawberryAnnotation(kind)) for name, kind in kinds.items()
    ]


def _check_offer(offered: set[str], had: Iterable[str]) -> None:
    if different := offered.symmetric_difference(had):
        raise TypeError(f"a list and its arguments differ in {sorted(different)}")


def filters_of(filter: object) -> Filtered:
    """The filters that an input object gives. Raises BadUserInput for texts that cannot be stored."""
    values = {name: value for name, value in (given(filter) or {}).items() if value is not None}
    for name, value in values.items():
        texts = value if isinstance(value, list) else [value]
        if not all(is_storable(text) for text in texts if isinstance(text, str)):
            said = to_camel_case(name)
            raise BadUserInput(f"`{said}` must not contain NUL or half surrogate pairs.")
    return tuple(
        (name, tuple(value) if isinstance(value, list) else value)
        for name, value in sorted(values.items())
    )


def _mark(listing: Paged, request: PageRequest) -> str:
    """What a cursor belongs to: the list, its order and its filters."""
    what = repr((listing.name, listing.order_of(request), request.filters))
    return hashlib.sha256(what.encode()).hexdigest()[:12]


def _encode(listing: Paged, request: PageRequest, row: Row) -> str:
    position = [row[name] for name, _ in listing.order_of(request)]
    mark = _mark(listing, request)
    # `-infinity` is the one time that is read without a zone.
    text = orjson.dumps([mark, *position], default=to_text, option=orjson.OPT_NAIVE_UTC)
    return urlsafe_b64encode(text).decode()


def _decode(listing: Paged, request: PageRequest, cursor: str | None, name: str) -> Position | None:
    """The position that a cursor stands for. It gives no authority: what follows is filtered."""
    if cursor is None:
        return None
    try:
        mark, *position = orjson.loads(urlsafe_b64decode(cursor))
        if mark == _mark(listing, request):
            return listing.position_of(request, position)
    except (ValueError, TypeError):
        pass
    raise BadUserInput(f"`{name}` is not a cursor of this list in this order with this filter.")
