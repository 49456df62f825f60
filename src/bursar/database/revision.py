"""Which revision a database is at, and which one this version works with.

Apart from the migrations, since to import Alembic takes longer than all that a start asks PostgreSQL.
"""

import asyncpg

from bursar.database.connections import CONNECT_SECONDS

HEAD = "0005"
"""The last of the migrations."""


class UnknownRevision(Exception):
    """The database was migrated by a later version of Bursar than this one."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"The database is at revision {revision}, which this version of Bursar does not know."
        )


class NoSuchRevision(Exception):
    """An operator named a revision that this version of Bursar does not have."""

    def __init__(self, revision: str) -> None:
        super().__init__(f"There is no revision {revision} to go back to; `base` takes all away.")


async def current(dsn: str) -> str | None:
    """The revision that the database is at; None where it was never migrated."""
    connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, statement_cache_size=0)
    try:
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            return None
        found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
        return found
    finally:
        await connection.close()
