"""A real PgBouncer in transaction mode before PostgreSQL, with far fewer sessions than clients."""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx2
import pytest
from faults.storm import Storm, judge
from sqlalchemy import text

from bursar.database.embedded import EmbeddedPostgres
from bursar.database.grants import grant
from bursar.database.migrations import pending, upgrade
from bursar.database.pool import Database
from bursar.database.revision import current
from bursar.database.statements import Statement
from bursar.domain.errors import Overloaded
from factories import Factory
from live_server import serving, serving_on

pytestmark = pytest.mark.pooler

KEY = "an-operator's-choice" + "x" * 20
CREATE = """
mutation($name: String!) { userCreate(input: {name: $name}) { user { id } errors { code } } }
"""
RUNNING = """
SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)' AND state = 'active'
"""
USERS = "{ users(first: 5) { nodes { name } totalCount } }"


class Bouncer:
    """PgBouncer before a database: started, killed, started again; called for an address through it."""

    def __init__(self, folder: Path, migrated: EmbeddedPostgres) -> None:
        self._folder = folder
        url = urlsplit(migrated.application_url)
        hosts = parse_qs(url.query)
        host = hosts.get("host", [url.hostname])[0]
        port = hosts.get("port", [url.port])[0]
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._place = f"127.0.0.1:{self._port}{url.path}"
        (folder / "users").write_text(
            "".join(
                f'"{role.username}" "{role.password}"\n'
                for role in (url, urlsplit(migrated.owner_url))
            )
        )
        (folder / "ini").write_text(
            f"[databases]\n* = host={host} port={port}\n"
            "[pgbouncer]\npool_mode = transaction\ndefault_pool_size = 3\nmax_client_conn = 200\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self._port}\nunix_socket_dir =\n"
            f"auth_type = scram-sha-256\nauth_file = {folder / 'users'}\n"
        )
        self._conditions = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("nobody" if host == "127.0.0.1" else _owner_of(host))
            self._conditions = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            for path in (folder, *folder.iterdir()):
                os.chown(path, account.pw_uid, account.pw_gid)
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self, direct: str) -> str:
        """The address of the database that leads through it."""
        return f"{direct.rpartition('@')[0]}@{self._place}"

    def start(self) -> None:
        """Return when it takes clients; 3 sessions a role serve all."""
        program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, "PgBouncer is not installed"
        self._process = subprocess.Popen([program, "-q", self._folder / "ini"], **self._conditions)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port)).close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def bouncers(migrated: EmbeddedPostgres) -> Iterator[Bouncer]:
    folder = Path(tempfile.mkdtemp(prefix="bursar-bouncer-"))
    bouncer = Bouncer(folder, migrated)
    bouncer.start()
    yield bouncer
    bouncer.kill()
    shutil.rmtree(folder)


@pytest.fixture
def bouncer(bouncers: Bouncer, migrated: EmbeddedPostgres) -> str:
    return bouncers(migrated.application_url)


def _owner_of(folder: str) -> str:
    return pwd.getpwuid(Path(folder).stat().st_uid).pw_name


@pytest.fixture
async def through(bouncer: str, database: Database) -> AsyncIterator[Database]:  # noqa: ARG001 (emptied after the test)
    pool = Database(bouncer, size=20, statement_cache=0)
    yield pool
    await pool.close()


async def test_two_workers_serve_many_clients_over_three_sessions(
    bouncer: str,
    owner: asyncpg.Connection,
    database: Database,  # noqa: ARG001 (emptied after the test)
) -> None:
    settings = {"DATABASE_URL": bouncer, "BURSAR_PEPPER": "p" * 32, "BURSAR_ADMIN_KEY": KEY}
    settings |= {"BURSAR_STATEMENT_CACHE": "0", "BURSAR_WORKERS": "2"}
    settings |= {"BURSAR_MAX_REQUESTS_UNDER_WAY": "60"}  # one worker may get them all
    headers = {"Authorization": f"Bearer {KEY}"}
    with serving(**settings) as server:
        async with httpx2.AsyncClient(base_url=server.url, headers=headers, timeout=30) as http:

            async def ask(number: int) -> object:
                for body in (
                    {"query": CREATE, "variables": {"name": f"person {number}"}},
                    {"query": USERS},
                ):
                    answer = (await http.post("/graphql", json=body)).json()
                    assert "errors" not in answer, answer
                return answer["data"]["users"]["totalCount"]

            await asyncio.gather(*(ask(number) for number in range(60)))
        assert {line["level"] for line in server.lines()} == {"info"}
    assert await owner.fetchval("SELECT count(*) FROM users WHERE name LIKE 'person %'") == 60
    assert await owner.fetchval("SELECT count(*) FROM audit_entries") >= 60


async def test_a_statement_that_takes_too_long_is_ended_in_postgresql(
    through: Database, owner: asyncpg.Connection
) -> None:
    started = time.monotonic()
    with pytest.raises(Overloaded):
        await through.one(Statement(text("SELECT pg_sleep(30)")))
    assert 4.5 < time.monotonic() - started < 9
    assert await owner.fetchval(RUNNING) == 0


async def test_migrations_and_grants_go_through_too(
    bouncers: Bouncer, migrated: EmbeddedPostgres, application_role: str
) -> None:
    owner = bouncers(migrated.owner_url)
    await asyncio.gather(*(current(owner) for _ in range(20)))
    for _ in range(5):
        await upgrade(owner)
        await grant(owner, application_role)
        assert await pending(owner) == []


async def test_many_reads_and_writes_at_once_get_their_own_answers(through: Database) -> None:
    echo = Statement(text("SELECT CAST(:given AS text) AS given, pg_sleep(0.01)"))
    other = Statement(text("SELECT CAST(:given AS int) + 1 AS given"))

    async def read(number: int) -> bool:
        first = await through.one(echo, given=str(number))
        second = await through.one(other, given=number)
        assert first is not None
        assert second is not None
        return (first.given, second.given) == (str(number), number + 1)

    assert all(await asyncio.gather(*(read(number) for number in range(200))))


async def test_a_pgbouncer_that_is_killed_under_load_costs_no_answer_its_truth(
    bouncers: Bouncer, bouncer: str, make: Factory, migrated: EmbeddedPostgres
) -> None:
    storm = await Storm.of(make)
    with serving_on(bouncer, workers=2, BURSAR_STATEMENT_CACHE="0") as server:
        storm.url = server.url
        async with storm.raging(8):
            for _ in range(3):
                await storm.seconds_to_a_good_answer(time.monotonic())
                await asyncio.to_thread(bouncers.kill)
                await asyncio.sleep(0.3)
                await asyncio.to_thread(bouncers.start)
                assert await storm.seconds_to_a_good_answer(time.monotonic()) < 5
        await storm.ask_again()
        assert {line["level"] for line in server.lines()} == {"info", "warning"}
    figures = await judge(storm, migrated.owner_url)
    assert (figures["not told"], storm.codes["UNAVAILABLE"] > 0) == (0, True)
