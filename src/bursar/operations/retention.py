"""Retention: months of usage that are not kept any more go, and what they came to is closed."""

import asyncio
from datetime import date

import asyncpg

from bursar.database import partitions
from bursar.database.partitions import month_of, name_of
from bursar.operations.external import connected
from bursar.operations.tallying import schedules, tally

EVENTS, DAYS = partitions.PARTITIONED
# DROP TABLE takes ACCESS EXCLUSIVE on the whole table until the commit that follows. Who records or
# reads waits behind it while it waits itself: no longer than this at a time.
LOCK_TIMEOUT = "250ms"
_ATTEMPTS = 20
_PAUSE_SECONDS = 1.0

_CLOSE = """
    INSERT INTO usage_closings AS closing (holder_id, model, since, starts_at, spend)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (holder_id, model, since, starts_at)
    DO UPDATE SET spend = closing.spend + excluded.spend
"""


async def drop_old(dsn: str, table: str, months: int) -> list[str]:
    """Drop the partitions older than so many whole months before this one; answers their names.

    Each goes in a transaction of its own, and with a month of events what they came to is added to
    `usage_closings` in the same. `dsn` is the owner's. Nothing is done where another does it just
    now. Raises asyncpg.LockNotAvailableError where others hold the table all the time.
    """
    dropped = []
    async with connected(dsn) as connection:
        today = await connection.fetchval("SELECT (now() AT TIME ZONE 'UTC')::date")
        there = await connection.fetch(partitions.MONTHS.format(table=table))
        for (month,) in there:
            if month < month_of(today, -months) and await _drop(connection, table, month):
                dropped.append(name_of(table, month))
    return dropped


async def _drop(connection: asyncpg.Connection, table: str, month: date) -> bool:
    name = name_of(table, month)
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        try:
            # One server at a time: it conflicts with itself, not with who reads or writes.
            await connection.execute("LOCK TABLE usage_closings IN SHARE UPDATE EXCLUSIVE MODE")
        except asyncpg.LockNotAvailableError:
            return False
        if await connection.fetchval("SELECT to_regclass($1)", name) is None:
            return False
        if table == EVENTS:
            await _close(connection, name)
        await _attempt(connection, f"DROP TABLE {name}")
    return True


async def _close(connection: asyncpg.Connection, name: str) -> None:
    """Nothing is added to the month meanwhile; nobody would, who records what is three days old."""
    await connection.execute(f"LOCK TABLE {name} IN SHARE MODE")
    tallied = await tally(connection, name, await schedules(connection))
    rows = [(*row, cost) for row, cost in sorted(tallied.spent().items())]
    await connection.executemany(_CLOSE, rows)


async def _attempt(connection: asyncpg.Connection, statement: str) -> None:
    """Let who waits behind it go on before it is tried again."""
    for left in reversed(range(_ATTEMPTS)):
        try:
            async with connection.transaction():
                await connection.execute(statement)
        except asyncpg.LockNotAvailableError:
            if not left:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            return
