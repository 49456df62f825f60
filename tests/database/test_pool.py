"""The pool: never more connections than its size, and none lost whatever becomes of a borrower."""

import asyncio
import os
import random
import signal
import time

import asyncpg
import pytest
from sqlalchemy import text

from bursar.database import pool as pools
from bursar.database.borrowing import Borrowing, borrowing
from bursar.database.connections import Connection
from bursar.database.pool import Database
from bursar.database.statements import Statement
from bursar.domain.errors import Overloaded, Unavailable

PID = Statement(text("SELECT pg_backend_pid() AS pid"))
SLEEP = Statement(text("SELECT pg_sleep(0.5)"))
LONG_SLEEP = Statement(text("SELECT pg_sleep(4)"))
SLEEPS = """
SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(4)' AND state = 'active'
"""
COUNT = Statement(text("SELECT count(*) AS rows, sum(value) AS total FROM things"))
RAISE = Statement(text("UPDATE things SET value = value + 1 WHERE id = :id RETURNING value"))
BACKENDS = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'bursar' AND datname = current_database() AND usename = current_user
"""


async def settled(as_owner: asyncpg.Connection, backends: int) -> None:
    """See that PostgreSQL has this many of our connections, as it learns of a closed one late."""
    for _ in range(500):
        if await as_owner.fetchval(BACKENDS) == backends:
            return
        await asyncio.sleep(0.01)
    assert await as_owner.fetchval(BACKENDS) == backends


async def at_rest(pool: Database, *, lent: int = 0) -> None:
    """See that no more than this is lent any more, soon."""
    deadline = time.monotonic() + 2
    while pool.use.lent > lent:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


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


async def test_the_connection_that_came_back_last_goes_out_first(things: Database) -> None:
    async with things.connection() as first, things.connection() as second:
        pids = [await pid(second), await pid(first)]
    assert await pid(things) == pids[1]  # contexts are left in reverse
    async with things.connection() as again, things.connection() as other:
        assert [await pid(again), await pid(other)] == pids[::-1]


async def test_connections_are_opened_when_needed_and_kept(
    things: Database, as_owner: asyncpg.Connection
) -> None:
    await settled(as_owner, 0)
    assert len({await pid(things) for _ in range(5)}) == 1
    await settled(as_owner, 1)


@pytest.mark.usefixtures("impatient")
async def test_no_more_than_its_size_are_out_and_who_waits_too_long_is_told(
    things: Database, as_owner: asyncpg.Connection
) -> None:
    await all_work(things, 3)
    await settled(as_owner, 3)


async def test_all_who_wait_get_their_turn(things: Database, as_owner: asyncpg.Connection) -> None:
    await asyncio.gather(*(things.write(lambda tx: tx.one(RAISE, id=1)) for _ in range(50)))
    row = await things.one(COUNT)
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


async def test_the_connection_of_a_cancelled_borrower_comes_back_without_its_statement(
    things: Database, as_owner: asyncpg.Connection
) -> None:
    before = await pid(things)
    borrower = asyncio.create_task(things.one(SLEEP))
    await asyncio.sleep(0.05)
    borrower.cancel()
    with pytest.raises(asyncio.CancelledError):
        await borrower
    async with things.connection() as meanwhile:
        other = await pid(meanwhile)
        await at_rest(things, lent=1)
        async with things.connection() as returned:
            assert await pid(returned) == before != other
    await settled(as_owner, 2)


async def test_a_statement_whose_values_are_refused_before_they_are_sent_does_not_go_on(
    things: Database, as_owner: asyncpg.Connection
) -> None:
    """Prepared and never run, it would time out in the midst of what the next borrower asks."""
    backend = await pid(things)
    with pytest.raises(asyncpg.DataError):
        await things.one(RAISE, id="no number")
    await at_rest(things, lent=0)
    state = "SELECT state FROM pg_stat_activity WHERE pid = $1"
    assert await as_owner.fetchval(state, backend) == "idle"


async def test_a_cancelled_transaction_lets_its_locks_go_at_once(
    things: Database, as_owner: asyncpg.Connection
) -> None:
    async def work(tx: Connection) -> None:
        await tx.one(RAISE, id=1)
        await tx.one(LONG_SLEEP)

    for writing in range(5):
        borrower = asyncio.create_task(things.write(work))
        async with asyncio.timeout(5):
            while await as_owner.fetchval(SLEEPS) == 0:
                pass
        borrower.cancel()
        started = time.monotonic()
        await asyncio.gather(borrower, return_exceptions=True)
        await things.write(lambda tx: tx.one(RAISE, id=1))
        assert time.monotonic() - started < 0.5
        assert await as_owner.fetchval("SELECT value FROM things WHERE id = 1") == writing + 1


@pytest.mark.usefixtures("impatient")
async def test_a_connection_that_does_not_come_to_rest_is_closed(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "REST_SECONDS", 0.1)
    pool = Database(empty, size=1)
    stopped = await pid(pool)
    os.kill(stopped, signal.SIGSTOP)
    try:
        borrower = asyncio.create_task(pid(pool))
        await asyncio.sleep(0.05)
        borrower.cancel()
        await asyncio.gather(borrower, return_exceptions=True)
        await at_rest(pool)
        assert await pid(pool) != stopped
    finally:
        os.kill(stopped, signal.SIGCONT)
    await pool.close()


async def test_a_pool_is_closed_after_what_comes_to_rest(
    things: Database, as_owner: asyncpg.Connection
) -> None:
    borrower = asyncio.create_task(things.one(LONG_SLEEP))
    await asyncio.sleep(0.05)
    borrower.cancel()
    await asyncio.gather(borrower, return_exceptions=True)
    await things.close()
    await settled(as_owner, 0)


async def test_whoever_borrows_for_a_request_can_be_cancelled_with_it(things: Database) -> None:
    token = borrowing.set(request := Borrowing())
    left_behind = [asyncio.create_task(things.one(LONG_SLEEP)) for _ in range(5)]  # 2 wait for one
    await asyncio.sleep(0.05)
    borrowing.reset(token)
    request.cancel()
    ended = await asyncio.gather(*left_behind, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended)
    await at_rest(things)
    request.cancel()


async def test_a_request_may_have_changed_something_from_its_first_commit_on(
    things: Database,
) -> None:
    token = borrowing.set(request := Borrowing())
    async with things.snapshot() as reads:
        await reads.one(COUNT)
    with pytest.raises(ZeroDivisionError):
        await things.write(lambda _: 1 // 0)  # type: ignore[arg-type,return-value]  # fails before
    assert not request.may_have_changed
    await things.write(lambda tx: tx.one(RAISE, id=1))
    assert request.may_have_changed
    borrowing.reset(token)


@pytest.mark.usefixtures("impatient")
async def test_after_a_storm_of_cancellations_all_connections_are_there(
    things: Database, as_owner: asyncpg.Connection
) -> None:
    chance = random.Random(7)  # noqa: S311 (not for secrets)

    async def borrow() -> None:
        async with things.connection() as connection:
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
    await all_work(things, 3)
    await settled(as_owner, 3)


async def test_connections_that_were_closed_meanwhile_are_replaced(
    things: Database, as_owner: asyncpg.Connection
) -> None:
    async with things.connection() as first, things.connection() as second:
        pids = {await pid(first), await pid(second)}
    for killed in pids:
        await as_owner.fetchval("SELECT pg_terminate_backend($1)", killed)
    await settled(as_owner, 0)
    await asyncio.sleep(0.05)  # until the sockets' end is read
    assert await pid(things) not in pids


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


async def test_a_closed_pool_keeps_no_connection_but_lets_borrowers_end(
    things: Database, as_owner: asyncpg.Connection
) -> None:
    async with things.connection(), things.connection():
        pass
    async with things.connection() as borrowed:
        await things.close()
        await settled(as_owner, 1)
        assert await pid(borrowed)
    await settled(as_owner, 0)
