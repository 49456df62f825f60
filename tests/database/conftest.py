"""A schema of its own for each test that makes tables, on one server."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from bursar.database.data_directory import APPLICATION
from bursar.database.embedded import EmbeddedPostgres
from bursar.database.grants import grant
from bursar.database.migrations import upgrade


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    parent = Path(tempfile.mkdtemp(prefix="bursar-test-"))
    parent.chmod(0o711)
    with EmbeddedPostgres(parent / "data", durable=False) as server:
        yield server
    shutil.rmtree(parent)


@pytest.fixture
async def schema(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    name = f"s{uuid4().hex}"
    connection = await asyncpg.connect(postgres.owner_url)
    await connection.execute(f"CREATE SCHEMA {name}; GRANT USAGE ON SCHEMA {name} TO {APPLICATION}")
    yield name
    await connection.execute("SET client_min_messages = warning")
    await connection.execute(f"DROP SCHEMA {name} CASCADE")
    await connection.close()


@pytest.fixture
def empty(postgres: EmbeddedPostgres, schema: str) -> str:
    """The owner's DSN of a schema that holds nothing."""
    return f"{postgres.owner_url}&search_path={schema}"


@pytest.fixture
async def migrated(empty: str) -> str:
    """The owner's DSN of a schema at head, where the application's role has its rights."""
    await upgrade(empty)
    await grant(empty, APPLICATION)
    return empty


@pytest.fixture
async def owner(empty: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(empty)
    yield connection
    await connection.close()


@pytest.fixture
async def application(
    postgres: EmbeddedPostgres, schema: str, migrated: str
) -> AsyncIterator[asyncpg.Connection]:
    """Connected as the application's role, to the schema of `migrated`."""
    assert schema in migrated
    connection = await asyncpg.connect(f"{postgres.application_url}&search_path={schema}")
    yield connection
    await connection.close()
