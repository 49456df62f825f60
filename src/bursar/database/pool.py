"""The pool: connections handed out last in, first out, without a round trip to reset them."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple, TypeVar

import asyncpg

from bursar.database.connections import Connection, OneAtATime, Reads, connect
from bursar.database.faults import TRY_AGAIN, refusal_of
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.domain.errors import OutcomeUnknown, Overloaded, Unavailable

ACQUIRE_SECONDS = 2.0
ATTEMPTS = 5
Result = TypeVar("Result")


class RunAgain(Exception):
    """Raised by work that lost a race and would win it from the start of the transaction."""


class Use(NamedTuple):
    """How many connections there may be, are lent, and are open but free; how many wait for one."""

    size: int
    lent: int
    free: int
    waiting: int


class Database:
    """A pool of connections, and the three ways to use it: read, write, read one snapshot.

    Connections keep no session state, so none needs a reset when it comes back; one whose borrower
    was cancelled may still be talking, and is closed instead.
    """

    def __init__(self, dsn: str, *, size: int = 10, statement_cache: int = 512) -> None:
        self._dsn = dsn
        self._size = size
        self._lent = self._waiting = 0
        self._statement_cache = statement_cache
        self._turns = asyncio.Semaphore(size)  # fair: who waits comes before who asks just then
        self._free: list[Connection] = []
        self._closed = False

    @property
    def use(self) -> Use:
        return Use(self._size, self._lent, len(self._free), self._waiting)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Borrow a connection. Raises Overloaded after 2 s without one, Unavailable if none opens."""
        connection = await self._acquire()
        self._lent += 1
        sound = False
        try:
            yield connection
            sound = True
        except Exception:
            sound = not connection.raw.is_in_transaction()
            raise
        finally:
            self._lent -= 1
            self._release(connection, sound=sound)

    async def all(self, statement: Statement, **values: Any) -> list[Row]:
        async with self._reading() as connection:
            return await connection.all(statement, **values)

    async def one(self, statement: Statement, **values: Any) -> Row | None:
        async with self._reading() as connection:
            return await connection.one(statement, **values)

    async def write(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Run the work in one transaction and commit it.

        The whole of it is run again, up to five times, when PostgreSQL chose it as the victim of a
        deadlock or a serialization failure. Raises what the work raises, the refusal that a unique
        constraint stands for, Overloaded, Unavailable, or OutcomeUnknown when the connection died
        while committing.
        """
        for attempt in range(ATTEMPTS):
            try:
                async with self.connection() as connection, _transaction(connection):
                    return await work(connection)
            except (*TRY_AGAIN, RunAgain):
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 (jitter)
            except asyncpg.UniqueViolationError as error:
                if refusal := refusal_of(error):
                    raise refusal from error
                raise
        raise Overloaded

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Reads]:
        """Reads that all see the database as it was at the first of them."""
        mode = "ISOLATION LEVEL REPEATABLE READ READ ONLY"
        try:
            async with self.connection() as connection, _transaction(connection, mode):
                reads = OneAtATime(connection)
                try:
                    yield reads
                finally:
                    await reads.end()
        except OutcomeUnknown as error:
            raise Unavailable from error  # reads have no outcome

    async def close(self) -> None:
        """Close the free connections; borrowed ones are closed when they come back."""
        self._closed = True
        while self._free:
            await self._free.pop().raw.close(timeout=ACQUIRE_SECONDS)

    def _reading(self) -> AbstractAsyncContextManager[Reads]:
        """Behind a pooler a read is a transaction too, as time-outs hold in transactions only."""
        return self.connection() if self._statement_cache else self.snapshot()

    async def _acquire(self) -> Connection:
        self._waiting += 1
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS):
                await self._turns.acquire()
        except TimeoutError as error:
            raise Overloaded from error
        finally:
            self._waiting -= 1
        while self._free:
            connection = self._free.pop()
            if not connection.raw.is_closed():
                return connection
        try:
            return await connect(self._dsn, statement_cache=self._statement_cache)
        except BaseException:
            self._turns.release()
            raise

    def _release(self, connection: Connection, *, sound: bool) -> None:
        if sound and not self._closed and not connection.raw.is_closed():
            self._free.append(connection)
        else:
            connection.raw.terminate()
        self._turns.release()


@asynccontextmanager
async def _transaction(connection: Connection, mode: str = "") -> AsyncIterator[None]:
    await connection.begin(mode)
    try:
        yield
        await connection.finish()
    except Exception:
        if not connection.raw.is_closed():
            await connection.command("ROLLBACK")
        raise
    try:
        await connection.command("COMMIT")
    except Unavailable as error:
        raise OutcomeUnknown from error
