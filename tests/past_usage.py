"""Usage of times gone by, which the API would not record any more, as if it had been recorded then."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import uuid4

import asyncpg

from bursar.database.migrations import alone
from bursar.database.partitions import make
from bursar.domain.tallies import Tally, Whose, span_of
from bursar.domain.usage import dimensions_of, event_id
from bursar.operations.tallying import schedules

_WHAT = ("openai", "/v1/responses", ["ci"])


class Call(NamedTuple):
    whose: Whose
    at: datetime
    cost: Decimal
    model: str = "gpt-5"


async def record(
    dsn: str, calls: Sequence[Call], limited: Collection[tuple[str, str]] = ()
) -> None:
    """Fill all tables of usage, of which nothing was there for the same holders and times.

    `limited` are holders with the models that count alone.
    """
    first, last = (pick(call.at for call in calls).astimezone(UTC).date() for pick in (min, max))
    await alone(dsn, lambda connection: make(connection, first, last))
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await _copy(connection, "usage_events", [_event(call) for call in calls])
            await _copy(connection, "usage_days", _days(calls))
            await _count(connection, calls, limited)
            await connection.execute(
                "INSERT INTO usage_requests (request_id, content_hash, created_at)"
                " SELECT request_id, sha256(request_id::bytea), recorded_at FROM usage_events"
            )
    finally:
        await connection.close()


async def places(connection: asyncpg.Connection) -> list[Whose]:
    """Whom the calls of each key of a team count for."""
    rows = await connection.fetch(
        """
        SELECT key.id, key.user_id, key.team_id, member.id, organization_id, belonging.id
        FROM api_keys key JOIN teams ON teams.id = team_id
        LEFT JOIN team_members member USING (team_id, user_id)
        LEFT JOIN organization_members belonging USING (organization_id, user_id)
        """
    )
    return [Whose(*row) for row in rows]


async def _copy(connection: asyncpg.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    await connection.copy_records_to_table(
        table, records=[tuple(row.values()) for row in rows], columns=list(rows[0])
    )


async def _count(
    connection: asyncpg.Connection, calls: Sequence[Call], limited: Collection[tuple[str, str]]
) -> None:
    known = await schedules(connection)
    tally, ends = Tally(known, limited), {}
    for call in calls:
        tally.add(call.whose, call.model, call.at, call.at, call.cost)
        for holder_id in call.whose.holders:
            span = span_of(known.get(holder_id, ()), call.at, call.at)
            ends[holder_id, span.since, span.starts_at] = min(span.ends_at, span.until)
    rows = [
        {**row._asdict(), "ends_at": ends[row.holder_id, row.since, row.starts_at], "spend": spend}
        for row, spend in tally.spent().items()
    ]
    await _copy(connection, "spends", rows)
    await connection.execute(
        "INSERT INTO lifetime_spends AS ever SELECT holder_id, sum(spend)"
        " FROM spends WHERE model = '' GROUP BY 1"
        " ON CONFLICT (holder_id) DO UPDATE SET spend = ever.spend + excluded.spend"
    )


def _event(call: Call) -> dict[str, Any]:
    provider, endpoint, tags = _WHAT
    return {
        "id": event_id(call.at),
        "at": call.at,
        "recorded_at": call.at + timedelta(seconds=1),
        "request_id": uuid4().hex,
        **call.whose._asdict(),
        "model": call.model,
        "provider": provider,
        "endpoint": endpoint,
        "tags": tags,
        **_tokens(1),
        "cost": call.cost,
        "success": True,
    }


def _days(calls: Sequence[Call]) -> list[dict[str, Any]]:
    requests: Counter[tuple[Any, ...]] = Counter()
    spends: Counter[tuple[Any, ...]] = Counter()
    for call in calls:
        key = (call.at.astimezone(UTC).date(), call.whose, call.model)
        requests[key] += 1
        spends[key] += call.cost  # type: ignore[assignment]  # it counts whatever can be added
    provider, endpoint, tags = _WHAT
    return [
        {
            "day": day,
            "dimensions": dimensions_of(
                *(whose.api_key_id, whose.user_id, whose.team_id, whose.organization_id),
                *(model, *_WHAT),
            ),
            "api_key_id": whose.api_key_id,
            "user_id": whose.user_id,
            "team_id": whose.team_id,
            "organization_id": whose.organization_id,
            "model": model,
            "provider": provider,
            "endpoint": endpoint,
            "tags": tags,
            **_tokens(number),
            "spend": spends[day, whose, model],
            "requests": number,
            "successes": number,
        }
        for (day, whose, model), number in requests.items()
    ]


def _tokens(number: int) -> dict[str, int]:
    kinds = ("prompt", "completion", "cache_read", "cache_creation")
    return {f"{kind}_tokens": number for kind in kinds}
