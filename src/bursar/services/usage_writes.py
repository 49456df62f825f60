"""What recording writes: request ids once, and of each call what it adds to every sum."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, Select, Table, Text, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import Insert, insert

from bursar.database.connections import Connection
from bursar.database.faults import OUT_OF_RANGE
from bursar.database.given import as_texts, given
from bursar.database.statements import Statement
from bursar.database.tables import (
    TOKENS,
    lifetime_spends,
    spends,
    usage_days,
    usage_events,
    usage_requests,
)
from bursar.domain.errors import TooMuchCounted
from bursar.domain.instants import FIRST, LAST
from bursar.domain.money import to_text, to_units, units_to_text
from bursar.domain.usage import Event, dimensions_of, event_id
from bursar.services.key_places import PLACE
from bursar.services.usage_keys import Place
from bursar.services.usage_terms import Span, Terms, terms_of

_REQUEST = ("request_id", "content_hash")
_LIFETIME = ("holder_id", "spend")
_SPEND = ("holder_id", "model", "since", "starts_at", "ends_at", "spend")
_SUMS = (*TOKENS, "spend", "requests", "successes")
_WHAT = ("model", "provider", "endpoint", "tags")
_DAY = ("day", "dimensions", "api_key_id", "user_id", "team_id", "organization_id", *_WHAT, *_SUMS)
_EVENT = ("id", "at", "request_id", "api_key_id", *PLACE, *_WHAT, *TOKENS, "cost", "success")

_ENDLESS = {FIRST: "-infinity", LAST: "infinity"}


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
    contents: dict[str, str] = {}
    for call in calls:
        contents.setdefault(call.event.request_id, _bytes(call.content))
    if not contents:
        return set()
    rows = as_texts("request", _REQUEST, (list(contents), list(contents.values())))
    return {row["request_id"] for row in await tx.all(_claim(), **rows)}


async def contents_of(tx: Connection, request_ids: Iterable[str]) -> dict[str, bytes]:
    """The hashes of the contents that these request ids were taken for, where they were."""
    wanted = list(request_ids)
    rows = await tx.all(_contents(), request_ids=wanted) if wanted else []
    return {row.request_id: row.content_hash for row in rows}


async def count(tx: Connection, calls: Sequence[Call], now: datetime) -> None:
    """Add calls, whose request ids are taken, to all that counts them; `now` is the transaction's.

    Events are inserted without waiting for anybody. Then lifetime spend is added to, in the order of
    the holders: that locks their schedules too, so that the other sums need no order. A change of a
    schedule after `now` is left out, so that an event tells by itself in which period it counts. Raises
    TooMuchCounted for a sum that no column holds.
    """
    if not calls:
        return
    costs = [to_units(call.event.cost) for call in calls]
    holders: defaultdict[str, dict[str, str | None]] = defaultdict(dict)
    lifetimes: defaultdict[str, int] = defaultdict(int)
    for (_, place, _), cost in zip(calls, costs, strict=True):
        for kind, holder in place.holders:
            holders[kind][holder] = place.team_id
            lifetimes[holder] += cost
    amounts = [units_to_text(units) for units in lifetimes.values()]
    await tx.one(_insert_events(), **_events(calls))
    try:
        await tx.one(
            _add_to_lifetimes(), **as_texts("lifetime", _LIFETIME, (list(lifetimes), amounts))
        )
        terms = await terms_of(tx, holders, now)
        await tx.one(_add_to_sums(), **_spent(calls, costs, terms), **_by_day(calls, costs))
    except OUT_OF_RANGE as error:
        raise TooMuchCounted("events") from error


def _spent(
    calls: Sequence[Call], costs: Sequence[int], terms: defaultdict[str, Terms]
) -> dict[str, str]:
    """Of each holder the whole, which has no model, and the models that have limits of their own."""
    sums: defaultdict[tuple[str, str | None, Span], int] = defaultdict(int)
    for (event, place, _), cost in zip(calls, costs, strict=True):
        for _, holder in place.holders:
            its = terms[holder]
            span = its.span_at(event.at)
            sums[holder, None, span] += cost
            if event.model in its.models:
                sums[holder, event.model, span] += cost
    spans = {span for _, _, span in sums}
    instants = {
        span: [_ENDLESS.get(instant) or instant.isoformat() for instant in span] for span in spans
    }
    rows = (
        (holder, model, *instants[span], units_to_text(units))
        for (holder, model, span), units in sums.items()
    )
    return as_texts("spend", _SPEND, list(zip(*rows, strict=True)))


def _by_day(calls: Sequence[Call], costs: Sequence[int]) -> dict[str, str]:
    sums: dict[tuple[Any, ...], list[int]] = {}
    for (event, place, _), cost in zip(calls, costs, strict=True):
        tags = tuple(sorted(event.tags))
        whose = place.dimensions  # the same where a key came back to where it was
        key = (event.at.date(), whose, event.model, event.provider, event.endpoint, tags)
        added = [*event.tokens, cost, 1, int(event.success)]
        known = sums.get(key)
        sums[key] = added if known is None else [a + b for a, b in zip(known, added, strict=True)]
    rows = (
        (
            day.isoformat(),
            _bytes(dimensions_of(*whose, *what, tags)),
            *whose,
            *what,
            _array(tags),
            *map(str, tokens),
            units_to_text(cost),
            str(requests),
            str(successes),
        )
        for (day, whose, *what, tags), (*tokens, cost, requests, successes) in sums.items()
    )
    return as_texts("day", _DAY, list(zip(*rows, strict=True)))


def _events(calls: Sequence[Call]) -> dict[str, str]:
    rows = (
        (
            event_id(event.at),
            event.at.isoformat(),
            event.request_id,
            *place.columns,
            event.model,
            event.provider,
            event.endpoint,
            _array(event.tags),
            *map(str, event.tokens),
            to_text(event.cost),
            "t" if event.success else "f",
        )
        for event, place, _ in calls
    )
    return as_texts("event", _EVENT, list(zip(*rows, strict=True)))


def _bytes(value: bytes) -> str:
    return f"\\x{value.hex()}"


def _array(texts: Sequence[str]) -> str:
    """Texts as PostgreSQL writes an array of them."""
    quoted = [text.replace("\\", "\\\\").replace('"', '\\"') for text in texts]
    return "{" + ",".join([f'"{text}"' for text in quoted]) + "}"


def _rows(name: str, table: Table, columns: Iterable[str]) -> Select[Any]:
    rows = given(name, {column: table.c[column].type for column in columns})
    return select(*rows.c)


@cache
def _claim() -> Statement:
    rows = _rows("request", usage_requests, _REQUEST)
    new = insert(usage_requests).from_select(_REQUEST, rows.order_by(*rows.selected_columns[:1]))
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
    """Add to what holders ever spent, in their order."""
    rows = _rows("lifetime", lifetime_spends, _LIFETIME)
    in_order = rows.order_by(rows.selected_columns.holder_id.collate("C"))
    return Statement(_added(lifetime_spends, _LIFETIME, in_order, ["spend"]))


@cache
def _insert_events() -> Statement:
    events = _rows("event", usage_events, _EVENT).add_columns(func.now())
    return Statement(insert(usage_events).from_select([*_EVENT, "recorded_at"], events))


@cache
def _add_to_sums() -> Statement:
    """Add to the spend of periods, and to days, in one statement."""
    spent = given("spend", {name: spends.c[name].type for name in _SPEND})
    columns = [func.coalesce(spent.c.model, ""), *(one for one in spent.c if one.name != "model")]
    names = ["model", *(name for name in _SPEND if name != "model")]
    to_spends = _added(spends, names, select(*columns), ["spend"])
    to_days = _added(usage_days, _DAY, _rows("day", usage_days, _DAY), _SUMS)
    return Statement(to_days.add_cte(to_spends.cte("to_spends")))


def _added(table: Table, columns: Iterable[str], rows: Select[Any], sums: Iterable[str]) -> Insert:
    """Insert rows; one that is there already has the sums added to its own."""
    new = insert(table).from_select(list(columns), rows)
    return new.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={name: table.c[name] + new.excluded[name] for name in sums},
    )
