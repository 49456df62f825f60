"""A PostgreSQL to throw away: durable, on its own, and killed in every way there is."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from bursar.database.data_directory import APPLICATION
from bursar.database.embedded import EmbeddedPostgres
from bursar.database.grants import grant
from bursar.database.migrations import upgrade
from bursar.database.postgres_programs import PostgresPrograms
from bursar.database.postmaster import Postmaster

SERVING = "SELECT pid FROM pg_stat_activity WHERE application_name = 'bursar'"


class Cluster(EmbeddedPostgres):
    """Remembers when it was last ready; every way to kill it returns when it is dead."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.directory = directory
        self.ready_at = 0.0

    def kill(self) -> None:
        """As by the kernel, with all its backends: nothing is written any more."""
        self._end(os.killpg, signal.SIGKILL)

    def stop_immediately(self) -> None:
        """As by `pg_ctl stop -m immediate`: its clients are told, and it recovers at the start."""
        self._end(os.kill, signal.SIGQUIT)

    async def kill_backend(self) -> None:
        """Of one of Bursar's connections; PostgreSQL then ends all and starts anew by itself."""
        connection = await asyncpg.connect(self.owner_url)
        try:
            pid = await connection.fetchval(SERVING)
        finally:
            await connection.close()
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.05)
        while not ((found := Postmaster.of(self._data.postgres)) and found.ready):
            await asyncio.sleep(0.005)
        self.ready_at = await self._answering()

    def restart(self) -> None:
        self.stop()
        self.start()

    def _launch(self, programs: PostgresPrograms) -> None:
        super()._launch(programs)
        self.ready_at = time.monotonic()

    def _end(self, kill: Callable[[int, int], None], number: int) -> None:
        assert self._server is not None
        kill(self._server.pid, number)
        self._server.wait()

    async def _answering(self) -> float:
        """When it takes a client again."""
        while True:
            try:
                await (await asyncpg.connect(self.owner_url)).close()
            except (asyncpg.PostgresError, OSError):
                await asyncio.sleep(0.005)
            else:
                return time.monotonic()


@asynccontextmanager
async def thrown_away() -> AsyncIterator[Cluster]:
    """One with the schema, in a folder that PostgreSQL's own account may enter."""
    parent = Path(tempfile.mkdtemp(prefix="bursar-test-"))
    parent.chmod(0o711)
    try:
        with Cluster(parent / "data") as cluster:
            await upgrade(cluster.owner_url)
            await grant(cluster.owner_url, APPLICATION)
            yield cluster
    finally:
        shutil.rmtree(parent)
