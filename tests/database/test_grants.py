"""The wall around the application: what its role may do with the tables, and what it may not."""

import asyncpg
import pytest

from bursar.database.data_directory import APPLICATION
from bursar.database.grants import grant
from bursar.database.migrations import head
from bursar.database.tables import metadata


async def test_the_application_changes_every_table_and_appends_to_the_audit(
    application: asyncpg.Connection,
) -> None:
    await application.execute(
        "INSERT INTO audit_entries (id, action, object_id) VALUES ('audit_1', 'a', 'b')"
    )
    for table in metadata.tables.keys() - {"audit_entries"}:
        await application.execute(f"INSERT INTO {table} SELECT * FROM {table} LIMIT 0")
        await application.execute(f"UPDATE {table} SET id = id")
        await application.execute(f"DELETE FROM {table}")

    assert len(await application.fetch("SELECT * FROM audit_entries")) == 1
    assert await application.fetchval("SELECT version_num FROM alembic_version") == head()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET action = 'other'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "TRUNCATE teams CASCADE",
        "UPDATE alembic_version SET version_num = 'other'",
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "DROP TABLE audit_entries",
        "DROP TABLE teams CASCADE",
        "ALTER TABLE teams ADD mine int",
        "ALTER TABLE audit_entries OWNER TO CURRENT_USER",
        "CREATE INDEX ON teams (name)",
    ],
)
async def test_the_application_is_refused(application: asyncpg.Connection, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await application.execute(statement)


async def test_a_grant_takes_away_what_was_granted_before(
    migrated: str, owner: asyncpg.Connection, application: asyncpg.Connection
) -> None:
    await owner.execute(f"GRANT ALL ON audit_entries TO {APPLICATION}")
    await application.execute("DELETE FROM audit_entries")

    await grant(migrated, APPLICATION)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await application.execute("DELETE FROM audit_entries")
