"""The command line: what each command prints, and the one line that tells what went wrong."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bursar import __version__
from bursar.cli import app
from bursar.database.revision import HEAD
from bursar.graphql.execution.trusted import id_of, texts_in
from bursar.settings import Settings, variable

pytestmark = pytest.mark.usefixtures("logging_as_before")
LONG = "0123456789abcdefghijklmnopqrstuv"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in os.environ:
        if name.startswith("BURSAR_") or name == "DATABASE_URL":
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def directory(environment: pytest.MonkeyPatch) -> Iterator[Path]:
    parent = Path(tempfile.mkdtemp(prefix="bursar-test-"))
    parent.chmod(0o711)
    environment.setenv("BURSAR_DATA_DIR", str(parent / "data"))
    yield parent / "data"
    shutil.rmtree(parent)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def refused(code: int, *arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == code
    assert result.stdout == ""
    assert re.fullmatch(r"bursar: .+\n", result.stderr)
    return result.stderr


def test_the_version_is_told() -> None:
    assert run("version").stdout == f"{__version__}\n"


def test_help_names_every_setting_and_command() -> None:
    told = run("--help").stdout
    commands = {"serve", "migrate", "schema", "seed", "admin-key", "config", "version"}
    commands |= {"doctor", "backup", "restore", "documents"}
    for name in {*map(variable, Settings.model_fields), *commands}:
        assert name in told


def test_config_shows_every_setting_with_value_and_source(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("BURSAR_PORT", "9000")
    environment.setenv("BURSAR_ADMIN_KEY", LONG)
    environment.setenv("BURSAR_PEPPER", LONG)
    environment.setenv("DATABASE_URL", "postgres://ada:pa55word@db.example/bursar")
    told = run("config").stdout.splitlines()
    settings = [line.split(" = ")[0] for line in told[::2]]
    assert sorted(settings) == sorted(variable(name) for name in Settings.model_fields)
    assert (settings[0], settings[-1]) == ("BURSAR_HOST", "BURSAR_MAX_FAILED_SIGN_INS")
    assert "BURSAR_HOST = 127.0.0.1 (default)" in told
    assert "BURSAR_PORT = 9000 (environment)" in told
    assert "BURSAR_ADMIN_KEY = *** (environment)" in told
    assert "BURSAR_PEPPER = *** (environment)" in told
    assert "DATABASE_URL = postgres://ada:***@db.example/bursar (environment)" in told


def test_who_reads_the_beginning_alone_ends_a_command_without_a_word() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "bursar", "config"]
    with os.fdopen(writing) as closed:
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize(
    "command",
    [
        ["serve"],
        ["migrate"],
        ["migrate", "--check"],
        ["migrate", "down"],
        ["migrate", "status"],
        ["seed"],
        ["doctor"],
        ["backup", "dump.sql"],
        ["restore", "dump.sql"],
        ["admin-key", "new"],
        ["config"],
    ],
)
def test_bad_settings_stop_every_command_with_one_line(
    environment: pytest.MonkeyPatch, command: list[str]
) -> None:
    environment.setenv("BURSAR_PROT", "9000")
    assert "BURSAR_PROT: unknown setting, did you mean BURSAR_PORT?" in refused(2, *command)


def test_the_schema_is_printed() -> None:
    assert "type Team implements Node" in run("schema", "print").stdout


@pytest.mark.usefixtures("directory")
def test_migrations_go_to_head_and_back() -> None:
    check = run("migrate", "--check")
    assert (check.exit_code, check.stdout.splitlines()[0]) == (1, f"at base, head is {HEAD}")
    assert f"pending: {HEAD}" in check.stdout
    assert re.fullmatch(rf"at {HEAD}, [1-9]\d* applied\n", run("migrate").stdout)
    assert run("migrate", "head").stdout == f"at {HEAD}, 0 applied\n"
    check = run("migrate", "--check")
    assert (check.exit_code, check.stdout) == (0, f"at {HEAD}, head is {HEAD}\n")
    assert refused(1, "migrate", "down", "0000").startswith("bursar: There is no revision 0000")
    assert run("migrate", "down", "base").stdout == "at base\n"
    status = run("migrate", "status")
    assert (status.exit_code, f"pending: {HEAD}" in status.stdout) == (0, True)


@pytest.mark.usefixtures("directory")
def test_a_seeded_database_is_told_and_refuses_the_same_again() -> None:
    small = ["--organizations=2", "--teams=3", "--users=9", "--members-per-team=2", "--days=2"]
    result = run("seed", *small)
    assert result.exit_code == 0
    assert re.search(r"^ +3 teams$", result.stdout, re.MULTILINE)
    again = run("seed", *small)
    assert again.exit_code == 1
    assert "give another with --seed" in again.stderr


@pytest.mark.usefixtures("directory")
def test_an_operator_gets_a_new_admin_key_each_time() -> None:
    first, second = run("admin-key", "new").stdout, run("admin-key", "new").stdout
    assert re.fullmatch(r"bk_[0-9A-Za-z]{49}\n", first)
    assert first != second


def test_a_backup_says_where_the_pepper_is_and_a_restore_that_it_is_another(
    directory: Path, environment: pytest.MonkeyPatch
) -> None:
    assert "there is no database in" in refused(1, "doctor")
    assert run("migrate").exit_code == 0
    dump = directory.parent / "dump.sql"
    told = run("backup", str(dump)).stdout
    assert re.search(r"^[\d,]+ bytes in ", told)
    assert f"keep {directory / 'pepper'} too" in told
    environment.setenv("BURSAR_DATA_DIR", str(directory.parent / "other"))
    told = run("restore", str(dump)).stdout
    assert f"Its keys are unknown until {directory.parent / 'other' / 'pepper'} is" in told
    assert "all is well" in run("doctor").stdout


def test_a_database_that_is_away_is_told_without_its_password(
    environment: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment.setenv("BURSAR_PEPPER", LONG)
    environment.setenv("DATABASE_URL", f"postgresql://ada:pa55word@127.0.0.1:{port}/bursar")
    for command in ("serve", "migrate"):
        told = refused(1, command)
        assert "the database does not answer: Connect call failed" in told
        assert "pa55word" not in told


def test_a_data_directory_that_cannot_be_is_told(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("BURSAR_DATA_DIR", f"{__file__}/data")
    assert "Not a directory" in refused(1, "migrate")


def test_a_terminated_command_stops_the_postgresql_it_started(directory: Path) -> None:
    slow = ["--teams=100000", "--users=1000000", "--members-per-team=100"]
    command = [sys.executable, "-m", "bursar", "seed", *slow]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        pid_file = directory / "postgres" / "postmaster.pid"
        while not (pid_file.exists() and pid_file.read_text().rstrip().endswith("ready")):
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode not in {0, -signal.SIGTERM}
    assert not pid_file.exists()


def test_a_folder_of_documents_becomes_a_manifest(
    tmp_path: Path,
) -> None:
    (tmp_path / "below").mkdir()
    texts = ["query Me { viewer { user { id } } }\n", "{ __typename }"]
    (tmp_path / "me.graphql").write_text(texts[0])
    (tmp_path / "below" / "name.graphql").write_text(texts[1])
    said = run("documents", str(tmp_path))
    assert texts_in(said.stdout.encode()) == {id_of(text): text for text in texts}
    for broken, problem in ((b"{ nothing }", "Cannot query"), (b"\xff", "not in UTF-8")):
        (tmp_path / "bad.graphql").write_bytes(broken)
        said = run("documents", str(tmp_path))
        assert (said.exit_code, said.stdout) == (1, "")
        assert "bad.graphql: " in said.stderr
        assert problem in said.stderr
    assert "no .graphql file" in run("documents", str(tmp_path / "nowhere")).stderr


def test_a_manifest_with_a_document_that_is_refused_stops_the_start_and_names_it(
    environment: pytest.MonkeyPatch, directory: Path, tmp_path: Path
) -> None:
    manifest = tmp_path / "documents.json"
    environment.setenv("BURSAR_TRUSTED_DOCUMENTS", "only")
    environment.setenv("BURSAR_TRUSTED_DOCUMENTS_FILE", str(manifest))
    assert str(manifest) in refused(1, "serve")
    manifest.write_text(json.dumps({id_of("{ nothing }"): "{ nothing }"}))
    assert id_of("{ nothing }") in refused(1, "serve")
    assert not directory.exists()
