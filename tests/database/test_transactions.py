"""Transactions: whole or not at all, run again where they lost a race, and snapshots of one state."""

import asyncio
from contextlib import suppress

import asyncpg
import pytest
from sqlalchemy import func, select, text

from bursar.database.connections import Connection
from bursar.database.pool import ATTEMPTS, Database, RunAgain
from bursar.database.statements import Statement
from bursar.domain.errors import AlreadyTaken, Invalid, OutcomeUnknown, Overloaded, Unavailable

PID = Statement(text("SELECT pg_backend_pid() AS pid"))
SLEEP = Statement(text("SELECT pg_sleep(0.5)"))
COUNT = Statement(text("SELECT count(*) AS rows, sum(value) AS total FROM things"))
ADD = Statement(text("INSERT INTO things (id, value) VALUES (:id, 0)"))
RAISE = Statement(text("UPDATE things SET value = value + 1 WHERE id = :id RETURNING value"))


async def pid(source: Database | Connection) -> int:
    row = await source.one(PID)
    assert row is not None
    return int(row.pid)


async def test_a_cancelled_transaction_changes_nothing(
    things: Database, as_owner: asyncpg.Connection
) -> None:
    async def work(tx: Connection) -> None:
        await tx.one(RAISE, id=1)
        await tx.one(SLEEP)

    writer = asyncio.create_task(things.write(work))
    await asyncio.sleep(0.1)
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer
    await as_owner.execute("SET lock_timeout = '5s'; UPDATE things SET value = 5 WHERE id = 1")
    assert await as_owner.fetchval("SELECT value FROM things WHERE id = 1") == 5


async def test_what_fails_changes_nothing_and_leaves_the_connection_good(things: Database) -> None:
    before = await pid(things)

    async def work(tx: Connection) -> None:
        await tx.one(RAISE, id=1)
        raise KeyError

    with pytest.raises(KeyError):
        await things.write(work)
    with pytest.raises(asyncpg.UndefinedTableError):
        await things.write(lambda tx: tx.one(Statement(text("SELECT * FROM nothing"))))
    row = await things.one(COUNT)
    assert row is not None
    assert row.total == 0
    assert await pid(things) == before


async def test_work_that_goes_on_after_a_failed_statement_is_not_taken_for_done(
    things: Database,
) -> None:
    async def work(tx: Connection) -> None:
        await tx.one(RAISE, id=1)
        with suppress(asyncpg.UniqueViolationError):
            await tx.one(ADD, id=1)

    with pytest.raises(RuntimeError, match="a statement failed"):
        await things.write(work)
    assert (await things.one(COUNT)).total == 0


async def test_a_connection_that_may_not_change_anything_is_left_with_those_opened_before(
    things: Database, as_owner: asyncpg.Connection
) -> None:
    """As after a failover, where they lead to what is a standby now."""
    database = await as_owner.fetchval("SELECT current_database()")
    await as_owner.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    try:
        before = set(await asyncio.gather(pid(things), pid(things)))
        with pytest.raises(Unavailable):
            await things.write(lambda tx: tx.one(RAISE, id=1))
    finally:
        await as_owner.execute(f"ALTER DATABASE {database} RESET default_transaction_read_only")
    assert things.use.free == 0
    await things.write(lambda tx: tx.one(RAISE, id=1))
    assert await pid(things) not in before


async def test_a_transaction_that_could_not_be_serialized_is_run_again(
    things: Database, as_owner: asyncpg.Connection
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

    assert (await things.write(work), runs) == (11, 2)


async def test_the_victim_of_a_deadlock_is_run_again(things: Database) -> None:
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

        await things.write(work)

    await asyncio.gather(both(1, 2), both(2, 1))
    row = await things.one(COUNT)
    assert row is not None
    assert (row.total, runs) == (4, 3)


async def test_work_that_asks_to_be_run_again_starts_from_nothing(things: Database) -> None:
    runs = 0

    async def work(tx: Connection) -> int:
        nonlocal runs
        runs += 1
        await tx.one(ADD, id=10)
        if runs < ATTEMPTS:
            raise RunAgain
        return runs

    assert await things.write(work) == ATTEMPTS
    row = await things.one(COUNT)
    assert row is not None
    assert row.rows == 3


async def test_work_that_never_wins_is_overloaded(things: Database) -> None:
    runs = 0

    async def work(_tx: Connection) -> None:
        nonlocal runs
        runs += 1
        raise RunAgain

    with pytest.raises(Overloaded):
        await things.write(work)
    assert runs == ATTEMPTS


async def test_a_unique_constraint_that_guards_a_rule_is_its_refusal(things: Database) -> None:
    take = Statement(text("UPDATE things SET external_id = 'mine' WHERE id = :id"))
    await things.write(lambda tx: tx.one(take, id=1))
    with pytest.raises(AlreadyTaken) as refused:
        await things.write(lambda tx: tx.one(take, id=2))
    assert refused.value.path == ("external_id",)


async def test_another_unique_constraint_is_a_fault_that_can_be_told(things: Database) -> None:
    with pytest.raises(asyncpg.UniqueViolationError) as fault:
        await things.write(lambda tx: tx.one(ADD, id=1))
    assert fault.value.__cause__ is None  # itself as its cause would have no end


async def test_who_waits_too_long_for_a_lock_is_told_so(
    things: Database, as_owner: asyncpg.Connection
) -> None:
    async def work(tx: Connection) -> None:
        await tx.command("SET LOCAL lock_timeout = '20ms'")
        await tx.one(RAISE, id=1)

    async with as_owner.transaction():
        await as_owner.execute("UPDATE things SET value = 7 WHERE id = 1")
        with pytest.raises(Overloaded):
            await things.write(work)
    await things.write(work)


async def test_a_statement_that_takes_too_long_is_overloaded(things: Database) -> None:
    async def work(tx: Connection) -> None:
        await tx.command("SET LOCAL statement_timeout = '20ms'")
        await tx.one(SLEEP)

    before = await pid(things)
    with pytest.raises(Overloaded):
        await things.write(work)
    assert await pid(things) == before


async def test_a_connection_killed_in_the_middle_is_unavailable_and_replaced(
    things: Database, as_owner: asyncpg.Connection
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
        await things.write(work)
    row = await things.one(COUNT)
    assert row is not None
    assert row.total == 0
    assert await pid(things)


async def kill(as_owner: asyncpg.Connection, backend: int) -> None:
    await asyncio.sleep(0.05)
    await as_owner.fetchval("SELECT pg_terminate_backend($1)", backend)


async def test_a_connection_that_dies_while_committing_leaves_the_outcome_unknown(
    things: Database, as_owner: asyncpg.Connection
) -> None:
    async def work(tx: Connection) -> None:
        await tx.one(RAISE, id=1)
        await kill(as_owner, await pid(tx))

    with pytest.raises(OutcomeUnknown):
        await things.write(work)
    assert await pid(things)


async def test_a_snapshot_sees_one_state_and_its_readers_take_turns(
    things: Database, as_owner: asyncpg.Connection
) -> None:
    async with things.snapshot() as reads:
        first = await reads.one(COUNT)
        await as_owner.execute("INSERT INTO things VALUES (3, 100)")
        rows = await asyncio.gather(*(reads.one(COUNT) for _ in range(20)), reads.all(COUNT))
        assert [first, *rows] == [first] * 21 + [[first]]
        with pytest.raises(Unavailable):
            await reads.one(ADD, id=4)
    row = await things.one(COUNT)
    assert row is not None
    assert row.rows == 3


async def test_a_snapshot_that_dies_is_unavailable(
    things: Database, as_owner: asyncpg.Connection
) -> None:
    async def look() -> None:
        async with things.snapshot() as reads:
            row = await reads.one(PID)
            assert row is not None
            await kill(as_owner, row.pid)

    with pytest.raises(Unavailable):
        await look()


async def test_a_statement_alone_is_a_transaction_of_its_own(things: Database) -> None:
    async def alone(tx: Connection) -> object:
        (row,) = await tx.alone(RAISE, id=1) or []
        assert not tx.raw.is_in_transaction()
        return row.value

    async def later(tx: Connection) -> object:
        await tx.one(COUNT)
        return await tx.alone(RAISE, id=1)

    first = await things.write(alone)
    assert await things.write(later) is None
    assert await things.write(alone) == first + 1
    await things.one(COUNT)
    assert things.use.free == 1


async def test_a_connection_that_dies_with_a_statement_alone_leaves_its_outcome_unknown(
    things: Database,
) -> None:
    die = Statement(select(func.pg_terminate_backend(func.pg_backend_pid())))
    with pytest.raises(OutcomeUnknown):
        await things.write(lambda tx: tx.alone(die))


async def test_what_is_refused_before_any_statement_begins_no_transaction(things: Database) -> None:
    async def refuse(_tx: Connection) -> None:
        raise Invalid("name", problem="is wrong")

    async def wait(_tx: Connection) -> None:
        await asyncio.sleep(10)

    with pytest.raises(Invalid):
        await things.write(refuse)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await things.write(wait)
    await things.one(COUNT)
    async with things.connection() as connection:
        assert connection.at_rest
