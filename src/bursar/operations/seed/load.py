"""Seeding: a population is loaded into a migrated database, whole or not at all."""

from collections.abc import Callable, Iterator
from typing import Any

import asyncpg

from bursar.database.connections import CONNECT_SECONDS
from bursar.database.migrations import alone
from bursar.database.partitions import make
from bursar.operations.failure import Failure
from bursar.operations.seed.population import Population
from bursar.operations.seed.rows import Rows, rows_of
from bursar.operations.seed.spends import count
from bursar.operations.seed.usage import DAY, EVENT, SeededUsage

Report = Callable[[str, int, int], None]
"""Told a table, how many of its rows were sent, and about how many there will be."""

_ROWS_PER_REPORT = 1000


def _silence(table: str, done: int, total: int) -> None:
    pass


async def seed(
    dsn: str,
    *,
    organizations: int,
    teams: int,
    users: int,
    members_per_team: int,
    keys_per_team: int = 0,
    days: int = 0,
    events_per_day: int = 0,
    seed: int = 0,
    report: Report = _silence,
) -> dict[str, int]:
    """Load a population beside what is there; answers the number of rows by table.

    The same numbers give the same rows, but for calls, which are of the days until now. Users and
    members per team are at least one. The DSN is the owner's: others may not collect the statistics
    that PostgreSQL plans by. Raises Failure where the database was seeded so before, or has no tables.
    """
    population = Population(organizations, teams, users, members_per_team, keys_per_team, seed)
    sent: dict[str, int] = {}
    connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS)
    try:
        async with connection.transaction():
            for rows in rows_of(population):
                status = await connection.copy_records_to_table(
                    rows.table, records=_reported(rows, report), columns=rows.columns
                )
                sent[rows.table] = int(status.removeprefix("COPY "))
            if days and events_per_day:
                now = await connection.fetchval("SELECT now()")
                usage = SeededUsage(population, now, days, events_per_day)
                sent |= await _load_usage(connection, dsn, usage, report)
        await connection.execute(f"ANALYZE {', '.join(sent)}")
    except asyncpg.UniqueViolationError as error:
        raise Failure(
            f"the database holds data of seed {seed} already: give another with --seed"
        ) from error
    except asyncpg.UndefinedTableError as error:
        raise Failure(
            "the database is not at this version's schema: run `bursar migrate`"
        ) from error
    finally:
        await connection.close()
    return sent


async def _load_usage(
    connection: asyncpg.Connection, dsn: str, usage: SeededUsage, report: Report
) -> dict[str, int]:
    """Load calls with the sums of their days, in months that are made first, and count them."""
    await alone(dsn, lambda beside: make(beside, usage.begins.date(), usage.ends.date()))
    sent = {"usage_events": 0, "usage_days": 0}
    for day in usage.days():
        for table, columns, rows in (
            ("usage_events", EVENT, day.events),
            ("usage_days", DAY, day.sums),
        ):
            await connection.copy_records_to_table(table, records=rows, columns=columns)
            sent[table] += len(rows)
        report("usage_events", sent["usage_events"], max(sent["usage_events"], usage.total))
    counted = await count(connection, usage.request_ids, usage.begins, usage.ends)
    return sent | counted


def _reported(rows: Rows, report: Report) -> Iterator[tuple[Any, ...]]:
    done = 0
    for done, row in enumerate(rows.rows, 1):
        yield row
        if done % _ROWS_PER_REPORT == 0:
            report(rows.table, done, max(done, rows.total))
    report(rows.table, done, done)
