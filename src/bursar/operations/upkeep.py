"""Upkeep: what a database needs once a day, done by a server beside its work, or by a command."""

import asyncio
from asyncio import sleep
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import NamedTuple

import structlog

from bursar.database import partitions
from bursar.operations.database import CommandDatabase, existing
from bursar.operations.external import connected
from bursar.operations.failure import reason_of
from bursar.operations.purge import purge
from bursar.operations.retention import DAYS, EVENTS, drop_old
from bursar.settings import Settings

EVERY_SECONDS = 24 * 60 * 60
AGAIN_SECONDS = 60  # after a failure, and twice as long after each further one
LONGEST_SECONDS = 60 * 60  # between two attempts, so that an outage of hours is soon made up for
_STOP_SECONDS = 5
_OWNS = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'usage_events'::regclass"

log = structlog.get_logger()


class Done(NamedTuple):
    """What was made and dropped, by name, and how many rows of which tables were deleted.

    `made` is None where the tables are not this role's: then nothing is dropped either.
    """

    made: list[str] | None
    dropped: list[str]
    purged: dict[str, int]


def run(settings: Settings) -> Done:
    """Do it once. Raises what `failure.reason_of` explains."""

    async def once(database: CommandDatabase) -> Done:
        await database.prepare()
        return await keep_up(database, settings)

    with existing(settings) as database:
        return asyncio.run(once(database))


async def keep_up(database: CommandDatabase, settings: Settings) -> Done:
    """Make the months to come, purge, and drop the months that the settings do not keep.

    In the order of need, as who reads for long may be in the way of the last. Any number of servers
    may do it at once.
    """
    made, dropped = None, list[str]()
    async with connected(database.owner_url) as connection:
        is_owner = await connection.fetchval(_OWNS)
        months_are_there = await partitions.are_there(connection)
    if is_owner:
        made = [] if months_are_there else await _make_months(database)
    purged = await purge(database)
    if is_owner:
        kept = {EVENTS: settings.keep_events_months, DAYS: settings.keep_activity_months}
        for table, months in kept.items():
            if months is not None:
                dropped += await drop_old(database.owner_url, table, months)
    return Done(made, dropped, purged)


@contextmanager
def daily(database: CommandDatabase, settings: Settings) -> Iterator[Callable[[], None]]:
    """Gives what starts to do it every day, in a thread; stops that at once, whatever it does.

    A failure is logged, and it is tried again after a minute, then after two, and so on up to an hour.
    """

    async def work() -> None:
        again = AGAIN_SECONDS
        while True:
            try:
                done = await keep_up(database, settings)
            except Exception as error:  # noqa: BLE001 (the server lives on)
                _complain(error, again)
                await sleep(again)
                again = min(2 * again, LONGEST_SECONDS)
                continue
            if done.made or done.dropped or any(done.purged.values()):
                log.info("kept up", **done._asdict())
            again = AGAIN_SECONDS
            await sleep(EVERY_SECONDS)

    worker = _Worker(work)
    try:
        yield worker.start
    finally:
        worker.stop()


def _complain(error: Exception, again: int) -> None:
    """With a traceback only for what no operator can mend."""
    reason = reason_of(error)
    traceback = error if reason is None else None
    log.error("the upkeep failed", reason=reason, seconds_until_again=again, exc_info=traceback)


async def _make_months(database: CommandDatabase) -> list[str]:
    from bursar.database.migrations import make_partitions  # noqa: PLC0415 (Alembic, which takes long)

    return await make_partitions(database.owner_url)


class _Worker:
    """A thread with an event loop of its own, so that neither kind of server has to lend one."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._runs = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._run()), name="upkeep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._runs.wait(_STOP_SECONDS)
            self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join(_STOP_SECONDS)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(self._work())
        self._runs.set()
        with suppress(asyncio.CancelledError):
            await self._task
