"""The wall around the application: what its role may do with the tables, and what it may not."""

import asyncpg
import pytest

from bursar.database.grants import grant
from bursar.database.revision import HEAD
from bursar.database.tables import metadata

APPENDED_TO = {"audit_entries", "spend_adjustments", "usage_events"}


async def test_the_application_changes_every_table_and_appends_to_the_audit(
    as_application: asyncpg.Connection,
) -> None:
    await as_application.execute(
        "INSERT INTO audit_entries (id, action, object_id, position, previous_hash, hash)"
        " VALUES ('audit_1', 'a', 'b', 1, sha256('a'), sha256('b'))"
    )
    for table in metadata.tables.keys() - APPENDED_TO:
        column = next(iter(metadata.tables[table].c)).name
        await as_application.execute(f"INSERT INTO {table} SELECT * FROM {table} LIMIT 0")
        await as_application.execute(f"UPDATE {table} SET {column} = {column}")
        if table != "audit_heads":
            await as_application.execute(f"DELETE FROM {table}")

    assert len(await as_application.fetch("SELECT * FROM audit_entries")) == 1
    assert await as_application.fetchval("SELECT version_num FROM alembic_version") == HEAD


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET action = 'other'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "DELETE FROM audit_heads",
        "TRUNCATE audit_heads",
        "UPDATE usage_events SET cost = 0",
        "DELETE FROM usage_events",
        "DELETE FROM spend_adjustments",
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
async def test_the_application_is_refused(
    as_application: asyncpg.Connection, statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await as_application.execute(statement)


async def test_a_grant_takes_away_what_was_granted_before(
    upgraded: str,
    application_role: str,
    as_owner: asyncpg.Connection,
    as_application: asyncpg.Connection,
) -> None:
    await as_owner.execute(f"GRANT ALL ON audit_entries TO {application_role}")
    await as_application.execute("DELETE FROM audit_entries")

    await grant(upgraded, application_role)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await as_application.execute("DELETE FROM audit_entries")


OWNED = """
SELECT relname::text FROM pg_class JOIN pg_roles ON pg_roles.oid = relowner WHERE rolname = $1
UNION ALL SELECT proname FROM pg_proc JOIN pg_roles ON pg_roles.oid = proowner WHERE rolname = $1
UNION ALL SELECT nspname FROM pg_namespace JOIN pg_roles ON pg_roles.oid = nspowner WHERE rolname = $1
UNION ALL SELECT datname FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba WHERE rolname = $1
"""
MAY = """
SELECT table_name::text || ' ' || privilege_type FROM information_schema.table_privileges
WHERE grantee IN ($1, 'PUBLIC') AND table_schema = $2
"""
SPECIAL = """
SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
       OR EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid)
FROM pg_roles WHERE rolname = $1
"""


async def test_the_catalog_says_that_the_application_owns_nothing_and_appends_to_the_audit(
    as_application: asyncpg.Connection, application_role: str, schema: str
) -> None:
    assert await as_application.fetch(OWNED, application_role) == []
    assert await as_application.fetchval(SPECIAL, application_role) is False
    creates = "SELECT has_schema_privilege(n.oid, 'CREATE') FROM pg_namespace n"
    assert not any(row[0] for row in await as_application.fetch(creates))
    rights: dict[str, set[str]] = {}
    for (text,) in await as_application.fetch(MAY, application_role, schema):
        table, right = text.split()
        rights.setdefault(table, set()).add(right)
    assert rights.pop("alembic_version") == {"SELECT"}
    assert {table for table, granted in rights.items() if granted == {"SELECT", "INSERT"}} == (
        APPENDED_TO
    )
    # As TRUNCATE, TRIGGER and REFERENCES would reach past what is written here.
    everything = {"SELECT", "INSERT", "UPDATE", "DELETE"}
    assert all(granted <= everything for granted in rights.values())
    assert rights.keys() == metadata.tables.keys()
