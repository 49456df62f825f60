"""The database that a command works on: the one of DATABASE_URL, or the embedded one."""

import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from pydantic import SecretStr

from bursar.database import grants
from bursar.database.connections import Connection
from bursar.database.data_directory import APPLICATION
from bursar.database.embedded import DataDirectoryInUse, EmbeddedPostgres, RunningPostgres, running
from bursar.database.partitions import are_there
from bursar.database.pool import Database
from bursar.database.revision import HEAD, current
from bursar.operations import external, pool_size
from bursar.operations.failure import Failure
from bursar.operations.revival import revived
from bursar.settings import Settings

Answer = TypeVar("Answer")

_JOIN_SECONDS = 10


@dataclass(frozen=True)
class CommandDatabase:
    """How a command reaches its database, and what API keys are hashed with there.

    The first of the peppers hashes, all of them verify.
    """

    owner_url: str
    application_url: str
    peppers: tuple[bytes, ...]
    embedded: bool
    statement_cache: int

    async def prepare(self) -> None:
        """Bring an embedded database to this version's schema; of an external one demand it.

        Raises Failure, UnknownRevision.
        """
        if not self.embedded:
            await external.require(self.application_url)
        elif await self._is_current():
            await self._grant()
        else:
            await self.migrate()

    async def migrate(self) -> None:
        """Bring the database to this version's schema, with the rights of the application's role.

        Raises UnknownRevision.
        """
        from bursar.database.migrations import upgrade  # noqa: PLC0415 (Alembic, which takes long)

        await upgrade(self.owner_url)
        await self._grant()

    async def _is_current(self) -> bool:
        """Whether there is nothing to migrate."""
        if await current(self.owner_url) != HEAD:
            return False
        async with external.connected(self.owner_url) as connection:
            return await are_there(connection)

    async def _grant(self) -> None:
        """Where the application's role is the owner too, it has all rights."""
        if self.embedded:
            await grants.grant(self.owner_url, APPLICATION)
        elif self.owner_url != self.application_url:
            role = await external.role_of(self.application_url)
            if role != await external.role_of(self.owner_url):
                await grants.grant(self.owner_url, role)

    async def write(self, work: Callable[[Connection], Awaitable[Answer]]) -> Answer:
        """Run work in one transaction, as the application does."""
        database = Database(self.application_url, size=1, statement_cache=self.statement_cache)
        try:
            return await database.write(work)
        finally:
            await database.close()


@contextmanager
def owned(settings: Settings) -> Iterator[CommandDatabase]:
    """The database of a server: the embedded one is started, kept alive, and stopped at the end.

    Raises DataDirectoryInUse, DataDirectoryUnusable.
    """
    if settings.database_url is not None:
        yield _external(settings.database_url, settings)
        return
    connections = pool_size.wanted(settings)
    postgres = EmbeddedPostgres(settings.data_dir, connections=connections)
    with postgres, revived(postgres):
        yield _embedded(settings, postgres)


@contextmanager
def reached(settings: Settings) -> Iterator[CommandDatabase]:
    """The database of any other command: the embedded one that a server runs is joined.

    Where none runs it is started for the time of the command; one that starts or stops at the
    moment is waited for. Raises DataDirectoryInUse, DataDirectoryUnusable.
    """
    if settings.database_url is not None:
        yield _external(settings.database_url, settings)
        return
    with ExitStack() as ending:
        yield _embedded(settings, _joined_or_started(settings, ending))


@contextmanager
def existing(settings: Settings) -> Iterator[CommandDatabase]:
    """As `reached`, but an embedded database is not made. Raises Failure too."""
    if settings.database_url is None and not (settings.data_dir / "postgres").exists():
        raise Failure(f"there is no database in {settings.data_dir}")
    with reached(settings) as database:
        yield database


def _joined_or_started(settings: Settings, ending: ExitStack) -> EmbeddedPostgres | RunningPostgres:
    deadline = time.monotonic() + _JOIN_SECONDS
    # SIGTERM then ends the command as Ctrl-C does: by unwinding, which stops PostgreSQL.
    earlier = signal.signal(signal.SIGTERM, signal.default_int_handler)
    ending.callback(signal.signal, signal.SIGTERM, earlier)
    while True:
        if (server := running(settings.data_dir)) is not None:
            return server
        try:
            return ending.enter_context(EmbeddedPostgres(settings.data_dir))
        except DataDirectoryInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _external(url: SecretStr, settings: Settings) -> CommandDatabase:
    owner = settings.owner_database_url or url
    return CommandDatabase(
        owner.get_secret_value(),
        url.get_secret_value(),
        _peppers(settings),
        embedded=False,
        statement_cache=settings.statement_cache,
    )


def _embedded(settings: Settings, postgres: EmbeddedPostgres | RunningPostgres) -> CommandDatabase:
    peppers = _peppers(settings) or (postgres.pepper.encode(),)
    return CommandDatabase(
        postgres.owner_url,
        postgres.application_url,
        peppers,
        embedded=True,
        statement_cache=settings.statement_cache,
    )


def _peppers(settings: Settings) -> tuple[bytes, ...]:
    return tuple(pepper.get_secret_value().encode() for pepper in settings.pepper or ())
