"""The pool's connections, wanted by more than there are: whoever waits is served in turn."""

import asyncio

from bursar.database.embedded import EmbeddedPostgres
from bursar.database.pool import Database


async def test_who_waits_for_a_connection_is_served_before_who_comes_later(
    migrated: EmbeddedPostgres,
) -> None:
    database = Database(migrated.application_url, size=1)
    served = []

    async def borrow(name: str) -> None:
        async with database.connection():
            served.append(name)

    async with database.connection():
        waiting = [asyncio.create_task(borrow(name)) for name in ("first", "second")]
        await asyncio.sleep(0)
    await borrow("late")  # comes at the very moment that the connection is free
    await asyncio.gather(*waiting)
    await database.close()
    assert served == ["first", "second", "late"]
