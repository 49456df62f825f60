"""What an external PostgreSQL has to be like, and what about it an operator should know."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import structlog

from bursar.database.connections import CONNECT_SECONDS
from bursar.database.revision import HEAD, current
from bursar.operations import pool_size
from bursar.operations.failure import Failure
from bursar.settings import Settings

_OLDEST = 15
_SERVER = """
    SELECT current_setting('server_version_num')::int / 10000 AS major,
        current_setting('server_encoding') AS encoding
"""
_CONNECTIONS = """
    SELECT current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0)
"""
# What an acknowledged change survives is these settings' to say: a crash, and the loss of the primary.
_KEPT_BY = """
    SELECT current_setting('server_version') AS version,
        current_setting('fsync') AS fsync,
        current_setting('synchronous_commit') AS synchronous_commit,
        current_setting('synchronous_standby_names') AS synchronous_standby_names
"""
_MAY_ALTER_AUDIT = "SELECT has_table_privilege('audit_entries', 'UPDATE, DELETE, TRUNCATE')"

log = structlog.get_logger()


async def require(dsn: str) -> None:
    """Raise Failure unless PostgreSQL, the schema and the role's rights will do; UnknownRevision."""
    async with connected(dsn) as connection:
        found = await connection.fetchrow(_SERVER)
    if found["major"] < _OLDEST:
        raise Failure(f"PostgreSQL {found['major']} is too old: {_OLDEST} is the oldest that does")
    if found["encoding"] != "UTF8":
        raise Failure(f"the database is encoded in {found['encoding']}: make one in UTF8")
    try:
        revision = await current(dsn)
    except asyncpg.InsufficientPrivilegeError as error:
        raise Failure(
            "the role of DATABASE_URL may not read the tables: run `bursar migrate` with "
            "BURSAR_OWNER_DATABASE_URL"
        ) from error
    if revision != HEAD:
        from bursar.database.migrations import pending  # noqa: PLC0415 (Alembic, which takes long)

        await pending(dsn)
        raise Failure("the database is not at this version's schema: run `bursar migrate`")


async def fitted(dsn: str, settings: Settings) -> Settings:
    """The settings with a size of pool that PostgreSQL has room for, where they say none.

    Logs what keeps acknowledged changes, and a warning for too few connections, or for a role that may
    alter the audit.
    """
    async with connected(dsn) as connection:
        if await connection.fetchval(_MAY_ALTER_AUDIT):
            log.warning("the server's database role may alter the audit: give it no tables to own")
        allowed = await connection.fetchval(_CONNECTIONS)
        log.info("PostgreSQL", **dict(await connection.fetchrow(_KEPT_BY)))
    if problem := pool_size.problem_with(settings, allowed):
        log.warning(problem)
    return pool_size.fitted(settings, allowed) if settings.statement_cache else settings


async def allowed_connections(dsn: str) -> int:
    """How many connections PostgreSQL takes of roles that are nothing in particular."""
    async with connected(dsn) as connection:
        return int(await connection.fetchval(_CONNECTIONS))


async def role_of(dsn: str) -> str:
    """The role that PostgreSQL knows who connects so by, whatever is in between."""
    async with connected(dsn) as connection:
        return str(await connection.fetchval("SELECT current_user"))


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that leaves no prepared statement behind, for poolers."""
    connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, statement_cache_size=0)
    try:
        yield connection
    finally:
        await connection.close()
