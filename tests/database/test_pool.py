"""The pool: never more connections than its size, none lost, and transactions that are whole."""

import asyncio
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from bursar.database import pool as pools
from bursar.database.connections import Connection
from bursar.database.pool import ATTEMPTS, Database, RunAgain
from bursar.database.statements import Statement
from bursar.domain.errors import AlreadyTaken, OutcomeUnknown, Overloaded, Unavailable

PID = Statement(text("SELECT pg_backend_pid() AS pid"))
SLEEP = Statement(text("SELECT pg_sleep(0.5)"))
COUNT = Statement(text("SELECT count(*) AS rows, sum(value) AS total FROM things"))
ADD = Statement(text("INSERT INTO things (id, value) VALUES (:id, 0)"))
RAISE = Statement(text("UPDATE things SET value = value + 1 WHERE id = :id RETURNING value"))
BACKENDS = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'bursar' AND datname = current_database() AND usename = current_user
"""


@pytest.fixture
async def pool(empty: str, as_owner: asyncpg.Connection) -> AsyncIterator[Database]:
    await as_owner.execute(
        "CREATE TABLE things (id int PRIMARY KEY, value int NOT NULL,"
        " external_id text CONSTRAINT teams_external_id_key UNIQUE);"
        "INSERT INTO things VALUES (1, 0), (2, 0)"
    )
    pool = Database(empty, size=3)
    yield pool
    await pool.close()
    await settled(as_owner, 0)


async def settled(as_owner: asyncpg.Connection, backends: int) -> None:
    """See that PostgreSQL has this many of our connections, as it learns of a closed one late."""
    for _ in range(500):
        if await as_owner.fetchval(BACKENDS) == backends:
            return
        await asyncio.sleep(0.01)
    assert await as_owner.fetchval(BACKENDS) == backends


async def pid(source: Database | Connection) -> int:
    row = await source.one(PID)
    assert row is not None
    return int(row.pid)


async def all_work(pool: Database, size: int) -> None:
    """See that as many connections as the pool's size can be borrowed at once, and no more."""
    loop = asyncio.get_running_loop()
    leave, started = loop.create_future(), asyncio.Semaphore(0)

    async def borrow() -> int:
        async with pool.connection() as connection:
            found = await pid(connection)
            started.release()
            await leave
            return found

    borrowers = [asyncio.create_task(borrow()) for _ in range(size)]
    for _ in borrowers:
        await started.acquire()
    with pytest.raises(Overloaded):
        await pid(pool)
    leave.set_result(None)
    assert len(set(await asyncio.gather(*borrowers))) == size


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "ACQUIRE_SECONDS", 0.1)


async def test_the_connection_that_came_back_last_goes_out_first(pool: Database) -> None:
    async with pool.connection() as first, pool.connection() as second:
        pids = [await pid(second), await pid(first)]
    assert await pid(pool) == pids[1]  # contexts are left in reverse
    async with pool.connection() as again, pool.connection() as other:
        assert [await pid(again), await pid(other)] == pids[::-1]


async def test_connections_are_opened_when_needed_and_kept(
    pool: Database, as_owner: asyncpg.Connection
) -> None:
    await settled(as_owner, 0)
    assert len({await pid(pool) for _ in range(5)}) == 1
    await settled(as_owner, 1)


@pytest.mark.usefixtures("impatient")
async def test_no_more_than_its_size_are_out_and_who_waits_too_long_is_told(
    pool: Database, as_owner: asyncpg.Connection
) -> None:
    await all_work(pool, 3)
    await settled(as_owner, 3)


async def test_all_who_wait_get_their_turn(pool: Database, as_owner: asyncpg.Connection) -> None:
    await asyncio.gather(*(pool.write(lambda tx: tx.one(RAISE, id=1)) for _ in range(50)))
    row = await pool.one(COUNT)
    assert row is not None
    assert row.total == 50
    await settled(as_owner, 3)


@pytest.mark.usefixtures("impatient")
async def test_a_waiter_who_gives_up_as_the_turn_comes_passes_it_on(empty: str) -> None:
    pool = Database(empty, size=1)
    async with pool.connection():
        leaver, stayer = asyncio.create_task(pid(pool)), asyncio.create_task(pid(pool))
        await asyncio.sleep(0)
    leaver.cancel()  # after the release that woke it, before it runs
    with pytest.raises(asyncio.CancelledError):
        await leaver
    assert await stayer
    await pool.close()


@pytest.mark.usefixtures("impatient")
async def test_a_waiter_who_gave_up_before_is_passed_over(empty: str) -> None:
    pool = Database(empty, size=1)
    async with pool.connection():
        leaver, stayer = asyncio.create_task(pid(pool)), asyncio.create_task(pid(pool))
        await asyncio.sleep(0)
        leaver.cancel()
        await asyncio.sleep(0)
    assert await stayer
    await pool.close()


@pytest.mark.usefixtures("impatient")
async def test_the_connection_of_a_cancelled_borrower_is_closed_and_replaced(
    pool: Database, as_owner: asyncpg.Connection
) -> None:
    before = await pid(pool)
    borrower = asyncio.create_task(pool.one(SLEEP))
    await asyncio.sleep(0.05)
    borrower.cancel()
    with pytest.raises(asyncio.CancelledError):
        await borrower
    assert await pid(pool) != before
    await all_work(pool, 3)
    await settled(as_owner, 3)


async def test_a_cancelled_transaction_changes_nothing(
    pool: Database, as_owner: asyncpg.Connection
) -> None:
    async def work(tx: Connection) -> None:
        await tx.one(RAISE, id=1)
        await tx.one(SLEEP)

    writer = asyncio.create_task(pool.write(work))
    await asyncio.sleep(0.1)
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer
    await as_owner.execute("SET lock_timeout = '5s'; UPDATE things SET value = 5 WHERE id = 1")
    assert await as_owner.fetchval("SELECT value FROM things WHERE id = 1") == 5


@pytest.mark.usefixtures("impatient")
async def test_after_a_storm_of_cancellations_all_connections_are_there(
    pool: Database, as_owner: asyncpg.Connection
) -> None:
    chance = random.Random(7)  # noqa: S311 (not for secrets)

    async def borrow() -> None:
        async with pool.connection() as connection:
            await pid(connection)
            await asyncio.sleep(chance.random() / 100)
            await pid(connection)

    for _ in range(20):
        tasks = [asyncio.create_task(borrow()) for _ in range(10)]
        for task in tasks:
            await asyncio.sleep(chance.random() / 200)
            if chance.random() < 0.7:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await all_work(pool, 3)
    await settled(as_owner, 3)


async def test_connections_that_were_closed_meanwhile_are_replaced(
    pool: Database, as_owner: asyncpg.Connection
) -> None:
    async with pool.connection() as first, pool.connection() as second:
        pids = {await pid(first), await pid(second)}
    for killed in pids:
        await as_owner.fetchval("SELECT pg_terminate_backend($1)", killed)
    await settled(as_owner, 0)
    await asyncio.sleep(0.05)  # until the sockets' end is read
    assert await pid(pool) not in pids


@pytest.mark.usefixtures("impatient")
async def test_a_failure_to_connect_is_unavailable_and_gives_the_place_back(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Database(empty, size=1)
    with monkeypatch.context() as patched:
        patched.setattr(pool, "_dsn", "postgresql://bursar@127.0.0.1:1/none")
        for _ in range(3):
            with pytest.raises(Unavailable):
                await pid(pool)
    assert await pid(pool)
    await pool.close()


async def test_what_fails_changes_nothing_and_leaves_the_connection_good(pool: Database) -> None:
    before = await pid(pool)

    async def work(tx: Connection) -> None:
        await tx.one(RAISE, id=1)
        raise KeyError

    with pytest.raises(KeyError):
        await pool.write(work)
    with pytest.raises(asyncpg.UndefinedTableError):
        await pool.write(lambda tx: tx.one(Statement(text("SELECT * FROM nothing"))))
    row = await pool.one(COUNT)
    assert row is not None
    assert row.total == 0
    assert await pid(pool) == before


async def test_a_transaction_that_could_not_be_serialized_is_run_again(
    pool: Database, as_owner: asyncpg.Connection
) -> None:
    runs = 0

    async def work(tx: Connection) -> int:
        nonlocal runs
        runs += 1
        await tx.command("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await tx.one(COUNT)
        if runs == 1:
            await as_owner.execute("UPDATE things SET value = 10 WHERE id = 1")
        row = await tx.one(RAISE, id=1)
        assert row is not None
        return int(row.value)

    assert (await pool.write(work), runs) == (11, 2)


async def test_the_victim_of_a_deadlock_is_run_again(pool: Database) -> None:
    together, runs = asyncio.Barrier(2), 0

    async def both(first: int, second: int) -> None:
        mine = 0

        async def work(tx: Connection) -> None:
            nonlocal runs, mine
            runs, mine = runs + 1, mine + 1
            await tx.one(RAISE, id=first)
            if mine == 1:
                await together.wait()
            await tx.one(RAISE, id=second)

        await pool.write(work)

    await asyncio.gather(both(1, 2), both(2, 1))
    row = await pool.one(COUNT)
    assert row is not None
    assert (row.total, runs) == (4, 3)


async def test_work_that_asks_to_be_run_again_starts_from_nothing(pool: Database) -> None:
    runs = 0

    async def work(tx: Connection) -> int:
        nonlocal runs
        runs += 1
        await tx.one(ADD, id=10)
        if runs < ATTEMPTS:
            raise RunAgain
        return runs

    assert await pool.write(work) == ATTEMPTS
    row = await pool.one(COUNT)
    assert row is not None
    assert row.rows == 3


async def test_work_that_never_wins_is_overloaded(pool: Database) -> None:
    runs = 0

    async def work(_tx: Connection) -> None:
        nonlocal runs
        runs += 1
        raise RunAgain

    with pytest.raises(Overloaded):
        await pool.write(work)
    assert runs == ATTEMPTS


async def test_a_unique_constraint_that_guards_a_rule_is_its_refusal(pool: Database) -> None:
    take = Statement(text("UPDATE things SET external_id = 'mine' WHERE id = :id"))
    await pool.write(lambda tx: tx.one(take, id=1))
    with pytest.raises(AlreadyTaken) as refused:
        await pool.write(lambda tx: tx.one(take, id=2))
    assert refused.value.path == ("external_id",)


async def test_another_unique_constraint_is_a_fault_that_can_be_told(pool: Database) -> None:
    with pytest.raises(asyncpg.UniqueViolationError) as fault:
        await pool.write(lambda tx: tx.one(ADD, id=1))
    assert fault.value.__cause__ is None  # itself as its cause would have no end


async def test_who_waits_too_long_for_a_lock_is_told_so(
    pool: Database, as_owner: asyncpg.Connection
) -> None:
    async def work(tx: Connection) -> None:
        await tx.command("SET LOCAL lock_timeout = '20ms'")
        await tx.one(RAISE, id=1)

    async with as_owner.transaction():
        await as_owner.execute("UPDATE things SET value = 7 WHERE id = 1")
        with pytest.raises(Overloaded):
            await pool.write(work)
    await pool.write(work)


async def test_a_statement_that_takes_too_long_is_overloaded(pool: Database) -> None:
    async def work(tx: Connection) -> None:
        await tx.command("SET LOCAL statement_timeout = '20ms'")
        await tx.one(SLEEP)

    before = await pid(pool)
    with pytest.raises(Overloaded):
        await pool.write(work)
    assert await pid(pool) == before


@pytest.mark.usefixtures("impatient")
async def test_a_connection_killed_in_the_middle_is_unavailable_and_replaced(
    pool: Database, as_owner: asyncpg.Connection
) -> None:
    async def work(tx: Connection) -> None:
        await tx.one(RAISE, id=1)
        found = await pid(tx)
        killer = asyncio.create_task(kill(as_owner, found))
        try:
            await tx.one(SLEEP)
        finally:
            await killer

    with pytest.raises(Unavailable):
        await pool.write(work)
    row = await pool.one(COUNT)
    assert row is not None
    assert row.total == 0
    await all_work(pool, 3)


async def kill(as_owner: asyncpg.Connection, backend: int) -> None:
    await asyncio.sleep(0.05)
    await as_owner.fetchval("SELECT pg_terminate_backend($1)", backend)


@pytest.mark.usefixtures("impatient")
async def test_a_connection_that_dies_while_committing_leaves_the_outcome_unknown(
    pool: Database, as_owner: asyncpg.Connection
) -> None:
    async def work(tx: Connection) -> None:
        await tx.one(RAISE, id=1)
        await kill(as_owner, await pid(tx))

    with pytest.raises(OutcomeUnknown):
        await pool.write(work)
    await all_work(pool, 3)


async def test_a_snapshot_sees_one_state_and_its_readers_take_turns(
    pool: Database, as_owner: asyncpg.Connection
) -> None:
    async with pool.snapshot() as reads:
        first = await reads.one(COUNT)
        await as_owner.execute("INSERT INTO things VALUES (3, 100)")
        rows = await asyncio.gather(*(reads.one(COUNT) for _ in range(20)), reads.all(COUNT))
        assert [first, *rows] == [first] * 21 + [[first]]
        with pytest.raises(Unavailable):
            await reads.one(ADD, id=4)
    row = await pool.one(COUNT)
    assert row is not None
    assert row.rows == 3


async def test_a_snapshot_that_dies_is_unavailable(
    pool: Database, as_owner: asyncpg.Connection
) -> None:
    async def look() -> None:
        async with pool.snapshot() as reads:
            row = await reads.one(PID)
            assert row is not None
            await kill(as_owner, row.pid)

    with pytest.raises(Unavailable):
        await look()


async def test_a_closed_pool_keeps_no_connection_but_lets_borrowers_end(
    pool: Database, as_owner: asyncpg.Connection
) -> None:
    async with pool.connection(), pool.connection():
        pass
    async with pool.connection() as borrowed:
        await pool.close()
        await settled(as_owner, 1)
        assert await pid(borrowed)
    await settled(as_owner, 0)
