"""Grants: what the application's role may do with each table, and so what it never can."""

import asyncpg

from bursar.database.connections import CONNECT_SECONDS
from bursar.database.tables import (
    audit_entries,
    audit_heads,
    metadata,
    spend_adjustments,
    usage_events,
)

ALL_DATA = "SELECT, INSERT, UPDATE, DELETE"
# What was written there stays as it was written.
APPEND_ONLY = {audit_entries.name, spend_adjustments.name, usage_events.name}
# Each entry moves the head of its chain; none takes it away.
MOVED = {audit_heads.name}
RIGHTS = (
    {"alembic_version": "SELECT"}
    | dict.fromkeys(metadata.tables, ALL_DATA)
    | dict.fromkeys(APPEND_ONLY, "SELECT, INSERT")
    | dict.fromkeys(MOVED, "SELECT, INSERT, UPDATE")
)


async def grant(dsn: str, role: str) -> None:
    """Let a role use the tables as the application does; `dsn` is their owner's, after `upgrade`.

    Whatever the role could do with them before is taken away first, in the same transaction.
    """
    connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, statement_cache_size=0)
    try:
        async with connection.transaction():
            # Grants on one table at the same time fail; migrations take this lock too.
            await connection.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
            receiver = await connection.fetchval("SELECT quote_ident($1)", role)
            for table, granted in RIGHTS.items():
                await connection.execute(
                    f"REVOKE ALL ON {table} FROM {receiver};"
                    f"GRANT {granted} ON {table} TO {receiver}"
                )
    finally:
        await connection.close()
