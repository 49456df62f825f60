"""Migrations as an operator runs them; of many replicas that do at once, one works."""

import asyncio
from dataclasses import dataclass

from bursar.database import migrations, revision
from bursar.operations.database import CommandDatabase, reached
from bursar.settings import Settings


@dataclass(frozen=True)
class SchemaStatus:
    """Where the database is, where this version of Bursar is, and what lies between, in order."""

    current: str | None
    head: str
    pending: list[str]


def head(settings: Settings) -> SchemaStatus:
    """Bring the schema to this version's; answers where it was before."""

    async def move(database: CommandDatabase) -> SchemaStatus:
        before = await _status(database)
        await database.migrate()
        return before

    with reached(settings) as database:
        return asyncio.run(move(database))


def down(settings: Settings, goal: str) -> SchemaStatus:
    """Take the schema back, with the data that it cannot hold; answers where it is now."""

    async def move(database: CommandDatabase) -> SchemaStatus:
        await migrations.downgrade(database.owner_url, goal)
        return await _status(database)

    with reached(settings) as database:
        return asyncio.run(move(database))


def status(settings: Settings) -> SchemaStatus:
    with reached(settings) as database:
        return asyncio.run(_status(database))


async def _status(database: CommandDatabase) -> SchemaStatus:
    return SchemaStatus(
        current=await revision.current(database.owner_url),
        head=revision.HEAD,
        pending=await migrations.pending(database.owner_url),
    )
