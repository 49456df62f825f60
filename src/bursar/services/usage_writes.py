"""What recording writes: request ids once, and of each call what it adds to every sum."""

from collections.abc import Iterable, Sequence
from functools import cache
from operator import add
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    FromClause,
    Numeric,
    Select,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.types import TypeEngine

from bursar.database.connections import Connection
from bursar.database.statements import Statement
from bursar.database.tables import (
    TOKENS,
    lifetime_spends,
    spends,
    usage_days,
    usage_events,
    usage_requests,
)
from bursar.domain.money import to_text, to_units, units_to_text
from bursar.domain.usage import Event, dimensions_of, event_id
from bursar.services.key_places import PLACE
from bursar.services.usage_keys import Place
from bursar.services.usage_terms import Calendar, Span, calendar_of

WHOLE = ""
"""In the place of a model, all of what is spent."""


_NOTHING = (0,) * 7
_DAY = (
    *("day", "dimensions", "api_key_id", "user_id", "team_id", "organization_id"),
    *("model", "provider", "endpoint", "tags", *TOKENS, "spend", "requests", "successes"),
)
_SPENT = ("holder_id", "model", "since", "starts_at", "ends_at", "spend")
_SUMS = (*TOKENS, "spend", "requests", "successes")
_EVENT = (
    *("id", "at", "request_id", "api_key_id", *PLACE),
    *("model", "provider", "endpoint", "tags", *TOKENS, "cost", "success"),
)


class Call(NamedTuple):
    """An event whose key is known, with the hash of its content."""

    event: Event
    place: Place
    content: bytes


async def claim(tx: Connection, calls: Iterable[Call]) -> set[str]:
    """Take the request ids of calls that nobody has taken; of several that share one, the first does.

    Answers those that were taken by this. They are inserted in order, so that two who take the same
    wait for each other one way only.
    """
    contents: dict[str, bytes] = {}
    for call in calls:
        contents.setdefault(call.event.request_id, call.content)
    if not contents:
        return set()
    rows = await tx.all(
        _claim(), request_request_id=list(contents), request_content_hash=list(contents.values())
    )
    return {row.request_id for row in rows}


async def contents_of(tx: Connection, request_ids: Iterable[str]) -> dict[str, bytes]:
    """The hashes of the contents that these request ids were taken for, where they were."""
    wanted = list(request_ids)
    rows = await tx.all(_contents(), request_ids=wanted) if wanted else []
    return {row.request_id: row.content_hash for row in rows}


async def count(tx: Connection, calls: Sequence[Call]) -> None:
    """Add calls, whose request ids are taken, to all that counts them.

    What holders ever spent is first, and locks when their periods begin; then no rows of theirs need
    an order.
    """
    if not calls:
        return
    costs = [to_units(call.event.cost) for call in calls]
    holders: dict[str, dict[str, str | None]] = {}
    lifetimes: dict[str, int] = {}
    for call, cost in zip(calls, costs, strict=True):
        for kind, holder in call.place.holders():
            holders.setdefault(kind, {})[holder] = call.place.team_id
            lifetimes[holder] = lifetimes.get(holder, 0) + cost
    await tx.one(
        _add_to_lifetimes(),
        lifetime_holder_id=list(lifetimes),
        lifetime_spend=[units_to_text(units) for units in lifetimes.values()],
    )
    calendar = await calendar_of(tx, holders)
    await tx.one(
        _add(),
        **_spent(calls, costs, calendar),
        **_by_day(calls, costs),
        **_events(calls),
        recorded_at=calendar.now,
    )


def _spent(calls: Sequence[Call], costs: Sequence[int], calendar: Calendar) -> dict[str, list[Any]]:
    sums: dict[tuple[str, str, Span], int] = {}
    for (event, place, _), cost in zip(calls, costs, strict=True):
        for _, holder in place.holders():
            span = calendar.span_of(holder, event.at)
            key = (holder, WHOLE, span)
            sums[key] = sums.get(key, 0) + cost
            if calendar.limits(holder, event.model):
                key = (holder, event.model, span)
                sums[key] = sums.get(key, 0) + cost
    return {
        "spend_holder_id": [holder for holder, _, _ in sums],
        "spend_model": [model for _, model, _ in sums],
        "spend_since": [span.since for _, _, span in sums],
        "spend_starts_at": [span.starts_at for _, _, span in sums],
        "spend_ends_at": [span.ends_at for _, _, span in sums],
        "spend_spend": [units_to_text(units) for units in sums.values()],
    }


def _by_day(calls: Sequence[Call], costs: Sequence[int]) -> dict[str, list[Any]]:
    sums: dict[tuple[Any, ...], list[int]] = {}
    for (event, place, _), cost in zip(calls, costs, strict=True):
        key = (
            event.at.date(),
            place.key_id,
            place.user_id,
            place.team_id,
            place.organization_id,
            event.model,
            event.provider,
            event.endpoint,
            tuple(sorted(event.tags)),
        )
        added = (*event.tokens, cost, 1, int(event.success))
        sums[key] = [*map(add, sums.get(key, _NOTHING), added)]
    columns: dict[str, list[Any]] = {f"day_{name}": [] for name in _DAY}
    for (day, *what), sum_ in sums.items():
        *tokens, cost, requests, successes = sum_
        tags = _array(what[-1])
        row = (
            day,
            dimensions_of(*what),
            *what[:-1],
            tags,
            *tokens,
            units_to_text(cost),
            requests,
            successes,
        )
        for column, value in zip(columns.values(), row, strict=True):
            column.append(value)
    return columns


def _events(calls: Sequence[Call]) -> dict[str, list[Any]]:
    rows = [
        (
            event_id(event.at),
            event.at,
            event.request_id,
            *place,
            event.model,
            event.provider,
            event.endpoint,
            _array(event.tags),
            *event.tokens,
            to_text(event.cost),
            event.success,
        )
        for event, place, _ in calls
    ]
    columns = zip(*rows, strict=True)
    return {f"event_{name}": list(column) for name, column in zip(_EVENT, columns, strict=True)}


def _array(texts: Iterable[str]) -> str:
    """Texts as PostgreSQL writes an array of them, since arrays of several lengths are no column."""
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in quoted) + "}"


def _given(
    table: Table, prefix: str, columns: Iterable[str]
) -> tuple[FromClause, list[ColumnElement[Any]]]:
    """Rows that are given column by column, and these columns as the table takes them.

    Amounts and arrays come as text, which is read by PostgreSQL.
    """
    names = list(columns)
    arrays = [
        bindparam(f"{prefix}_{name}", type_=ARRAY(_sent_as(table.c[name].type))) for name in names
    ]
    rows = func.unnest(*arrays).table_valued(*names).render_derived(name=prefix)
    return rows, [
        cast(rows.c[name], table.c[name].type)
        if isinstance(table.c[name].type, (Numeric, ARRAY))
        else rows.c[name]
        for name in names
    ]


def _sent_as(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    return Text() if isinstance(type_, (Numeric, ARRAY)) else type_


@cache
def _claim() -> Statement:
    rows, columns = _given(usage_requests, "request", ["request_id", "content_hash"])
    new = insert(usage_requests).from_select(
        ["request_id", "content_hash"], select(*columns).order_by(rows.c.request_id)
    )
    return Statement(new.on_conflict_do_nothing().returning(usage_requests.c.request_id))


@cache
def _contents() -> Statement:
    return Statement(
        select(usage_requests.c.request_id, usage_requests.c.content_hash).where(
            usage_requests.c.request_id == any_(bindparam("request_ids", type_=ARRAY(Text)))
        )
    )


@cache
def _add_to_lifetimes() -> Statement:
    rows, columns = _given(lifetime_spends, "lifetime", ["holder_id", "spend"])
    in_order = select(*columns).order_by(rows.c.holder_id.collate("C"))
    return Statement(_added(lifetime_spends, ["holder_id", "spend"], in_order, ["spend"]))


@cache
def _add() -> Statement:
    """The events, with what they add to spend and days; all in one statement."""
    _, spend_columns = _given(spends, "spend", _SPENT)
    _, day_columns = _given(usage_days, "day", _DAY)
    _, event_columns = _given(usage_events, "event", _EVENT)
    to_spends = _added(spends, _SPENT, select(*spend_columns), ["spend"])
    to_days = _added(usage_days, _DAY, select(*day_columns), _SUMS)
    recorded_at = bindparam("recorded_at", type_=DateTime(timezone=True))
    events = insert(usage_events).from_select(
        [*_EVENT, "recorded_at"], select(*event_columns, recorded_at)
    )
    return Statement(events.add_cte(to_spends.cte("to_spends"), to_days.cte("to_days")))


def _added(table: Table, columns: Iterable[str], rows: Select[Any], sums: Iterable[str]) -> Insert:
    """Insert rows; one that is there already has the sums added to its own."""
    new = insert(table).from_select(list(columns), rows)
    return new.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={name: table.c[name] + new.excluded[name] for name in sums},
    )
