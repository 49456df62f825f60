"""Ways for the database to fail right after a statement, and how to make one happen in a mutation."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import asyncpg
import pytest

HIDDEN = "words that nobody outside may read"


class Failure(NamedTuple):
    """What happens on the connection, and the code of the fault that the client is told.

    `at_commit` is the code where it is found out no sooner than that.
    """

    happen: Callable[[asyncpg.Connection], Awaitable[None]]
    code: str
    at_commit: str


@dataclass
class Injection:
    """Whether the failure happened: not where the transaction had fewer statements."""

    happened: bool = False


def _error(state: str, code: str) -> Failure:
    """An error that PostgreSQL itself raises, which leaves its transaction aborted."""

    async def happen(connection: asyncpg.Connection) -> None:
        await connection.fetchval(
            f"DO $$ BEGIN RAISE EXCEPTION '{HIDDEN}' USING ERRCODE = '{state}'; END $$"
        )

    return Failure(happen, code, code)


async def _mistake(_connection: asyncpg.Connection) -> None:
    raise RuntimeError(HIDDEN)


async def _terminate(connection: asyncpg.Connection) -> None:
    """The next statement finds out."""
    with suppress(asyncpg.AdminShutdownError, asyncpg.ConnectionDoesNotExistError):
        await connection.fetchval("SELECT pg_terminate_backend(pg_backend_pid())")


async def _lose_answer(connection: asyncpg.Connection) -> None:
    connection._transport.abort()  # noqa: SLF001 (asyncpg's own ways tell it that this is on purpose)
    raise ConnectionResetError(HIDDEN)


async def _cancel(_connection: asyncpg.Connection) -> None:
    """The request, in whose task its mutations run."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


CANCELLED = "cancelled"  # there is nobody left to be told a code
FAILURES = {
    "disk full": _error("53100", "UNAVAILABLE"),
    "terminated": Failure(_terminate, "UNAVAILABLE", "OUTCOME_UNKNOWN"),
    "request cancelled": Failure(_cancel, CANCELLED, CANCELLED),
    "internal error": _error("XX000", "INTERNAL_SERVER_ERROR"),
    "answer lost": Failure(_lose_answer, "UNAVAILABLE", "UNAVAILABLE"),
    "mistake of ours": Failure(_mistake, "INTERNAL_SERVER_ERROR", "INTERNAL_SERVER_ERROR"),
    "statement timed out": _error("57014", "OVERLOADED"),
    "deadlock": _error("40P01", "OVERLOADED"),
}


@contextmanager
def failing(failure: Failure, *, after: int) -> Iterator[Injection]:
    """Let the failure happen after the n-th statement that takes effect in a transaction.

    BEGIN is the first, and where all is tried again, so is the failure. Beneath all of Bursar: no
    way to the database goes around it.
    """
    injection = Injection()
    done = 0

    async def strike(connection: asyncpg.Connection, _query: str) -> None:
        nonlocal done
        if not connection.is_in_transaction():
            return
        done += 1
        if done == after:
            done, injection.happened = 0, True
            await failure.happen(connection)

    with _after_each_statement(strike):
        yield injection


def losing_the_answer_to_commit() -> AbstractContextManager[None]:
    """COMMIT takes effect, and the connection breaks before PostgreSQL can say so."""
    return losing_answers("COMMIT")


@contextmanager
def losing_answers(to: str) -> Iterator[None]:
    """What has these words takes effect, and nobody is told."""

    async def strike(connection: asyncpg.Connection, query: str) -> None:
        if to in query:
            await _lose_answer(connection)

    with _after_each_statement(strike):
        yield


@contextmanager
def losing_once() -> Iterator[list[list[str]]]:
    """The first transaction is the victim of a deadlock before its audit; the statements of each."""
    attempts: list[list[str]] = []

    async def strike(connection: asyncpg.Connection, query: str) -> None:
        if query.startswith("BEGIN"):
            attempts.append([])
        if connection.is_in_transaction():
            attempts[-1].append(query)
        if len(attempts) == 1 and "UPDATE idempotency_records" in query:
            await FAILURES["deadlock"].happen(connection)

    with _after_each_statement(strike):
        yield attempts


@contextmanager
def failing_after_commit(failure: Failure) -> Iterator[None]:
    """Let the failure happen after each statement that comes after a COMMIT."""
    committed = False

    async def strike(connection: asyncpg.Connection, query: str) -> None:
        nonlocal committed
        if committed:
            await failure.happen(connection)
        committed = committed or query == "COMMIT"

    with _after_each_statement(strike):
        yield


@contextmanager
def _after_each_statement(
    strike: Callable[[asyncpg.Connection, str], Awaitable[None]],
) -> Iterator[None]:
    def watched(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def run(self: asyncpg.Connection, query: str, *arguments: Any, **options: Any) -> Any:
            result = await method(self, query, *arguments, **options)
            await strike(self, query)
            return result

        return run

    with pytest.MonkeyPatch.context() as patch:
        for name in ("execute", "fetch", "fetchrow", "fetchmany"):
            patch.setattr(asyncpg.Connection, name, watched(getattr(asyncpg.Connection, name)))
        yield
