"""Partitions: the months that usage is stored by, made before they come.

A partition is made beside its table and then attached, which stops no one who records: that takes
SHARE UPDATE EXCLUSIVE, where CREATE TABLE … PARTITION OF would take ACCESS EXCLUSIVE.
"""

from collections.abc import Iterator
from datetime import date

import asyncpg
from sqlalchemy import Connection, text

from bursar.database.tables import metadata

MONTHS_AHEAD = 12
PARTITIONED = ("usage_events", "usage_days")
# The first days of the months that a table is stored by, so not of one that was detached; none where
# there is no such table.
MONTHS = """
    SELECT to_date(right(relname, 7), 'YYYY_MM') FROM pg_inherits
    JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = to_regclass('{table}') ORDER BY 1
"""
_TODAY = "SELECT (now() AT TIME ZONE 'UTC')::date"


def name_of(table: str, month: date) -> str:
    return f"{table}_{month:%Y_%m}"


def month_of(day: date, later: int = 0) -> date:
    """The first of the month of a day, or of the one that is so many later."""
    years, month = divmod(day.year * 12 + day.month - 1 + later, 12)
    return date(years, month + 1, 1)


async def are_there(connection: asyncpg.Connection) -> bool:
    """Whether `make_ahead` has nothing to make, as it mostly has not."""
    wanted = set(_months(*_ahead(await connection.fetchval(_TODAY))))
    for table in PARTITIONED:
        there = await connection.fetch(MONTHS.format(table=table))
        if not wanted <= {month for (month,) in there}:
            return False
    return True


def make_ahead(connection: Connection) -> list[str]:
    """Make what is missing from the month before this one, for what comes late, to a year ahead."""
    return make(connection, *_ahead(connection.execute(text(_TODAY)).scalar_one()))


def make(connection: Connection, first: date, last: date) -> list[str]:
    """Make the partitions of the months from one day's to another's that are missing.

    Answers their names.
    """
    made = list[str]()
    for table in PARTITIONED:
        if connection.execute(text(f"SELECT to_regclass('{table}')")).scalar_one() is None:
            continue  # an earlier revision, which does not have it
        there = set(connection.execute(text(MONTHS.format(table=table))).scalars())
        missing = [month for month in _months(first, last) if month not in there]
        made += [_attach(connection, table, month) for month in missing]
    return made


def _ahead(today: date) -> tuple[date, date]:
    return month_of(today, -1), month_of(today, MONTHS_AHEAD)


def _months(first: date, last: date) -> Iterator[date]:
    month = month_of(first)
    while month <= last:
        yield month
        month = month_of(month, 1)


def _attach(connection: Connection, table: str, month: date) -> str:
    name, (start, end) = name_of(table, month), (month, month_of(month, 1))
    connection.execute(text(f"CREATE TABLE IF NOT EXISTS {name} (LIKE {table} INCLUDING ALL)"))
    connection.execute(
        text(
            f"ALTER TABLE {table} ATTACH PARTITION {name} "
            f"FOR VALUES FROM ('{_bound(table, start)}') TO ('{_bound(table, end)}')"
        )
    )
    return name


def _bound(table: str, month: date) -> str:
    (key,) = metadata.tables[table].primary_key.columns.keys()[:1]
    return f"{month} 00:00:00+00" if key == "at" else str(month)
