"""Partitions: the months that usage is stored by, made before they come."""

from datetime import date

from sqlalchemy import Connection, text

from bursar.database.tables import metadata

MONTHS_AHEAD = 12
PARTITIONED = ("usage_events", "usage_days")


def name_of(table: str, month: date) -> str:
    return f"{table}_{month:%Y_%m}"


def make_ahead(connection: Connection) -> None:
    """Make what is missing from the month before this one, for what comes late, to a year ahead."""
    today = connection.execute(text("SELECT (now() AT TIME ZONE 'UTC')::date")).scalar_one()
    make(connection, _month(today, -1), _month(today, MONTHS_AHEAD))


def make(connection: Connection, first: date, last: date) -> None:
    """Make the partitions of the months from one day's to another's, where they are missing."""
    for table in PARTITIONED:
        if connection.execute(text(f"SELECT to_regclass('{table}')")).scalar_one() is None:
            continue  # an earlier revision, which does not have it
        month = _month(first, 0)
        while month <= last:
            connection.execute(
                text(
                    f"CREATE TABLE IF NOT EXISTS {name_of(table, month)} PARTITION OF {table} "
                    f"FOR VALUES FROM ('{_instant(table, month)}') "
                    f"TO ('{_instant(table, _month(month, 1))}')"
                )
            )
            month = _month(month, 1)


def _instant(table: str, month: date) -> str:
    (key,) = metadata.tables[table].primary_key.columns.keys()[:1]
    return f"{month} 00:00:00+00" if key == "at" else str(month)


def _month(day: date, later: int) -> date:
    """The first of the month that is so many later."""
    years, month = divmod(day.year * 12 + day.month - 1 + later, 12)
    return date(years, month + 1, 1)
