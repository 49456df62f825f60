"""The way from one revision to another: all of it or nothing, once, whoever else tries."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

import bursar
from bursar.database.migrations import alone, downgrade, pending, upgrade
from bursar.database.revision import HEAD, UnknownRevision, current
from bursar.database.tables import metadata
from bursar.domain.chains import Verification
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.operations.audit_chains import findings, heads_of

REPOSITORY = Path(__file__).parents[2]

UPGRADE = """
import asyncio, os
from bursar.database.migrations import upgrade
asyncio.run(upgrade(os.environ["DSN"]))
"""


async def tables(connection: asyncpg.Connection) -> set[str]:
    """Those that migrations make; the partitions of some hold the months of today."""
    rows = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
        " AND relkind IN ('r', 'p') AND NOT relispartition"
    )
    return {row["relname"] for row in rows}


def test_the_history_has_one_head_that_alembic_itself_finds() -> None:
    config = Config(toml_file=REPOSITORY / "pyproject.toml")

    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_an_empty_database_is_upgraded_to_head(
    empty: str, as_owner: asyncpg.Connection
) -> None:
    assert await current(empty) is None
    assert (await pending(empty))[-1] == HEAD

    await upgrade(empty)

    assert await current(empty) == HEAD
    assert await pending(empty) == []
    assert await tables(as_owner) == {*metadata.tables, "alembic_version"}


async def test_the_built_in_organization_is_there_after_the_upgrade(
    as_application: asyncpg.Connection,
) -> None:
    (row,) = await as_application.fetch("SELECT * FROM organizations")

    assert (row["id"], row["external_id"]) == (DEFAULT_ORGANIZATION, "default")
    assert (row["name"], row["name_key"]) == ("Default", "default")


async def test_a_downgrade_to_base_leaves_nothing_and_can_be_undone(
    upgraded: str, as_owner: asyncpg.Connection
) -> None:
    await downgrade(upgraded, "base")

    assert await tables(as_owner) == {"alembic_version"}
    assert await current(upgraded) is None

    await upgrade(upgraded)

    assert await tables(as_owner) == {*metadata.tables, "alembic_version"}


ENTRIES = """
INSERT INTO audit_entries (id, action, object_id, organization_id, before, after)
SELECT 'audit_' || lpad(n::text, 5, '0'), 'team.update', 'team_' || n,
    (ARRAY[NULL, 'org_1', 'org_2'])[1 + n % 3], '{"b": 1.50, "name": "\u00e9"}', NULL
FROM generate_series(1, 300) n ORDER BY n DESC
"""


async def test_entries_from_before_the_chains_are_chained_in_the_order_of_their_ids(
    upgraded: str, as_owner: asyncpg.Connection
) -> None:
    await downgrade(upgraded, "0004")
    await as_owner.execute(ENTRIES)
    for _ in range(2):
        await upgrade(upgraded, "0005")

        async with as_owner.transaction():
            verification = Verification(await heads_of(as_owner))
            assert [finding async for finding in findings(as_owner, verification)] == []
        assert (verification.entries, verification.chains) == (300, 3)
        rows = await as_owner.fetch(
            "SELECT id FROM audit_entries WHERE organization_id = 'org_1' ORDER BY position"
        )
        assert [row["id"] for row in rows] == [f"audit_{n:05}" for n in range(1, 300, 3)]

        await downgrade(upgraded, "0004")
        assert await as_owner.fetchval("SELECT count(*) FROM audit_entries") == 300


async def test_four_replicas_upgrade_at_once_and_all_succeed(empty: str) -> None:
    environment = {**os.environ, "DSN": empty}
    replicas = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", UPGRADE, env=environment)
        for _ in range(4)
    ]

    assert await asyncio.gather(*(replica.wait() for replica in replicas)) == [0, 0, 0, 0]
    assert await current(empty) == HEAD


async def test_the_first_migrations_of_two_replicas_meet_and_the_later_one_waits(
    empty: str, as_owner: asyncpg.Connection
) -> None:
    """Both find no version table; the later one's is refused the moment the other commits."""
    async with as_owner.transaction():
        await as_owner.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        waiting = asyncio.create_task(alone(empty, revisions))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
        await as_owner.execute("INSERT INTO alembic_version VALUES ('theirs')")

    assert await waiting == ["theirs"]


async def test_a_migration_waits_for_another_even_before_it_reads(
    upgraded: str, as_owner: asyncpg.Connection
) -> None:
    async with as_owner.transaction():
        await as_owner.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
        waiting = asyncio.create_task(alone(upgraded, lambda _: "had its turn"))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done

    assert await waiting == "had its turn"


def revisions(connection: Connection) -> list[str]:
    return list(connection.scalars(text("SELECT version_num FROM alembic_version")))


async def test_a_migration_that_fails_leaves_no_trace(
    empty: str, as_owner: asyncpg.Connection
) -> None:
    await as_owner.execute("CREATE TABLE audit_entries (in_the_way int)")

    with pytest.raises(ProgrammingError, match="already exists"):
        await upgrade(empty)

    assert await tables(as_owner) == {"audit_entries"}
    assert await current(empty) is None


async def test_a_database_of_a_later_version_is_left_alone(
    upgraded: str, as_owner: asyncpg.Connection
) -> None:
    await as_owner.execute("UPDATE alembic_version SET version_num = '9999'")

    for attempt in (upgrade(upgraded), downgrade(upgraded, "base"), pending(upgraded)):
        with pytest.raises(UnknownRevision, match="revision 9999, which this version"):
            await attempt

    assert await tables(as_owner) == {*metadata.tables, "alembic_version"}


async def test_a_wheel_finds_the_migrations_inside_its_package(
    empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "lib/python3/site-packages/bursar"
    shutil.copytree(REPOSITORY / "migrations", package / "migrations")
    first = next((package / "migrations/versions").glob("*_foundation.py"))
    first.write_text(first.read_text().replace('"0001"', '"of the wheel"'))
    for later in {*first.parent.glob("*.py")} - {first}:
        later.unlink()
    monkeypatch.setattr(bursar, "__file__", str(package / "__init__.py"))

    assert await pending(empty) == ["of the wheel"]
