"""Data directories for servers of a test: one that nobody used, and one that had a first start."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bursar.database.embedded import DataDirectoryUnusable, EmbeddedPostgres


@contextmanager
def _place() -> Iterator[Path]:
    """Where a data directory may be, which PostgreSQL's own account can enter."""
    parent = Path(tempfile.mkdtemp(prefix="bursar-test-"))
    parent.chmod(0o711)
    yield parent / "data"
    shutil.rmtree(parent)


@pytest.fixture(scope="session")
def started() -> Iterator[Path]:
    """A directory with the schema and no admin; to make it takes longer than to copy it."""
    with _place() as directory:
        command = [sys.executable, "-m", "bursar", "migrate"]
        settings = {"BURSAR_DATA_DIR": str(directory)}
        subprocess.run(command, env=os.environ | settings, check=True, capture_output=True)
        yield directory


@pytest.fixture
def new_directory() -> Iterator[Path]:
    with _place() as directory:
        yield directory
        if (directory / "postgres" / "postmaster.pid").exists():
            with suppress(DataDirectoryUnusable), EmbeddedPostgres(directory):
                """Takes over what a killed server left, and stops it."""


@pytest.fixture
def directory(started: Path, new_directory: Path) -> Path:
    """A directory that had a first start."""
    subprocess.run(["cp", "--archive", started, new_directory], check=True)
    return new_directory
