"""The pool: connections handed out last in, first out, without a round trip to reset them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import SystemRandom
from typing import Any, NamedTuple, TypeVar

import asyncpg

from bursar.database.borrowing import borrowing
from bursar.database.connections import Connection, OneAtATime, Reads, connect
from bursar.database.faults import TRY_AGAIN, is_told, leads_nowhere, refusal_of
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.domain.errors import OutcomeUnknown, Overloaded, Unavailable

SIZE = 10
ACQUIRE_SECONDS = 2.0
REST_SECONDS = 1.0
ATTEMPTS = 5
JITTER = SystemRandom()  # which leaves the state of `random` to whoever has seeded it
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
    was cancelled is lent to nobody before PostgreSQL has ended its statement and its transaction.
    """

    def __init__(self, dsn: str, *, size: int = SIZE, statement_cache: int = 512) -> None:
        self._dsn = dsn
        self._size = size
        self._lent = self._waiting = 0
        self._statement_cache = statement_cache
        self._turns = asyncio.Semaphore(size)  # fair: who waits comes before who asks just then
        self._free: list[Connection] = []
        self._resting: set[asyncio.Task[None]] = set()
        self._beside: list[Database] = []
        self._closed = False

    @property
    def is_pooled(self) -> bool:
        """Whether a pooler may be in between, and nothing is kept in a session."""
        return self._statement_cache == 0

    @property
    def use(self) -> Use:
        own = Use(self._size, self._lent, len(self._free), self._waiting)
        return Use(*map(sum, zip(own, *(other.use for other in self._beside), strict=True)))

    def beside(self, size: int) -> "Database":
        """A further pool, for what must not wait for who uses this one; they are closed together."""
        other = Database(self._dsn, size=size, statement_cache=self._statement_cache)
        self._beside.append(other)
        return other

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """Borrow a connection. Raises Overloaded after 2 s without one, Unavailable if none opens."""
        return _Loan(self._lend, self._take_back)

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
                await asyncio.sleep(JITTER.uniform(0, 0.01 * 2**attempt))
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
        await asyncio.gather(*self._resting, *(other.close() for other in self._beside))
        while self._free:
            await self._free.pop().raw.close(timeout=ACQUIRE_SECONDS)

    def _drop_free(self) -> None:
        """So that of connections opened before not each has to find out for itself."""
        while self._free:
            self._free.pop().raw.terminate()

    def _reading(self) -> AbstractAsyncContextManager[Reads]:
        """Behind a pooler a read is a transaction too, as time-outs hold in transactions only."""
        return self.snapshot() if self.is_pooled else self.connection()

    async def _lend(self) -> Connection:
        await self._turn()
        while self._free:
            connection = self._free.pop()
            if not connection.raw.is_closed():
                break
        else:
            try:
                connection = await connect(self._dsn, statement_cache=self._statement_cache)
            except BaseException:
                self._turns.release()
                raise
        self._lent += 1
        return connection

    async def _turn(self) -> None:
        if not self._turns.locked():
            await self._turns.acquire()  # at once, and so without a timer
            return
        self._waiting += 1
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS):
                await self._turns.acquire()
        except TimeoutError as error:
            raise Overloaded from error
        finally:
            self._waiting -= 1

    def _take_back(self, connection: Connection, error: BaseException | None) -> None:
        """Take a connection back from who has met this error with it, if any."""
        sound = error is None
        if isinstance(error, Exception):
            if leads_nowhere(error):
                connection.raw.terminate()
                self._drop_free()
            # Values that asyncpg itself refuses leave a statement begun, whose time goes on.
            sound = connection.at_rest and not isinstance(error, asyncpg.DataError)
        if sound or self._closed or connection.raw.is_closed():
            self._release(connection)
        else:
            resting = asyncio.create_task(self._rest(connection))
            self._resting.add(resting)
            resting.add_done_callback(self._resting.discard)

    async def _rest(self, connection: Connection) -> None:
        """Take back what its borrower left in the midst of a statement or of a transaction.

        asyncpg asks PostgreSQL to cancel the statement of a task that was cancelled, and lets the next
        wait until that has come to pass: unless the connection is closed before, which would leave the
        statement running, and its locks held. A connection that does not come to rest is closed.
        """
        try:
            async with asyncio.timeout(REST_SECONDS):
                await connection.raw.execute("ROLLBACK")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            connection.raw.terminate()
        finally:
            self._release(connection)

    def _release(self, connection: Connection) -> None:
        self._lent -= 1
        if self._closed or connection.raw.is_closed():
            connection.raw.terminate()
        else:
            self._free.append(connection)
        self._turns.release()


class _Loan(AbstractAsyncContextManager[Connection]):
    """A connection while it is lent; a class, as a generator would take three times as long."""

    def __init__(
        self,
        lend: Callable[[], Awaitable[Connection]],
        take_back: Callable[[Connection, BaseException | None], None],
    ) -> None:
        self._lend = lend
        self._take_back = take_back

    async def __aenter__(self) -> Connection:
        self._request = borrowing.get()
        self._task = None if self._request is None else self._request.begin()
        try:
            self._connection = await self._lend()
        except BaseException:
            self._end()
            raise
        return self._connection

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._take_back(self._connection, error)
        self._end()

    def _end(self) -> None:
        if self._request is not None:
            self._request.end(self._task)


@asynccontextmanager
async def _transaction(connection: Connection, mode: str = "") -> AsyncIterator[None]:
    if mode:
        await connection.begin(mode)
    else:
        connection.begin_later()
    try:
        try:
            yield
            await connection.finish()
        except Exception as error:
            if connection.begun and not connection.raw.is_closed() and not leads_nowhere(error):
                await connection.command("ROLLBACK")
            raise
        if connection.begun:
            await _commit(connection, changes=not mode)
    finally:
        connection.begin_no_more()


async def _commit(connection: Connection, *, changes: bool) -> None:
    if changes and (request := borrowing.get()) is not None:
        request.may_have_changed = True
    try:
        done = await connection.command("COMMIT")
    except Unavailable as error:
        if is_told(error):
            raise
        raise OutcomeUnknown from error
    # So PostgreSQL answers where a statement had failed; of reads it is no matter.
    if done == "ROLLBACK" and changes:
        raise RuntimeError("a statement failed, and the transaction went on")
