"""Tallying: the events of a table, read one by one and added up by the rule of the domain."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import asyncpg

from bursar.database.tables import SPENDERS
from bursar.domain import durations
from bursar.domain.durations import Duration
from bursar.domain.instants import FIRST
from bursar.domain.periods import Entry
from bursar.domain.tallies import Spent, Tally, Whose

_ROWS_AT_ONCE = 5000
_HOLDER = f"COALESCE({', '.join(f'holder.{column}' for column in SPENDERS.values())})"
_ENTRIES = f"""
    SELECT {_HOLDER} AS holder_id, starts_at, duration, timezone
    FROM budget_schedules holder ORDER BY 1, 2
"""  # noqa: S608 (own names)
# The budget in force of what has no schedule, which counts from ever.
_IN_FORCE = f"""
    WITH held AS (
        SELECT {_HOLDER} AS holder_id, default_of_team_id, duration, timezone
        FROM budgets holder WHERE name IS NULL
        UNION ALL
        SELECT {_HOLDER}, default_of_team_id, plan.duration, plan.timezone
        FROM budget_attachments holder
        JOIN (SELECT id, duration, timezone FROM budgets) plan ON plan.id = plan_id
    )
    SELECT holder_id, duration, timezone FROM held WHERE holder_id IS NOT NULL
    UNION ALL
    SELECT member.id, duration, timezone
    FROM held JOIN team_members member ON member.team_id = held.default_of_team_id
    WHERE NOT EXISTS (SELECT FROM held own WHERE own.holder_id = member.id)
"""  # noqa: S608 (own names)
_MODELS = "SELECT DISTINCT holder_id, model FROM spends WHERE model <> ''"

Schedules = Mapping[str, Sequence[Entry]]


async def schedules(connection: asyncpg.Connection) -> Schedules:
    """The entries of each holder that has a duration, or once had another; of those deleted none."""
    found: dict[str, list[Entry]] = {}
    for holder_id, starts_at, duration, timezone in await connection.fetch(_ENTRIES):
        found.setdefault(holder_id, []).append(_entry(starts_at, duration, timezone))
    for holder_id, duration, timezone in await connection.fetch(_IN_FORCE):
        if holder_id not in found:
            found[holder_id] = [_entry(FIRST, duration, timezone)]
    return found


async def tally(connection: asyncpg.Connection, table: str, known: Schedules) -> Tally:
    """Add up the events of a table, `usage_events` or a partition, in the transaction that runs.

    Models count alone for the holders that have a row of `spends` for them.
    """
    models = {(row[0], row[1]) for row in await connection.fetch(_MODELS)}
    tallied = Tally(known, models)
    columns = ", ".join(Whose._fields)
    events = f"SELECT {columns}, model, at, recorded_at, cost FROM {table}"  # noqa: S608 (own names)
    await connection.execute(f"DECLARE tallied NO SCROLL CURSOR FOR {events}")
    while rows := await connection.fetch(f"FETCH {_ROWS_AT_ONCE} FROM tallied"):
        for row in rows:
            tallied.add(Whose(*row[:6]), *row[6:])
    # Not at the end of the transaction alone: what a cursor reads cannot be dropped.
    await connection.execute("CLOSE tallied")
    return tallied


def spent_of(holder_id: str, model: str, since: datetime, starts_at: datetime) -> Spent:
    """The period of a row as it was read."""
    return Spent(holder_id, model, zoned(since), zoned(starts_at))


def zoned(instant: datetime) -> datetime:
    """An instant as it was read, but for infinity, which comes without a zone."""
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _entry(starts_at: datetime, duration: str | None, timezone: str) -> Entry:
    return Entry(
        None if zoned(starts_at) == FIRST else starts_at,
        _duration(duration),
        timezone,
    )


def _duration(text: str | None) -> Duration | None:
    """One that cannot be read counts as none; that there is such is a check of its own."""
    try:
        return None if text is None else durations.parse(text)
    except ValueError:
        return None
