"""What benchmarks ask: a server on a core of its own, over a durable PostgreSQL on the others."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bursar.database.data_directory import APPLICATION
from bursar.database.embedded import EmbeddedPostgres
from bursar.database.grants import grant
from bursar.database.migrations import upgrade
from bursar.database.pool import Database
from bursar.domain.keys import new_secret
from bursar.domain.roles import KeyScope
from bursar.operations.seed.load import seed
from bursar.services.key_creation import insert_key

PEPPER = "a pepper for benchmarks of 32 bytes or more"
CORES = sorted(os.sched_getaffinity(0))
START_SECONDS = 60
KEYS = """
SELECT team.organization_id, array_agg(key.id) AS ids
FROM api_keys key JOIN teams team ON team.id = key.team_id GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True)
class Served:
    """A server that listens on a port, and the secret of a key with the scope GATEWAY.

    `keys` has the ids of the keys of teams, a list for each organization.
    """

    port: int
    gateway: str
    keys: Sequence[Sequence[str]]
    owner_url: str
    pid: int

    def core_seconds(self) -> float:
        """How long the server has kept its core busy."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served(*, organizations: int, teams: int, keys_per_team: int) -> Iterator[Served]:
    """Seed a database and serve it; everything is gone at the end.

    Where there are several cores, the server has the first for itself, and PostgreSQL and whoever
    asks share the others.
    """
    os.sched_setaffinity(0, CORES[1:] or CORES)  # inherited by what is started from here
    folder = Path(tempfile.mkdtemp(prefix="bursar-benchmark-"))
    folder.chmod(0o711)
    try:
        with EmbeddedPostgres(folder / "data") as postgres:
            size = {"organizations": organizations, "teams": teams, "keys_per_team": keys_per_team}
            gateway, keys = asyncio.run(_fill(postgres, size))
            with _server(postgres.application_url, folder / "log") as (port, pid):
                yield Served(port, gateway, keys, postgres.owner_url, pid)
    finally:
        shutil.rmtree(folder)


async def _fill(
    postgres: EmbeddedPostgres, size: dict[str, int]
) -> tuple[str, list[Sequence[str]]]:
    await upgrade(postgres.owner_url)
    owner = await asyncpg.connect(postgres.owner_url)
    await grant(postgres.owner_url, APPLICATION)
    await seed(postgres.owner_url, users=size["teams"] * 10, members_per_team=10, **size)
    keys = [row["ids"] for row in await owner.fetch(KEYS)]
    user_id = await owner.fetchval("SELECT min(id) FROM users WHERE NOT blocked")
    await owner.close()
    secret = new_secret()
    database = Database(postgres.application_url)
    await database.write(
        lambda tx: insert_key(tx, user_id, secret, PEPPER.encode(), {"scopes": [KeyScope.GATEWAY]})
    )
    await database.close()
    return secret, keys


@contextmanager
def _server(database_url: str, log: Path) -> Iterator[tuple[int, int]]:
    settings = {
        "DATABASE_URL": database_url,
        "BURSAR_PEPPER": PEPPER,
        "BURSAR_PORT": "0",
        "BURSAR_LOG_LEVEL": "warning",
    }
    core = ",".join(map(str, CORES[:1]))
    command = ["taskset", "--cpu-list", core, sys.executable, "-m", "bursar", "serve"]
    with (
        log.open("w") as output,
        subprocess.Popen(
            command,
            env={**os.environ, **settings},
            stdout=output,
        ) as process,
    ):
        try:
            deadline = time.monotonic() + START_SECONDS
            while not (found := re.search(r"http://[^:]+:(\d+)/graphql", log.read_text())):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("the server did not start")
                time.sleep(0.05)
            yield int(found[1]), process.pid
        finally:
            process.terminate()
