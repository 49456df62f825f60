"""Dumps of the embedded database: plain SQL, out by pg_dump and in by psql, all of it or nothing."""

import os
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from bursar.database.data_directory import DataDirectory
from bursar.database.postgres_programs import PostgresPrograms

# pg_dump writes it from PostgreSQL 17 on, and a server before 17 does not know it.
_UNKNOWN_BEFORE_17 = b"SET transaction_timeout = 0;"
_HEADER_BYTES = 4096


def dump(directory: Path, dsn: str, file: Path) -> None:
    """Write the database of a data directory to a file, to last; `dsn` is its owner's.

    It names no role and no right, so that any PostgreSQL from 15 on takes it, by a psql that is as
    new as pg_dump's habits: 15.14, 16.10, 17.6 or 18. Raises DataDirectoryUnusable.
    """
    address, password = _apart(dsn)
    with file.open("wb") as written:
        PostgresPrograms(DataDirectory(directory)).run(
            "pg_dump",
            *("--format", "plain", "--no-owner", "--no-privileges", "--encoding", "UTF8"),
            *("--dbname", address),
            password=password,
            stdout=written,
        )
    # Opened anew, because pg_dump leaves the other descriptor able to append only.
    with file.open("r+b") as written:
        _forget_what_is_new(written)
        os.fsync(written.fileno())


def load(directory: Path, dsn: str, file: BinaryIO) -> None:
    """Run a dump in one transaction, as its new owner. Raises DataDirectoryUnusable."""
    address, password = _apart(dsn)
    PostgresPrograms(DataDirectory(directory)).run(
        "psql",
        *("--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--output", "/dev/null"),
        *("--single-transaction", "--file", "-", "--command", "ANALYZE"),
        *("--dbname", address),
        stdin=file,
        password=password,
    )


def _apart(dsn: str) -> tuple[str, str]:
    """The DSN without its password, which a list of processes would show, and the password."""
    password = urlsplit(dsn).password or ""
    return dsn.replace(f":{password}@", "@", 1), password


def _forget_what_is_new(file: BinaryIO) -> None:
    """Make a comment of equal length of it, so that not all has to be written again."""
    found = file.read(_HEADER_BYTES).find(b"\n" + _UNKNOWN_BEFORE_17 + b"\n")
    if found >= 0:
        file.seek(found + 1)
        file.write(b"-- no transaction_timeout".ljust(len(_UNKNOWN_BEFORE_17)))
        file.flush()
