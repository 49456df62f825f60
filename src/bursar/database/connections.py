"""One connection to PostgreSQL: how it is opened, and the four ways to ask it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any, Protocol, cast

import asyncpg
import orjson

from bursar import traces
from bursar.database.borrowing import borrowing
from bursar.database.faults import Translated, is_told
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.domain.errors import OutcomeUnknown, Unavailable

CONNECT_SECONDS = 3.0
STATEMENT_SECONDS = 5
SILENCE_SECONDS = STATEMENT_SECONDS + 1
"""PostgreSQL ends a statement before: from who has said nothing by then nothing is to be heard."""
LOCK_SECONDS = 2

_TIME_OUTS = {
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": f"{LOCK_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{STATEMENT_SECONDS * 2}s",
}
# PostgreSQL lets go of a client that a network took away after a minute, instead of two hours.
_KEEPALIVES = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
_SET_TIME_OUTS = "".join(f"; SET LOCAL {name} = '{value}'" for name, value in _TIME_OUTS.items())

# How many statements the running request has sent; a list of one, so that tasks share it.
statements_sent: ContextVar[list[int] | None] = ContextVar("statements_sent", default=None)


class Reads(Protocol):
    """What can be asked to read: a connection, or the database, which borrows one a statement."""

    async def all(self, statement: Statement, **values: Any) -> list[Row]: ...
    async def one(self, statement: Statement, **values: Any) -> Row | None: ...


async def connect(dsn: str, *, statement_cache: int = 512) -> "Connection":
    """Open a connection whose locks, statements and idle transactions time out.

    Without a statement cache it takes a pooler to be in between, which gives each transaction
    another session: nothing is kept there, and the time-outs hold in what `begin` begins only.
    Raises Unavailable or Overloaded.
    """
    pooled = statement_cache == 0
    server_settings = {
        "application_name": "bursar",
        "timezone": "UTC",  # PgBouncer keeps it right whatever the session
        **({} if pooled else _TIME_OUTS | _KEEPALIVES),
    }
    with Translated():
        async with asyncio.timeout(CONNECT_SECONDS):
            raw = await asyncpg.connect(
                dsn,
                command_timeout=SILENCE_SECONDS,
                statement_cache_size=statement_cache,
                max_cached_statement_lifetime=0,
                max_cacheable_statement_size=0,  # a longer one would be planned anew each time
                record_class=Row,
                server_settings=server_settings,
            )
            try:
                await raw.set_type_codec(
                    "jsonb",
                    schema="pg_catalog",
                    format="binary",
                    encoder=lambda value: b"\x01" + orjson.dumps(value),
                    decoder=lambda data: orjson.loads(data[1:]),
                )
            except BaseException:
                raw.terminate()
                raise
    return Connection(raw, begin=_SET_TIME_OUTS if pooled else "")


class Connection:
    """Runs statements, counts them, and says in the domain's words what goes wrong with the way."""

    def __init__(self, raw: "asyncpg.Connection[Row]", *, begin: str = "") -> None:
        self.raw = raw
        self._begin = begin
        self._last: dict[LastWork, list[Any]] = {}
        self._begins = False

    async def all(self, statement: Statement, **values: Any) -> list[Row]:
        if self._begins:
            await self.begin()
        count_statement()
        with traces.statement(statement.sql), Translated():
            rows = await self.raw.fetch(statement.sql, *statement.arguments(values))
        return cast("list[Row]", rows)

    async def one(self, statement: Statement, **values: Any) -> Row | None:
        if self._begins:
            await self.begin()
        count_statement()
        with traces.statement(statement.sql), Translated():
            row = await self.raw.fetchrow(statement.sql, *statement.arguments(values))
        return cast("Row | None", row)

    async def each(self, statement: Statement, rows: Iterable[Mapping[str, Any]]) -> list[Row]:
        """Run a statement once for each of the rows, in one round trip; what it returns, in order."""
        if self._begins:
            await self.begin()
        count_statement()
        with traces.statement(statement.sql), Translated():
            found = await self.raw.fetchmany(
                statement.sql, [statement.arguments(dict(row)) for row in rows]
            )
        return cast("list[Row]", found)

    async def begin(self, mode: str = "") -> None:
        """Begin a transaction, in one round trip with all that it needs."""
        self._last, self._begins = {}, False
        await self.command(f"BEGIN {mode}{self._begin}")

    def begin_later(self) -> None:
        """Begin a transaction with its first statement, unless that is run `alone`."""
        self._last, self._begins = {}, True

    def begin_no_more(self) -> None:
        """Take `begin_later` back, where no statement was run."""
        self._begins = False

    @property
    def begun(self) -> bool:
        """Whether there is a transaction to end."""
        return not self._begins

    async def alone(self, statement: Statement, **values: Any) -> list[Row] | None:
        """Run a statement that is a whole transaction, in one round trip.

        None, and nothing is done, where a transaction has begun, or needs a beginning for its
        time-outs. Raises OutcomeUnknown when the connection dies meanwhile, as when committing.
        """
        if self.begun or self._begin:
            return None
        if (request := borrowing.get()) is not None:
            request.may_have_changed = True
        try:
            self._begins = False
            return await self.all(statement, **values)
        except Unavailable as error:
            if is_told(error):
                raise
            raise OutcomeUnknown from error
        finally:
            self._begins = True

    def put_off(self, work: "LastWork", items: Iterable[Any]) -> None:
        """Have work done as the last of the transaction, once with the items of all who put it off.

        So nothing else waits for what it locks, and it is one statement for them all.
        """
        self._last.setdefault(work, []).extend(items)

    async def finish(self) -> None:
        """Do what was put off, before the transaction is committed."""
        for work, items in self._last.items():
            await work(self, items)

    async def command(self, sql: str) -> str:
        """Run a command without parameters, such as COMMIT; what PostgreSQL says that it did."""
        if self._begins:
            await self.begin()
        with traces.statement(sql), Translated():
            return cast("str", await self.raw.execute(sql))

    @property
    def at_rest(self) -> bool:
        """Whether it is open and in no transaction."""
        return not self.raw.is_closed() and not self.raw.is_in_transaction()


LastWork = Callable[[Connection, list[Any]], Awaitable[None]]


class OneAtATime:
    """Reads of one connection by many at once, who wait for each other.

    graphql-core leaves reads behind whose answer no longer matters; after the end they find nobody.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection
        self._turn = asyncio.Lock()

    async def all(self, statement: Statement, **values: Any) -> list[Row]:
        async with self._turn:
            return await self._open.all(statement, **values)

    async def one(self, statement: Statement, **values: Any) -> Row | None:
        async with self._turn:
            return await self._open.one(statement, **values)

    async def end(self) -> None:
        """Wait for the read that runs, and let none begin any more."""
        async with self._turn:
            self._connection = None

    @property
    def _open(self) -> Connection:
        if self._connection is None:
            raise Unavailable
        return self._connection


def count_statement() -> None:
    if (sent := statements_sent.get()) is not None:
        sent[0] += 1
