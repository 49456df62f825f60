"""A schema of its own for each test that makes or drops tables."""

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from bursar.database.embedded import EmbeddedPostgres
from bursar.database.grants import grant
from bursar.database.migrations import upgrade
from bursar.database.pool import Database


@pytest.fixture
async def schema(postgres: EmbeddedPostgres, application_role: str) -> AsyncIterator[str]:
    name = f"s{uuid4().hex}"
    connection = await asyncpg.connect(postgres.owner_url)
    await connection.execute(
        f"CREATE SCHEMA {name}; GRANT USAGE ON SCHEMA {name} TO {application_role}"
    )
    yield name
    await connection.execute("SET client_min_messages = warning")
    await connection.execute(f"DROP SCHEMA {name} CASCADE")
    await connection.close()


@pytest.fixture
def empty(postgres: EmbeddedPostgres, schema: str) -> str:
    """The owner's DSN of a schema that holds nothing."""
    return f"{postgres.owner_url}&search_path={schema}"


@pytest.fixture
async def upgraded(empty: str, application_role: str) -> str:
    """The owner's DSN of a schema at head, where the application's role has its rights."""
    await upgrade(empty)
    await grant(empty, application_role)
    return empty


@pytest.fixture
async def as_owner(empty: str) -> AsyncIterator[asyncpg.Connection]:
    """Connected as the tables' owner, to the schema of `empty` and `upgraded`."""
    connection = await asyncpg.connect(empty)
    yield connection
    await connection.close()


@pytest.fixture
async def as_application(
    postgres: EmbeddedPostgres, schema: str, upgraded: str
) -> AsyncIterator[asyncpg.Connection]:
    """Connected as the application, to the schema of `upgraded`."""
    assert schema in upgraded
    connection = await asyncpg.connect(f"{postgres.application_url}&search_path={schema}")
    yield connection
    await connection.close()


@pytest.fixture
async def things(empty: str, as_owner: asyncpg.Connection) -> AsyncIterator[Database]:
    """A pool of three connections to a schema with a table of that name."""
    await as_owner.execute(
        "CREATE TABLE things (id int PRIMARY KEY, value int NOT NULL,"
        " external_id text CONSTRAINT teams_external_id_key UNIQUE);"
        "INSERT INTO things VALUES (1, 0), (2, 0)"
    )
    pool = Database(empty, size=3)
    yield pool
    await pool.close()
