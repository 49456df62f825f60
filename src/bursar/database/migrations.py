"""Migrations: how a database gets from one revision to another, whoever else tries to at once."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

import bursar
from bursar.database import partitions
from bursar.database.connections import CONNECT_SECONDS
from bursar.database.revision import NoSuchRevision, UnknownRevision, current

Answer = TypeVar("Answer")

TURN_SECONDS = 60
"""How long one process waits for another one's migration to end."""

# As Alembic makes it by itself, but before anything is read, so that there is something to lock.
_VERSION_TABLE = """
    CREATE TABLE IF NOT EXISTS alembic_version (
        version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY
    )
"""
# Unique violation in the catalog, duplicate table, duplicate object: what IF NOT EXISTS answers
# where another transaction commits the same table at that moment.
_MADE_BY_ANOTHER = {"23505", "42P07", "42710"}


async def upgrade(dsn: str, revision: str = "head") -> None:
    """Bring the schema up to a revision, with the partitions of the months to come.

    All of the way or none of it.
    Of several processes that try at once, one does it and the others find nothing left to do. In a
    process, do it once at a time: Alembic keeps global state. Raises UnknownRevision.
    """
    await alone(dsn, lambda connection: _up(connection, revision))


async def downgrade(dsn: str, revision: str) -> None:
    """Take the schema back to a revision, `base` for none, with the data that it cannot hold.

    Raises UnknownRevision, or NoSuchRevision for another than a revision of this version below it.
    """
    await alone(dsn, lambda connection: _move(command.downgrade, connection, revision))


async def pending(dsn: str) -> list[str]:
    """The revisions that `upgrade` would apply, in their order. Raises UnknownRevision."""
    return _after(await current(dsn))


async def make_partitions(dsn: str) -> list[str]:
    """Make the partitions of the months to come, which nobody waits for; answers their names.

    Of several that try at once one makes them, after a migration that runs. `dsn` is the owner's.
    """
    async with _transaction(dsn) as connection:
        await connection.execute(text("LOCK TABLE alembic_version IN SHARE UPDATE EXCLUSIVE MODE"))
        return await connection.run_sync(partitions.make_ahead)


async def alone(dsn: str, work: Callable[[Connection], Answer]) -> Answer:
    """Run work in one transaction that no other migration runs beside."""
    async with _transaction(dsn) as connection:
        await _make_version_table(connection)
        await connection.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
        return await connection.run_sync(work)


@asynccontextmanager
async def _transaction(dsn: str) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(dsn, timeout=CONNECT_SECONDS, statement_cache_size=0),
        # A pooler may hand out a session that another process has named statements in.
        connect_args={
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"bursar_{uuid4().hex}",
        },
        poolclass=NullPool,
        # What the one before committed has to be seen once its lock is gone.
        isolation_level="READ COMMITTED",
    )
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        await connection.execute(text(f"SET LOCAL lock_timeout = '{TURN_SECONDS}s'"))
        yield connection


async def _make_version_table(connection: AsyncConnection) -> None:
    try:
        async with connection.begin_nested():
            await connection.execute(text(_VERSION_TABLE))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in _MADE_BY_ANOTHER:
            raise


def _up(connection: Connection, revision: str) -> None:
    _move(command.upgrade, connection, revision)
    partitions.make_ahead(connection)


def _move(direction: Callable[[Config, str], None], connection: Connection, revision: str) -> None:
    _after(MigrationContext.configure(connection).get_current_revision())
    config = _config()
    config.attributes["connection"] = connection
    try:
        direction(config, revision)
    except CommandError:
        raise NoSuchRevision(revision) from None


def _after(revision: str | None) -> list[str]:
    scripts = _scripts()
    later: list[str] = []
    for script in scripts.walk_revisions():
        if script.revision == revision:
            return later[::-1]
        later.append(script.revision)
    if revision is not None:
        raise UnknownRevision(revision)
    return later[::-1]


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    """In code, since a wheel has no pyproject.toml; it has the migrations inside its package."""
    package = Path(bursar.__file__).parent
    checkout = package.parents[1] / "migrations"
    folder = checkout if checkout.is_dir() else package / "migrations"
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config
