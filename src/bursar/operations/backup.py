"""Backup and restore of the embedded database, as an operator runs them."""

import asyncio
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import asyncpg

from bursar.database import dumps
from bursar.database.connections import CONNECT_SECONDS
from bursar.operations.database import CommandDatabase, existing, owned
from bursar.operations.failure import Failure
from bursar.settings import Settings, variable

_HAS_TABLES = "SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace)"


def backup(settings: Settings, file: Path) -> int:
    """Write a dump, readable by its writer only; answers its size in bytes.

    A server that runs goes on. The file is there whole or not at all; one of that name is replaced.
    """
    _demand_embedded(settings)
    with existing(settings) as database:
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.absolute().parent)
        os.close(descriptor)
        draft = Path(name)
        try:
            dumps.dump(settings.data_dir, database.owner_url, draft)
            size = draft.stat().st_size
            draft.replace(file)
        finally:
            with suppress(FileNotFoundError):
                draft.unlink()
    return size


def restore(settings: Settings, file: Path) -> bool:
    """Load a dump into a data directory that has no data yet, all of it or nothing.

    An earlier version's is brought to this version's schema. Answers whether the pepper is new, and
    so not the one that the dump's keys were hashed with.
    """
    _demand_embedded(settings)
    has_pepper = bool(settings.pepper) or (settings.data_dir / "pepper").exists()
    with file.open("rb") as dump, owned(settings) as database:
        if asyncio.run(_has_tables(database)):
            raise Failure(f"{settings.data_dir} holds data already: restore into another directory")
        dumps.load(settings.data_dir, database.owner_url, dump)
        asyncio.run(database.prepare())
    return not has_pepper


def _demand_embedded(settings: Settings) -> None:
    if settings.database_url is not None:
        raise Failure(
            f"{variable('database_url')} names another PostgreSQL: use its own pg_dump and psql"
        )


async def _has_tables(database: CommandDatabase) -> bool:
    connection = await asyncpg.connect(database.owner_url, timeout=CONNECT_SECONDS)
    try:
        return bool(await connection.fetchval(_HAS_TABLES))
    finally:
        await connection.close()
