"""Without a statement cache, as behind a pooler: the session keeps nothing, time-outs still hold."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from bursar.database.connections import Connection
from bursar.database.pool import Database
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.domain.errors import Overloaded

SETTINGS = Statement(
    text(
        "SELECT current_setting('statement_timeout') AS statement,"
        " current_setting('lock_timeout') AS lock,"
        " current_setting('idle_in_transaction_session_timeout') AS idle"
    )
)
PREPARED = Statement(text("SELECT count(*) AS statements FROM pg_prepared_statements"))
LEFT = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"


@pytest.fixture
async def pooled(empty: str) -> AsyncIterator[Database]:
    pool = Database(empty, size=1, statement_cache=0)
    yield pool
    await pool.close()


async def test_time_outs_hold_in_reads_writes_and_snapshots(pooled: Database) -> None:
    async def read_in(tx: Connection) -> Row | None:
        return await tx.one(SETTINGS)

    async with pooled.snapshot() as snapshot:
        seen = [await snapshot.one(SETTINGS)]
    seen += [
        await pooled.one(SETTINGS),
        (await pooled.all(SETTINGS))[0],
        await pooled.write(read_in),
    ]
    assert [tuple(row or ()) for row in seen] == [("5s", "2s", "10s")] * 4


async def test_nothing_is_left_in_the_session(pooled: Database, empty: str) -> None:
    fresh = await asyncpg.connect(empty)
    usual = tuple(await fresh.fetchrow(LEFT))
    await fresh.close()
    await pooled.one(SETTINGS)
    found = await pooled.one(PREPARED)
    assert found is not None
    assert found.statements == 0
    async with pooled.connection() as connection:
        assert tuple(await connection.raw.fetchrow(LEFT)) == usual


async def test_who_waits_too_long_for_a_lock_is_told(
    pooled: Database, as_owner: asyncpg.Connection
) -> None:
    await as_owner.execute("CREATE TABLE things (id int)")
    async with as_owner.transaction():
        await as_owner.execute("LOCK TABLE things")
        with pytest.raises(Overloaded):
            await pooled.all(Statement(text("SELECT * FROM things")))
    assert await pooled.all(Statement(text("SELECT * FROM things"))) == []
