"""A new key of the first platform admin, for an operator who lost theirs."""

import asyncio

from bursar.operations.database import CommandDatabase, reached
from bursar.services import first_admin
from bursar.settings import Settings


def new(settings: Settings) -> str:
    """Make the key; answers its secret, which is kept nowhere."""

    async def make(database: CommandDatabase) -> str:
        await database.prepare()
        return await database.write(lambda tx: first_admin.new_key(tx, pepper=database.peppers[0]))

    with reached(settings) as database:
        return asyncio.run(make(database))
