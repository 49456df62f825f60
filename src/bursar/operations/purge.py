"""The purge: deletes what is kept to recognize late reports, once no report so late is taken."""

from datetime import timedelta
from functools import cache

from sqlalchemy import Column, Table, bindparam, delete, func, select

from bursar.database.pool import Database
from bursar.database.statements import Statement
from bursar.database.tables import former_places, former_secrets, usage_requests
from bursar.operations.database import CommandDatabase

KEPT = timedelta(days=8)
"""How long what comes late finds its request id, and where its key was."""
# Rows deleted in one transaction: quick enough for the time-outs, and to let others go on.
BATCH = 2000
_AGED_BY = {
    usage_requests: usage_requests.c.created_at,
    former_places: former_places.c.until,
    former_secrets: former_secrets.c.until,
}


async def purge(database: CommandDatabase, *, batch: int = BATCH) -> dict[str, int]:
    """Delete them as the application does, in batches; answers how many of which table.

    Rows that another purge holds are its own.
    """
    pool = Database(database.application_url, size=1, statement_cache=database.statement_cache)
    try:
        return {table.name: await _purge(pool, table, batch) for table in _AGED_BY}
    finally:
        await pool.close()


async def _purge(pool: Database, table: Table, batch: int) -> int:
    deleted = 0
    while True:
        rows = await pool.write(lambda tx: tx.all(_delete(table), batch=batch))
        deleted += len(rows)
        if len(rows) < batch:
            return deleted


@cache
def _delete(table: Table) -> Statement:
    age: Column[object] = _AGED_BY[table]
    keys = list(table.primary_key.columns)
    old = (
        select(*keys)
        .where(age < func.now() - KEPT)
        .order_by(age)
        .limit(bindparam("batch"))
        .with_for_update(skip_locked=True)
        .cte("old")
    )
    same = (column == old.c[column.name] for column in keys)
    return Statement(delete(table).where(*same).returning(keys[0]))
