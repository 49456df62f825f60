"""A PostgreSQL to throw away: durable, on its own, and killed in every way there is."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg

from bursar.database.data_directory import APPLICATION
from bursar.database.embedded import EmbeddedPostgres
from bursar.database.grants import grant
from bursar.database.migrations import upgrade
from bursar.database.postgres_programs import PostgresPrograms

SERVING = "SELECT pid FROM pg_stat_activity WHERE application_name = 'bursar'"


class Cluster(EmbeddedPostgres):
    """Remembers when it was last ready; every way to kill it returns when it is dead."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._filler = directory.with_name("filler")
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
        os.kill(await connection.fetchval(SERVING), signal.SIGKILL)
        while not connection.is_closed():  # noqa: ASYNC110 (PostgreSQL tells nobody)
            await asyncio.sleep(0.001)
        await self.answers()
        self.ready_at = time.monotonic()

    async def answers(self) -> None:
        """Return when it takes a client."""
        while True:
            try:
                return await (await asyncpg.connect(self.owner_url)).close()
            except (asyncpg.PostgresError, OSError):
                await asyncio.sleep(0.005)

    def fill_disk(self) -> None:
        with self._filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(2**16))

    def free_disk(self) -> None:
        """And start it where the full disk has ended it."""
        self._filler.unlink()
        if not self.lives:
            self.restart()
        self.ready_at = time.monotonic()

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


def _folder() -> Path:
    """One that PostgreSQL's own account may enter."""
    folder = Path(tempfile.mkdtemp(prefix="bursar-test-"))
    folder.chmod(0o711)
    return folder


@asynccontextmanager
async def thrown_away(megabytes: int | None = None) -> AsyncIterator[Cluster]:
    """One with the schema; where a size is said, on a disk that takes no more, which root may make."""
    folder = await asyncio.to_thread(_folder)
    if megabytes is not None:
        _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=711", "tmpfs", folder)
    try:
        with Cluster(folder / "data") as cluster:
            await upgrade(cluster.owner_url)
            await grant(cluster.owner_url, APPLICATION)
            yield cluster
    finally:
        if megabytes is not None:
            _run("umount", folder)
        shutil.rmtree(folder)


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True)
