"""The embedded PostgreSQL: made, started, stopped, and taken over from an owner that was killed."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlencode

from bursar.database.data_directory import (
    APPLICATION,
    OWNER,
    SUPERUSER,
    DataDirectory,
    DataDirectoryInUse,
    DataDirectoryUnusable,
)
from bursar.database.postgres_programs import PostgresPrograms, uninterrupted
from bursar.database.postmaster import Postmaster, clear_remains, end

__all__ = [
    "DataDirectoryInUse",
    "DataDirectoryUnusable",
    "EmbeddedPostgres",
    "RunningPostgres",
    "running",
]

_MAJOR = "18"
_PORT = "5432"
_START_SECONDS = 300
_LEAST_CONNECTIONS = 200
_SPARE_CONNECTIONS = 20
_LOG_BYTES = 1_000_000

_SETTINGS = {
    "listen_addresses": "",
    "port": _PORT,
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "autovacuum": "on",
    "logging_collector": "off",
    # A failed statement is the application's to tell; its text and values stay out of the log.
    "log_min_messages": "log",
    "log_checkpoints": "off",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_ROLES_AND_DATABASE = r"""
SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY['bursar_owner', 'bursar_app']) AS name
WHERE name NOT IN (SELECT rolname FROM pg_roles) \gexec
ALTER ROLE bursar_owner LOGIN PASSWORD :'owner_password';
ALTER ROLE bursar_app LOGIN PASSWORD :'application_password';
SELECT 'CREATE DATABASE bursar OWNER bursar_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'bursar') \gexec
REVOKE ALL ON DATABASE bursar FROM PUBLIC;
GRANT CONNECT ON DATABASE bursar TO bursar_app;
\connect bursar
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO bursar_app;
"""


@dataclass(frozen=True)
class RunningPostgres:
    """What it takes to use a server that another process owns; as EmbeddedPostgres has it."""

    owner_url: str
    application_url: str
    pepper: str


class EmbeddedPostgres:
    """PostgreSQL in a data directory, held by this process alone, on a Unix socket only.

    A process that is killed leaves its PostgreSQL serving; the next start in the same directory
    stops that one and starts its own. `connections` are what one server may need at most; commands
    find some beside them. `durable=False` trades the safety of the data for speed; `shared_buffers`
    is the memory for its tables in PostgreSQL's words, of which benchmarks need more, such as `1GB`,
    whose data is more than what is not said holds.
    """

    def __init__(
        self,
        directory: Path,
        *,
        connections: int = 0,
        durable: bool = True,
        shared_buffers: str = "256MB",
    ) -> None:
        self._data = DataDirectory(directory)
        self._connections = max(connections + _SPARE_CONNECTIONS, _LEAST_CONNECTIONS)
        self._durable = durable
        self._shared_buffers = shared_buffers
        self._sockets = _socket_folder(self._data.postgres)
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def owner_url(self) -> str:
        """DSN for asyncpg of the role that owns the database, for migrations."""
        return _url(self._data, OWNER, self._sockets)

    @property
    def application_url(self) -> str:
        """DSN for asyncpg of the role that makes nothing and reads only what it was granted."""
        return _url(self._data, APPLICATION, self._sockets)

    @property
    def pepper(self) -> str:
        """The secret that API keys are hashed with, made at the first start."""
        return self._data.pepper()

    def start(self) -> None:
        """Return when both roles can connect.

        Raises DataDirectoryInUse, DataDirectoryUnusable; then nothing is held or left running.
        """
        self._data.lock()
        try:
            self._start()
        except OSError as error:
            self.stop()
            raise DataDirectoryUnusable.because(self._data.path, error) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End PostgreSQL and let the directory go; where that is done already, nothing.

        What is not committed is rolled back. Raises DataDirectoryUnusable where PostgreSQL does
        not end; the directory then stays held.
        """
        if (server := self._server) is not None:
            if not end(server.pid, lambda: server.poll() is not None):
                raise DataDirectoryUnusable(self._data.path, "PostgreSQL does not stop")
            self._server = None
            if self._sockets != self._data.postgres:
                with suppress(OSError):
                    self._sockets.rmdir()
        self._data.unlock()

    @property
    def lives(self) -> bool:
        """Whether its process does."""
        return self._server is not None and self._server.poll() is None

    def start_again(self) -> None:
        """After it died; what was committed is there. Raises DataDirectoryUnusable."""
        clear_remains(self._data.postgres)
        self._launch(PostgresPrograms(self._data))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        data = self._data
        programs = PostgresPrograms(data)
        orphan = Postmaster.of(data.postgres)
        if orphan and not end(orphan.pid, lambda: Postmaster.of(data.postgres) is None):
            reason = f"PostgreSQL (process {orphan.pid}), left by a killed owner, does not stop"
            raise DataDirectoryUnusable(data.path, reason)
        clear_remains(data.postgres)
        if not data.postgres.exists():
            data.make_secrets()
            self._initialise(programs)
        elif (major := (data.postgres / "PG_VERSION").read_text().strip()) != _MAJOR:
            reason = f"written by PostgreSQL {major}; this is PostgreSQL {_MAJOR}"
            raise DataDirectoryUnusable(data.path, reason)
        self._launch(programs)
        self._make_roles(programs)

    def _initialise(self, programs: PostgresPrograms) -> None:
        """Make `postgres/` under another name first: it is there whole or not at all."""
        for abandoned in self._data.path.glob("postgres-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        draft = Path(tempfile.mkdtemp(prefix="postgres-", dir=self._data.path))
        password = draft / "password"
        password.touch(mode=0o600)
        password.write_text(self._data.password(SUPERUSER))
        programs.hand_over(password)
        programs.hand_over(draft)
        programs.run(
            "initdb",
            *("--pgdata", draft / "data"),
            *("--username", SUPERUSER, "--pwfile", password, "--auth", "scram-sha-256"),
            *("--encoding", "UTF8", "--locale", "C"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            "--no-instructions",
            *(() if self._durable else ("--no-sync",)),
        )
        (draft / "data").rename(self._data.postgres)
        shutil.rmtree(draft)
        if self._durable:
            self._data.sync()

    def _launch(self, programs: PostgresPrograms) -> None:
        """Not by pg_ctl, which looks ten times a second only and gives paths to a shell."""
        data = self._data
        if self._sockets != data.postgres:
            programs.make_private_folder(self._sockets)
        settings = _SETTINGS | {
            "unix_socket_directories": str(self._sockets),
            "max_connections": str(self._connections),
            "shared_buffers": self._shared_buffers,
        }
        settings |= {} if self._durable else _NOT_DURABLE
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with data.open_log(_LOG_BYTES) as log:
            start_of_log = log.tell()
            with uninterrupted():
                self._server = programs.start("postgres", "-D", data.postgres, *flags, log=log)
        deadline = time.monotonic() + _START_SECONDS
        while not ((found := Postmaster.of(data.postgres)) and found.ready):
            if self._server.poll() is not None or time.monotonic() > deadline:
                complaint = data.log.read_bytes()[start_of_log:][-500:].decode(errors="replace")
                raise DataDirectoryUnusable(data.path, f"PostgreSQL does not start: {complaint}")
            time.sleep(0.005)

    def _make_roles(self, programs: PostgresPrograms) -> None:
        data = self._data
        passwords = (
            f"\\set owner_password '{data.password(OWNER)}'\n"
            f"\\set application_password '{data.password(APPLICATION)}'\n"
        )
        programs.run(
            "psql",
            *("--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", "postgres"),
            *("--host", self._sockets, "--port", _PORT, "--username", SUPERUSER),
            stdin=passwords + _ROLES_AND_DATABASE,
            password=data.password(SUPERUSER),
        )


def running(directory: Path) -> RunningPostgres | None:
    """The server that another living process owns here, None where none serves.

    Raises DataDirectoryUnusable where this account may not read the directory.
    """
    data = DataDirectory(directory)
    try:
        server = Postmaster.of(data.postgres)
        if data.holder() is None or server is None or not server.ready:
            return None
        return RunningPostgres(
            owner_url=_url(data, OWNER, server.sockets),
            application_url=_url(data, APPLICATION, server.sockets),
            pepper=data.pepper(),
        )
    except OSError as error:
        raise DataDirectoryUnusable.because(data.path, error) from error


def _socket_folder(postgres: Path) -> Path:
    """`postgres/` itself, or a folder named after it among the temporary files.

    The latter where a socket's address cannot carry the path: about 100 bytes, and none of the
    separators of DSNs and settings.
    """
    if re.fullmatch(r"/[\w /.+~-]{1,80}", str(postgres), re.ASCII):
        return postgres
    name = hashlib.sha256(os.fsencode(postgres)).hexdigest()[:16]
    return Path(tempfile.gettempdir(), f"bursar-{name}").absolute()


def _url(data: DataDirectory, role: str, sockets: Path) -> str:
    address = urlencode({"host": sockets, "port": _PORT}, safe="/", quote_via=quote)
    return f"postgresql://{role}:{data.password(role)}@/bursar?{address}"
