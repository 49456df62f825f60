"""What is asked about: a durable PostgreSQL with a seeded database, and what is added to it."""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import processors

from bursar.database.data_directory import APPLICATION
from bursar.database.embedded import EmbeddedPostgres
from bursar.database.grants import grant
from bursar.database.migrations import upgrade
from bursar.database.postmaster import Postmaster
from bursar.operations.seed.load import seed
from bursar.operations.seed.population import TODAY

SIZE = {
    "organizations": 200,
    "teams": 10_000,
    "users": 100_000,
    "members_per_team": 30,
    "keys_per_team": 20,
}

# What is seeded was there before that day, so that what is younger was added here.
_ADDED = f"joined_at >= '{TODAY:%Y-%m-%d}'"
_COUNT = f"""
SELECT (SELECT count(*) FROM team_members WHERE {_ADDED}),
       (SELECT count(*) FROM audit_entries WHERE action = 'team_member.add')
         + (SELECT count(*) FROM peers.audit_entries)
"""  # noqa: S608 (a constant)


@dataclass(frozen=True)
class World:
    """A database that is served, as its owner and as Bursar's own role."""

    owner_url: str
    application_url: str
    postmaster: int
    version: str

    def seconds(self) -> float:
        """How long PostgreSQL has worked."""
        return processors.seconds_of(self.postmaster)

    def added(self) -> int:
        """How many members were added. Stops everything unless the audit has an entry for each."""
        members, entries = asyncio.run(_run(self.owner_url, _COUNT))[0]
        if members != entries:
            raise SystemExit(f"{members} were added, and the audit tells of {entries}")
        return int(members)

    def clean(self) -> None:
        """Take away what was added, so that everybody finds what everybody found."""
        delete = f"DELETE FROM team_members WHERE {_ADDED}"  # noqa: S608 (a constant)
        truncate = "TRUNCATE audit_entries, peers.audit_entries"
        vacuum = "VACUUM ANALYZE team_members"
        asyncio.run(_run(self.owner_url, delete, truncate, vacuum))


@contextmanager
def world(
    folder: Path | None, size: Mapping[str, Any], shared_buffers: str = "256MB"
) -> Iterator[World]:
    """Serve a folder, which is seeded first if it is new; without any, one that is gone at the end.

    PostgreSQL is the one that Bursar brings along, durable, on cores of its own.
    """
    kept = folder is not None
    folder = folder or Path(tempfile.mkdtemp(prefix="bursar-benchmark-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)  # PostgreSQL is another account where this is root
    os.sched_setaffinity(0, processors.POSTGRES)  # inherited by what is started from here
    try:
        with EmbeddedPostgres(
            folder / "data", connections=400, shared_buffers=shared_buffers
        ) as postgres:
            asyncio.run(_fill(postgres.owner_url, size))
            os.sched_setaffinity(0, processors.LOAD)
            found = Postmaster.of((folder / "data/postgres").resolve())
            if found is None:
                raise SystemExit("PostgreSQL is gone")
            version = asyncio.run(_run(postgres.owner_url, "SHOW server_version"))[0][0]
            yield World(postgres.owner_url, postgres.application_url, found.pid, version)
    finally:
        if not kept:
            shutil.rmtree(folder)


async def _fill(owner_url: str, size: Mapping[str, Any]) -> None:
    await upgrade(owner_url)
    await grant(owner_url, APPLICATION)
    if not (await _run(owner_url, "SELECT EXISTS (SELECT FROM team_members)"))[0][0]:
        print(f"Seeding {size['teams']:,} teams …", flush=True)
        began = time.monotonic()
        await seed(owner_url, **size)
        print(f"… took {time.monotonic() - began:.0f} s", flush=True)
    peers = Path(__file__).with_name("peers.sql").read_text()
    await _run(owner_url, peers, "VACUUM ANALYZE")


async def _run(url: str, *statements: str) -> list[asyncpg.Record]:
    """Run statements; what the last one answers."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return list(await connection.fetch(statements[-1]))
    finally:
        await connection.close()
